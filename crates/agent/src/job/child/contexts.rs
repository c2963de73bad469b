//! The contexts of a task's job, out of what the forge sends (`runner-protocol` 4.2): numbers are texts, addresses are those that the
//! forges' own runners show, and what is meant for the runner alone stays here. Pure.

use super::super::ForgeFacts;
use domain::{Secret, Task};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use workflow::action_source::ActionRef;
use workflow::expr::parse_number;
use workflow::model::{InputType, Trigger, TriggerKind, Workflow};
use workflow::plan::FileReference;

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
    protocol::context::WORKFLOW,
    protocol::context::INPUTS,
];

/// Entries that the forge leaves empty for the engine to fill.
const FILLED_HERE: &[&str] = &[
    "action",
    "action_path",
    "action_ref",
    "action_repository",
    "action_status",
    "env",
    "event_path",
    "path",
    "workspace",
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
        if !FOR_RUNNERS.contains(&name.as_str()) && !FILLED_HERE.contains(&name.as_str()) {
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
    for (name, usual) in [("run_attempt", "1"), ("secret_source", "Actions")] {
        if text(&github, &[name]).is_none() {
            github.insert(name.to_owned(), usual.into());
        }
    }
    Value::Object(github)
}

/// Where the workflow comes from: as our server says it, or by the `workflow_ref` of a forge; else by its name, which is all that Gitea gives.
pub(super) fn file(task: &Task, forge: &ForgeFacts, workflow: &Workflow) -> FileReference {
    if let Some(Value::Object(told)) = task.context.get(protocol::context::WORKFLOW)
        && let Some(path) = text(told, &["path"])
    {
        let of = |name: &str| text(told, &[name]).map(str::to_owned);
        return match (of("repository"), of("reference")) {
            (Some(repository), Some(reference)) => {
                let host = of("host").unwrap_or_else(|| forge.url.clone());
                FileReference::Remote(ActionRef { host: Some(host), repository, path: path.to_owned(), reference })
            }
            _ => FileReference::Local(path.to_owned()),
        };
    }
    let of_run = || {
        let whole = text(&task.context, &["workflow_ref"])?;
        let own = whole.strip_prefix(text(&task.context, &["repository"])?)?.strip_prefix('/')?;
        own.split_once('@').map(|(path, _)| path.to_owned())
    };
    // That of a called workflow is its caller's.
    let called = text(&task.context, &["event_name"]) == Some("workflow_call");
    let path = if called { None } else { of_run() };
    FileReference::Local(path.unwrap_or_else(|| workflow.path.clone()))
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
    // Our server leaves the event as it is.
    let called = task.context.get(protocol::context::INPUTS);
    let given =
        called.or_else(|| task.context.get("event").and_then(|event| event.get("inputs"))).and_then(Value::as_object);
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
        Some(InputType::Number) if !text.trim().is_empty() => match serde_json::Number::from_f64(parse_number(text)) {
            Some(number) => Value::Number(number),
            None => value.clone(),
        },
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{file, github, inputs, token};
    use crate::job::ForgeFacts;
    use domain::{Secret, Task, TaskId};
    use protocol::Dialect;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;
    use workflow::parse;

    fn task(context: Value) -> Task {
        let on = "on:\n  workflow_dispatch:\n    inputs:\n      flag: {type: boolean}\n      count: {type: number}\n      word: {type: string}\n";
        Task {
            id: TaskId(1),
            workflow: format!("name: shown\n{on}jobs: {{a: {{steps: [{{run: a}}]}}}}\n").into_bytes(),
            context: context.as_object().unwrap().clone(),
            secrets: BTreeMap::new(),
            vars: BTreeMap::new(),
            needs: BTreeMap::new(),
        }
    }

    fn model(task: &Task) -> workflow::model::Workflow {
        parse::payload("t.yml", std::str::from_utf8(&task.workflow).unwrap()).value.unwrap().workflow
    }

    #[test]
    fn the_context_is_that_of_the_forges_own_runners() {
        let task = task(json!({
            "run_id": 17.0, "run_number": "3", "server_url": "http://h/", "event": {"n": 1}, "workflow": "t.yml", "env": "",
            "gitea_runtime_token": "rt", "forgejo_actions_id_token_request_token": "it", "token": "t", "ref_protected": false,
        }));
        let forge = ForgeFacts { url: "http://h/sub".to_owned(), dialect: Dialect::Forgejo, capabilities: Vec::new() };
        let github = github(&task, &forge, &model(&task));
        let expected = json!({
            "run_id": "17", "run_number": "3", "run_attempt": "1", "secret_source": "Actions", "event": {"n": 1},
            "server_url": "http://h/sub", "api_url": "http://h/sub/api/v1", "graphql_url": "", "workflow": "shown",
            "ref_protected": false,
        });
        assert_eq!(github, expected);
    }

    #[test]
    fn inputs_have_the_types_that_are_declared() {
        let given = json!({"flag": "true", "Count": "4", "word": "1", "other": "x"});
        let dispatched = task(json!({"event_name": "workflow_dispatch", "event": {"inputs": given}}));
        let typed = json!({"flag": true, "Count": 4.0, "word": "1", "other": "x"});
        assert_eq!(inputs(&dispatched, &model(&dispatched)), typed);
        let pushed = task(json!({"event_name": "push", "event": {"inputs": null}}));
        assert_eq!(inputs(&pushed, &model(&pushed)), json!({}));
    }

    #[test]
    fn the_place_of_the_file_is_what_its_forge_says_of_it() {
        let forge = ForgeFacts { url: "http://h".to_owned(), dialect: Dialect::Gitea, capabilities: Vec::new() };
        let of = |context: Value| {
            let task = task(context);
            file(&task, &forge, &model(&task)).to_string()
        };
        let run = json!({"repository": "o/r", "workflow_ref": "o/r/.gitea/workflows/w.yml@refs/heads/a@b"});
        let with = |more: Value| {
            let mut context = run.clone();
            context.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            context
        };
        let ours = |file: Value| with(json!({"event_name": "workflow_call", "ekiden_workflow": file}));
        assert_eq!(of(ours(json!({"path": "c.yml"}))), "c.yml");
        let far = json!({"path": "c.yml", "repository": "o/lib", "reference": "v1"});
        assert_eq!(of(ours(far)), "http://h/o/lib/c.yml@v1");
        let farther = json!({"path": "c.yml", "repository": "o/lib", "reference": "v1", "host": "https://i"});
        assert_eq!(of(ours(farther)), "https://i/o/lib/c.yml@v1");
        // Forgejo; of a called workflow it names the caller's, and Gitea names none.
        assert_eq!(of(run.clone()), ".gitea/workflows/w.yml");
        assert_eq!(of(with(json!({"event_name": "workflow_call"}))), "t.yml");
        assert_eq!(of(json!({"repository": "o/r"})), "t.yml");
    }

    #[test]
    fn inputs_that_our_server_gives_leave_those_of_the_event_alone() {
        let called = task(json!({
            "event_name": "workflow_dispatch", "event": {"inputs": {"word": "of the event"}},
            "ekiden_inputs": {"flag": "true", "word": "given"}, "ekiden_workflow": {"path": "c.yml"},
        }));
        assert_eq!(inputs(&called, &model(&called)), json!({"flag": true, "word": "given"}));
        let forge = ForgeFacts { url: "http://h".to_owned(), dialect: Dialect::Gitea, capabilities: Vec::new() };
        let github = github(&called, &forge, &model(&called));
        assert_eq!(github["event"]["inputs"], json!({"word": "of the event"}));
        assert!(github.as_object().unwrap().keys().all(|key| !key.starts_with("ekiden")), "{github}");
    }

    #[test]
    fn the_token_is_among_the_secrets_or_in_the_context() {
        let mut task = task(json!({"token": "of-context"}));
        assert_eq!(token(&task), Some(Secret::new("of-context")));
        task.secrets.insert("GITHUB_TOKEN".to_owned(), Secret::new("of-secrets"));
        assert_eq!(token(&task), Some(Secret::new("of-secrets")));
    }
}
