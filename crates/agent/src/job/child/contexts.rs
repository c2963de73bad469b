//! The contexts of a task's job, out of what the forge sends (`runner-protocol` 4.2): numbers are texts, addresses are those that the
//! forges' own runners show, and what is meant for the runner alone stays here. Pure.

use super::super::ForgeFacts;
use domain::{Secret, Task};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use workflow::model::{InputType, Trigger, TriggerKind, Workflow};

/// Entries of the context that runners read and jobs do not see.
const FOR_RUNNERS: &[&str] = &[
    "token",
    "gitea_runtime_token",
    "gitea_default_actions_url",
    "forgejo_runtime_token",
    "forgejo_default_actions_url",
    "forgejo_actions_id_token_request_url",
    "forgejo_actions_id_token_request_token",
    "actions_id_token_request_url",
    "actions_id_token_request_token",
    "forgejo_server_version",
    "gitea_server_version",
];

/// A text of the context under the first of some names; a name of Forgejo's own comes before that of Gitea.
pub(super) fn text<'a>(context: &'a Map<String, Value>, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| context.get(*name).and_then(Value::as_str)).filter(|text| !text.is_empty())
}

/// The task's own token.
pub(super) fn token(task: &Task) -> Option<Secret> {
    ["GITEA_TOKEN", "FORGEJO_TOKEN", "GITHUB_TOKEN"]
        .iter()
        .find_map(|name| task.secrets.get(*name))
        .filter(|secret| !secret.expose().is_empty())
        .cloned()
        .or_else(|| text(&task.context, &["token"]).map(Secret::new))
}

/// The `github` context. The engine adds what only a machine knows.
pub(super) fn github(task: &Task, forge: &ForgeFacts, workflow: &Workflow) -> Value {
    let mut github = Map::new();
    for (name, value) in &task.context {
        if !FOR_RUNNERS.contains(&name.as_str()) {
            github.insert(name.clone(), as_shown(name, value));
        }
    }
    let mut set = |name: &str, value: String| github.insert(name.to_owned(), Value::String(value));
    set("server_url", forge.url.clone());
    set("api_url", format!("{}/api/v1", forge.url));
    set("graphql_url", String::new());
    if let Some(name) = workflow.name.as_ref().filter(|name| !name.value.is_empty()) {
        set("workflow", name.value.clone());
    }
    for (name, usual) in [("run_attempt", "1"), ("retention_days", "0"), ("secret_source", "Actions")] {
        if text(&github, &[name]).is_none() {
            github.insert(name.to_owned(), usual.into());
        }
    }
    Value::Object(github)
}

/// A number outside the event is a text on every forge; one that came as a number is written as one writes it.
fn as_shown(name: &str, value: &Value) -> Value {
    match value {
        Value::Number(number) if name != "event" => {
            let whole = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9e15);
            #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
            Value::String(whole.map_or_else(|| number.to_string(), |whole| (whole as i64).to_string()))
        }
        other => other.clone(),
    }
}

/// The `inputs` context: of a manual start and of a called workflow, with the types that the workflow declares.
pub(super) fn inputs(task: &Task, workflow: &Workflow) -> Value {
    let given = task.context.get("event").and_then(|event| event.get("inputs")).and_then(Value::as_object);
    let mut inputs = Map::new();
    let event = text(&task.context, &["event_name"]).unwrap_or_default();
    let declared: BTreeMap<String, InputType> = workflow.on.iter().flat_map(types).collect();
    if !matches!(event, "workflow_dispatch" | "workflow_call") && declared.is_empty() {
        return Value::Object(inputs);
    }
    for (name, value) in given.into_iter().flatten() {
        let kind = declared.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| kind);
        inputs.insert(name.clone(), typed(value, kind));
    }
    Value::Object(inputs)
}

fn types(trigger: &Trigger) -> Vec<(String, InputType)> {
    match &trigger.kind {
        TriggerKind::Dispatch(inputs) => inputs.iter().map(|input| (input.id.value.clone(), input.kind)).collect(),
        TriggerKind::Call { inputs, .. } => inputs.iter().map(|input| (input.id.value.clone(), input.kind)).collect(),
        _ => Vec::new(),
    }
}

fn typed(value: &Value, kind: Option<&InputType>) -> Value {
    let Value::String(text) = value else { return value.clone() };
    match kind {
        Some(InputType::Boolean) => Value::Bool(text == "true"),
        Some(InputType::Number) => match text.trim().parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
            Some(number) => Value::Number(number),
            None => value.clone(),
        },
        _ => value.clone(),
    }
}
