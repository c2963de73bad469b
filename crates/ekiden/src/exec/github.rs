//! The `github` context of a run: everything that is known before a job starts. The engine adds what only a runner knows.

use super::event::Occasion;
use super::facts::Facts;
use serde_json::{Value, json};

/// The workflow that runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkflowFacts<'a> {
    /// Its name; the path when it has none.
    pub(crate) name: &'a str,
    /// Its path in the repository.
    pub(crate) path: &'a str,
}

/// The context.
pub(crate) fn github(facts: &Facts, occasion: &Occasion, workflow: WorkflowFacts<'_>, run_id: u64) -> Value {
    let (owner, _) = facts.owner_and_name();
    let (ref_name, ref_type) = occasion.short_reference();
    let (api, graphql) = api(&facts.server, &facts.repository.top);
    let id = |pointer: &str| {
        let value = occasion.payload.pointer(pointer);
        value.and_then(Value::as_u64).map_or_else(|| "0".to_owned(), |id| id.to_string())
    };
    json!({
        "actor": facts.actor,
        "actor_id": id("/sender/id"),
        "triggering_actor": facts.actor,
        "api_url": api,
        "graphql_url": graphql,
        "server_url": facts.server,
        "base_ref": occasion.base_ref,
        "head_ref": occasion.head_ref,
        "event": occasion.payload,
        "event_name": occasion.name,
        "ref": occasion.reference,
        "ref_name": ref_name,
        "ref_protected": false,
        "ref_type": ref_type,
        "repository": facts.name,
        "repository_id": id("/repository/id"),
        "repository_owner": owner,
        "repository_owner_id": id("/repository/owner/id"),
        "repositoryUrl": format!("git{}/{}.git", facts.server.strip_prefix("https").unwrap_or("://localhost"), facts.name),
        "retention_days": "90",
        "run_attempt": "1",
        "run_id": run_id.to_string(),
        "run_number": "1",
        "secret_source": "Actions",
        "sha": occasion.sha,
        "workflow": workflow.name,
        "workflow_ref": format!("{}/{}@{}", facts.name, workflow.path, occasion.reference),
        "workflow_sha": occasion.sha,
    })
}

/// The addresses of a forge's API. GitHub's own has a host for it; Gitea and Forgejo, whose folder tells, another path.
fn api(server: &str, top: &std::path::Path) -> (String, String) {
    if server == "https://github.com" {
        return ("https://api.github.com".to_owned(), "https://api.github.com/graphql".to_owned());
    }
    if [".forgejo", ".gitea"].iter().any(|folder| top.join(folder).is_dir()) {
        return (format!("{server}/api/v1"), String::new());
    }
    (format!("{server}/api/v3"), format!("{server}/api/graphql"))
}
