//! `on`, as far as a runner asks it: which inputs there are.
//!
//! Gitea (1.27) and Forgejo (15) hand the inputs of a called workflow over as those of an event: the task's context says
//! `event_name: workflow_call`, has the values as `event.inputs`, and the document's `on.workflow_call.inputs` says their types.
//! Runners read nothing else, so that `github.event_name` of such a job is not that of the run.

use super::DocumentError;
use super::node::{Entries, list, literal, node, template, value};
use crate::expr::{Object, Value};
use crate::model::{CallInput, DispatchInput, TriggerKind};
use crate::run::{Origin, ReadyJob};
use crate::yaml::{Node, NodeKind};

/// What the task's context must have as `event.inputs`, with `event_name: workflow_call`, for the job of a called workflow; nothing
/// for others, whose event brings its own. Booleans are texts: that is what every runner understands (act compares with `'true'`).
#[must_use]
pub fn event_inputs(ready: &ReadyJob) -> Option<Value> {
    if ready.origin != Origin::Call {
        return None;
    }
    let mut inputs = Object::new();
    for (key, given) in ready.inputs.as_object().into_iter().flat_map(Object::iter) {
        let given = match given {
            Value::Bool(given) => Value::from(if *given { "true" } else { "false" }),
            given => given.clone(),
        };
        inputs.insert(key, given);
    }
    Some(Value::object(inputs))
}

/// The events by their names, and the inputs of the one that a runner asks for.
pub(super) fn on(ready: &ReadyJob) -> Result<Node<'_>, DocumentError> {
    let called =
        ready.origin == Origin::Call || ready.github.get("event_name").and_then(Value::as_str) == Some("workflow_call");
    let mut on = Entries::default();
    for trigger in &ready.workflow.on {
        let declared = match &trigger.kind {
            TriggerKind::Call { inputs, .. } if called => declared(inputs, |input| called_input(input, &ready.inputs))?,
            TriggerKind::Dispatch(inputs) if !called => declared(inputs, dispatched_input)?,
            // Of a called file only that it can be called matters, and of another the opposite.
            TriggerKind::Call { .. } => continue,
            _ if called => continue,
            _ => None,
        };
        on.put(trigger.event.value.as_str(), declared.unwrap_or_else(|| node(NodeKind::Null)));
    }
    Ok(on.finish())
}

fn declared<'a, T>(
    inputs: &'a [T],
    write: impl Fn(&'a T) -> Result<(&'a str, Node<'a>), DocumentError>,
) -> Result<Option<Node<'a>>, DocumentError> {
    if inputs.is_empty() {
        return Ok(None);
    }
    let mut entries = Entries::default();
    for input in inputs {
        let (id, input) = write(input)?;
        entries.put(id, input);
    }
    let mut declared = Entries::default();
    declared.put("inputs", entries.finish());
    Ok(Some(declared.finish()))
}

/// With the value as its default: it has been evaluated, and Forgejo hands it over so.
fn called_input<'a>(input: &'a CallInput, inputs: &'a Value) -> Result<(&'a str, Node<'a>), DocumentError> {
    let mut entries = Entries::default();
    entries.put("type", literal(input.kind.to_string())?);
    entries.put("required", node(NodeKind::Bool(input.required)));
    if let Some(given) = inputs.get(&input.id.value) {
        entries.put("default", value(given)?);
    }
    Ok((&input.id.value, entries.finish()))
}

fn dispatched_input(input: &DispatchInput) -> Result<(&str, Node<'_>), DocumentError> {
    let mut entries = Entries::default();
    if let Some(description) = &input.description {
        entries.put("description", literal(description.as_str())?);
    }
    entries.put("type", literal(input.kind.to_string())?);
    entries.put("required", node(NodeKind::Bool(input.required)));
    if let Some(default) = &input.default {
        entries.put("default", template(default)?);
    }
    if !input.options.is_empty() {
        let options = input.options.iter().map(|option| literal(option.value.as_str()));
        entries.put("options", list(options.collect::<Result<_, _>>()?));
    }
    Ok((&input.id.value, entries.finish()))
}
