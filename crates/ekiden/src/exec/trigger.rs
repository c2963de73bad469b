//! What the trigger of a workflow adds to the occasion that starts it: inputs, and what a payload that we make up must hold.
//! `run` calls it for every workflow of an `exec`.

use super::event::Occasion;
use crate::failure::Failure;
use std::collections::BTreeMap;
use workflow::dispatch::DispatchError;
use workflow::expr::{MapScope, Value};
use workflow::model::{CallInput, TriggerKind, Workflow};

/// The inputs of a workflow, as far as they are known before its contexts are.
#[derive(Debug)]
pub(super) enum Inputs<'a> {
    /// They are.
    Known(Value),
    /// Those of a workflow that others call, and that is started by itself: defaults may hold expressions.
    Called(Called<'a>),
}

/// What a called workflow declares, and what is given.
#[derive(Debug)]
pub(super) struct Called<'a> {
    declared: &'a [CallInput],
    given: BTreeMap<String, String>,
}

/// The `inputs` of a workflow; the texts of a dispatch go into the payload.
pub(super) fn inputs<'a>(
    workflow: &'a Workflow,
    given: &BTreeMap<String, String>,
    occasion: &mut Occasion,
) -> Result<Inputs<'a>, Failure> {
    // Without its own event, a file that only others call was named by hand: it is called.
    let called = occasion.name == "workflow_call" || workflow.on.iter().all(|on| on.event.value == "workflow_call");
    for trigger in &workflow.on {
        match &trigger.kind {
            TriggerKind::Dispatch(declared) if occasion.name == "workflow_dispatch" => {
                let all = with_payload(given, occasion);
                let inputs = workflow::dispatch::inputs(declared, &all)
                    .map_err(|errors| wrong(workflow, "workflow_dispatch", &errors))?;
                if let serde_json::Value::Object(payload) = &mut occasion.payload {
                    payload.insert("inputs".to_owned(), serde_json::json!(inputs.texts));
                }
                return Ok(Inputs::Known(inputs.typed));
            }
            TriggerKind::Call { inputs: declared, .. } if called => {
                return Ok(Inputs::Called(Called { declared, given: with_payload(given, occasion) }));
            }
            _ => {}
        }
    }
    if given.is_empty() {
        return Ok(Inputs::Known(Value::Null));
    }
    Err(Failure::usage(format!("{} takes no inputs from this event", workflow.path))
        .fact(format!("inputs belong to workflow_dispatch and workflow_call; the event is {}", occasion.name))
        .fix("ekiden exec workflow_dispatch --input NAME=VALUE"))
}

impl Called<'_> {
    /// The `inputs` context.
    pub(super) fn evaluate(self, workflow: &Workflow, github: &Value, vars: &Value) -> Result<Value, Failure> {
        let scope = MapScope::new().with("github", github.clone()).with("vars", vars.clone());
        workflow::dispatch::called(self.declared, &self.given, &scope)
            .map_err(|errors| wrong(workflow, "workflow_call", &errors))
    }
}

/// A payload file may hold inputs too; those of the command line win.
fn with_payload(given: &BTreeMap<String, String>, occasion: &Occasion) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    if let Some(serde_json::Value::Object(inputs)) = occasion.payload.get("inputs") {
        for (name, value) in inputs {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            all.insert(name.clone(), text);
        }
    }
    all.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
    all
}

fn wrong(workflow: &Workflow, event: &str, errors: &[DispatchError]) -> Failure {
    let mut failure = Failure::usage(format!("the inputs of {} are not right", workflow.path));
    failure.facts = errors.iter().map(ToString::to_string).collect();
    failure.fix(format!("ekiden exec {event} -W {} --input NAME=VALUE", workflow.path))
}

/// A made-up payload of `schedule` names the cron line, which conditions of workflows with several compare: the first.
pub(super) fn complete(workflow: &Workflow, occasion: &mut Occasion) {
    let crons = workflow.on.iter().find_map(|trigger| match &trigger.kind {
        TriggerKind::Schedule(crons) if occasion.name == "schedule" => crons.first(),
        _ => None,
    });
    if let (Some(cron), serde_json::Value::Object(payload)) = (crons, &mut occasion.payload) {
        payload.entry("schedule").or_insert_with(|| cron.cron.value.clone().into());
    }
}
