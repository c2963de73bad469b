//! The `github` context of a job, as runners want it (`runner-protocol` 4.2): all that the run knows, and what is the job's own. Called by `make`.

use super::RunnerKind;
use crate::plane::Site;
use crate::run::{JobFacts, RunFacts};
use domain::Secret;
use serde_json::{Map, Value, json};

/// The context. Runners of Gitea look for `gitea_…`, those of Forgejo for `forgejo_…` first.
///
/// The inputs of a called workflow come as those of an event. Runners of Gitea and Forgejo look at them only where that event is `workflow_call`; for an agent of ours,
/// which goes by what the document declares, `event_name` stays that of the run, as on GitHub.
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
    context.insert("forgejo_server_version".to_owned(), site.version.into());
    if let Some(inputs) = &job.event_inputs {
        if runner == RunnerKind::Other {
            context.insert("event_name".to_owned(), "workflow_call".into());
        }
        let event = context.entry("event").or_insert_with(|| json!({}));
        if let Some(event) = event.as_object_mut() {
            event.insert("inputs".to_owned(), inputs.clone());
        }
    }
    context
}
