//! The `github` context of a job, as runners want it (`runner-protocol` 4.2): all that the run knows, and what is the job's own. Called by `make`.
//! What only an agent of ours is told stands in `protocol::context`.

use super::RunnerKind;
use crate::plane::Site;
use crate::run::{JobFacts, RunFacts, StoredOrigin};
use domain::Secret;
use serde_json::{Map, Value, json};

/// The Forgejo whose behaviour Forgejo's runner finds here. From 13.0 on it shows the job's token where it clones actions from this server
/// (`tokenAuthSupported` in its `step_action_remote.go`); it asks for nothing else.
const LIKE_FORGEJO: &str = "15.0.0";

/// The context. Runners of Gitea look for `gitea_…`, those of Forgejo for `forgejo_…` first.
///
/// Runners of Gitea and Forgejo look for the inputs of a called workflow in an event of the name `workflow_call`; for an agent of ours the event
/// stays that of the run, as on GitHub.
pub(super) fn context(
    site: &Site,
    run: &RunFacts,
    job: &JobFacts,
    token: &Secret,
    runner: RunnerKind,
) -> Map<String, Value> {
    let mut context = run.github.as_object().cloned().unwrap_or_default();
    context.insert("job".to_owned(), job.key.as_str().into());
    context.insert("token".to_owned(), token.expose().into());
    context.insert("gitea_default_actions_url".to_owned(), site.actions.as_str().into());
    context.insert("gitea_runtime_token".to_owned(), token.expose().into());
    context.insert("forgejo_server_version".to_owned(), format!("{LIKE_FORGEJO}+ekiden-{}", site.version).into());
    if runner == RunnerKind::Ekiden {
        context.insert(protocol::context::WORKFLOW.to_owned(), file(run, job));
        if let Some(inputs) = &job.event_inputs {
            context.insert(protocol::context::INPUTS.to_owned(), inputs.clone());
        }
    } else if let Some(inputs) = &job.event_inputs {
        context.insert("event_name".to_owned(), "workflow_call".into());
        let event = context.entry("event").or_insert_with(|| json!({}));
        if let Some(event) = event.as_object_mut() {
            event.insert("inputs".to_owned(), inputs.clone());
        }
    }
    context
}

/// Where the job's file comes from.
fn file(run: &RunFacts, job: &JobFacts) -> Value {
    let Some(file) = job.file.and_then(|at| run.files.get(usize::from(at))) else { return json!({ "path": run.root }) };
    let Some(StoredOrigin { host, repository, reference }) = &file.from else { return json!({ "path": file.path }) };
    let mut told = json!({ "path": file.path, "repository": repository, "reference": reference });
    if let (Some(host), Some(told)) = (host, told.as_object_mut()) {
        told.insert("host".to_owned(), host.as_str().into());
    }
    told
}
