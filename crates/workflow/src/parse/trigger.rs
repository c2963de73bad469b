//! `on`.

use super::Reading;
use super::entries::{Entries, boolean, items, literal, text, texts};
use super::ids::{self, Ids};
use super::schema::{ACTIVITIES, KNOWN_EVENTS};
use crate::diagnostic::code;
use crate::model::{CallInput, CallOutput, CallSecret, Cron, DispatchInput, Filter, InputType, Trigger, TriggerKind};
use crate::nearest::nearest;
use crate::template::{Template, TemplateKind};
use crate::yaml::Spanned;
use std::sync::Arc;

/// The triggers of a value that has the shape.
pub(super) fn triggers(template: Template, reading: &mut Reading<'_>) -> Vec<Trigger> {
    match template.kind {
        TemplateKind::Mapping(_) => Entries::of(template)
            .into_list()
            .map(|(event, value)| trigger(event.map(|event| event.to_string()), value, reading))
            .collect(),
        _ => texts(template)
            .into_iter()
            .map(|event| {
                let nothing = Template { kind: TemplateKind::Null, span: event.span };
                trigger(event, nothing, reading)
            })
            .collect(),
    }
}

fn trigger(event: Spanned<String>, value: Template, reading: &mut Reading<'_>) -> Trigger {
    if !KNOWN_EVENTS.contains(&event.as_str()) {
        let near = if reading.findings.helps() { nearest(&event, KNOWN_EVENTS.iter().copied()) } else { None };
        let help = near.map(|near| format!("did you mean '{near}'?"));
        let message = format!("Unknown event '{}': no known forge starts a workflow by it", event.value);
        reading.findings.warning(code::UNKNOWN_EVENT, event.span, message, help);
    }
    let kind = match event.as_str() {
        "schedule" => TriggerKind::Schedule(schedule(value)),
        "workflow_dispatch" => TriggerKind::Dispatch(dispatch(value, reading)),
        "workflow_call" => call(value, reading),
        name => filters(name, value, reading),
    };
    Trigger { event, kind }
}

fn schedule(value: Template) -> Vec<Cron> {
    items(value)
        .into_iter()
        .filter_map(|item| {
            let entries = Entries::of(item);
            let cron = entries.get("cron").and_then(text)?;
            Some(Cron { cron, timezone: entries.get("timezone").and_then(text) })
        })
        .collect()
}

fn filters(event: &str, value: Template, reading: &mut Reading<'_>) -> TriggerKind {
    let mut entries = Entries::of(value);
    let types = entries.take("types").filter(|types| types.kind != TemplateKind::Null).map(texts);
    for kind in types.iter().flatten() {
        activity(event, kind, reading);
    }
    TriggerKind::Event {
        types,
        branches: filter(&mut entries, "branches", "branches-ignore", event, reading),
        tags: filter(&mut entries, "tags", "tags-ignore", event, reading),
        paths: filter(&mut entries, "paths", "paths-ignore", event, reading),
        workflows: entries.take("workflows").map(texts).unwrap_or_default(),
    }
}

fn activity(event: &str, kind: &Spanned<String>, reading: &mut Reading<'_>) {
    if event == "repository_dispatch" || !KNOWN_EVENTS.contains(&event) {
        return;
    }
    let known = ACTIVITIES.iter().find(|(name, _)| *name == event).map_or(&[][..], |(_, types)| types);
    if !known.contains(&kind.as_str()) {
        let near = if reading.findings.helps() { nearest(kind, known.iter().copied()) } else { None };
        let help = match near {
            _ if !reading.findings.helps() => None,
            Some(near) => Some(format!("did you mean '{near}'?")),
            None if known.is_empty() => None,
            None => Some(format!("known: {}", known.join(", "))),
        };
        let message = format!("'{event}' has no activity type '{}'", kind.value);
        reading.findings.warning(code::UNKNOWN_ACTIVITY, kind.span, message, help);
    }
}

fn filter(
    entries: &mut Entries,
    name: &str,
    ignore_name: &str,
    event: &str,
    reading: &mut Reading<'_>,
) -> Option<Filter> {
    if let (Some(first), Some(second)) = (entries.key_span(name), entries.key_span(ignore_name)) {
        let span = if first.start < second.start { second } else { first };
        let message = format!("'{name}' and '{ignore_name}' cannot both be used for the event '{event}'");
        let help = format!("put the patterns of '{ignore_name}' with '!' before them at the end of '{name}'");
        reading.findings.error_with(code::FILTER, span, message, Some(help));
    }
    let (ignore, value) = match (entries.take(name), entries.take(ignore_name)) {
        (Some(value), _) => (false, value),
        (None, Some(value)) => (true, value),
        (None, None) => return None,
    };
    if value.kind == TemplateKind::Null {
        return None;
    }
    let span = value.span;
    let patterns = texts(value);
    if !ignore && !patterns.is_empty() && patterns.iter().all(|pattern| pattern.starts_with('!')) {
        let message = format!("'{name}' needs a pattern without '!': this one matches nothing");
        let help = Some(format!("use '{ignore_name}', or put '**' first"));
        reading.findings.error_with(code::FILTER, span, message, help);
    }
    Some(Filter { ignore, patterns })
}

fn dispatch(value: Template, reading: &mut Reading<'_>) -> Vec<DispatchInput> {
    let inputs = Entries::of(value).take("inputs").map(Entries::of).unwrap_or_default().into_list();
    let mut scope = Ids::default();
    inputs
        .into_iter()
        .map(|(id, value)| {
            check_id(&id, &mut scope, reading);
            dispatch_input(id.map(|id| id.to_string()), value, reading)
        })
        .collect()
}

fn dispatch_input(id: Spanned<String>, value: Template, reading: &mut Reading<'_>) -> DispatchInput {
    let span = value.span;
    let mut entries = Entries::of(value);
    let options = entries.take("options").map(texts);
    let kind = entries.get("type").and_then(input_type).unwrap_or(InputType::String);
    let default = entries.take("default");
    match (kind, &options) {
        (InputType::Choice, None) => {
            reading.findings.check(code::INPUT, id.span, format!("The choice '{}' needs 'options'", id.value));
        }
        (InputType::Choice, Some(options)) => {
            if let Some(default) = &default
                && let Some(chosen) = literal(default)
                && !options.iter().any(|option| option.as_str() == chosen)
            {
                let message = format!("The default '{chosen}' is none of the options of '{}'", id.value);
                reading.findings.check(code::INPUT, default.span, message);
            }
        }
        _ => {}
    }
    DispatchInput {
        kind,
        required: entries.get("required").and_then(boolean).unwrap_or(false),
        default,
        options: options.unwrap_or_default(),
        description: entries.get("description").and_then(literal).map(ToOwned::to_owned),
        id,
        span,
    }
}

fn input_type(template: &Template) -> Option<InputType> {
    Some(match literal(template)? {
        "string" => InputType::String,
        "boolean" => InputType::Boolean,
        "number" => InputType::Number,
        "choice" => InputType::Choice,
        "environment" => InputType::Environment,
        _ => return None,
    })
}

fn call(value: Template, reading: &mut Reading<'_>) -> TriggerKind {
    let written = matches!(value.kind, TemplateKind::Mapping(_)).then(|| value.clone());
    let mut entries = Entries::of(value);
    let mut list = |name: &str| entries.take(name).map(Entries::of).unwrap_or_default().into_list().collect::<Vec<_>>();
    let (inputs, outputs, secrets) = (list("inputs"), list("outputs"), list("secrets"));
    for group in [&inputs, &outputs, &secrets] {
        let mut scope = Ids::default();
        for (id, _) in group {
            check_id(id, &mut scope, reading);
        }
    }
    TriggerKind::Call {
        inputs: inputs.into_iter().map(|(id, value)| call_input(id.map(|id| id.to_string()), value, reading)).collect(),
        outputs: outputs
            .into_iter()
            .filter_map(|(id, value)| {
                let value = Entries::of(value).take("value")?;
                Some(CallOutput { id: id.map(|id| id.to_string()), value })
            })
            .collect(),
        secrets: secrets
            .into_iter()
            .map(|(id, value)| CallSecret {
                id: id.map(|id| id.to_string()),
                required: Entries::of(value).get("required").and_then(boolean).unwrap_or(false),
            })
            .collect(),
        written,
    }
}

fn call_input(id: Spanned<String>, value: Template, reading: &mut Reading<'_>) -> CallInput {
    let span = value.span;
    let mut entries = Entries::of(value);
    let kind = entries.get("type").and_then(input_type).unwrap_or(InputType::String);
    let default = entries.take("default");
    if let Some(default) = &default {
        check_value(kind, default, reading.findings);
    }
    CallInput { id, kind, required: entries.get("required").and_then(boolean).unwrap_or(false), default, span }
}

/// Whether a literal is of an input's type.
pub(crate) fn fits(kind: InputType, value: &Template) -> bool {
    match (kind, &value.kind) {
        (_, TemplateKind::Expression(_)) => true,
        (InputType::Boolean, kind) => matches!(kind, TemplateKind::Bool(_)),
        (InputType::Number, kind) => matches!(kind, TemplateKind::Number(..)),
        _ => true,
    }
}

fn check_value(kind: InputType, value: &Template, findings: &mut super::findings::Findings) {
    if !fits(kind, value) {
        findings.check(code::WRONG_TYPE, value.span, format!("Unexpected value '{}'", shown(value)));
    }
}

/// A literal scalar as text.
pub(crate) fn shown(value: &Template) -> String {
    match &value.kind {
        TemplateKind::Bool(value) => value.to_string(),
        TemplateKind::Number(value, _) => crate::expr::format_number(*value),
        TemplateKind::String(text) => text.to_string(),
        _ => String::new(),
    }
}

fn check_id(id: &Spanned<Arc<str>>, scope: &mut Ids, reading: &mut Reading<'_>) {
    if let Err(message) = ids::check(id).and_then(|()| scope.add(id)) {
        reading.findings.check(code::BAD_ID, id.span, message);
    }
}
