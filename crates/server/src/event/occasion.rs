//! What happened, in the words of the `github` context.

use crate::plane::Site;
use serde_json::{Value, json};
use store::{Project, ReservedRun};

/// Something that happened to a project's repository.
#[derive(Debug, Clone, PartialEq)]
pub struct Occasion {
    /// The event's name.
    pub event: String,
    /// Its payload.
    pub payload: Value,
    /// The ref, whole.
    pub reference: String,
    /// The commit, whole.
    pub commit: String,
    /// The first line of its message.
    pub subject: String,
    /// Who caused it.
    pub actor: String,
    /// The files that changed, where that is known.
    pub changed_files: Option<Vec<String>>,
    /// The whole message, for `[skip ci]`.
    pub message: Option<String>,
}

impl Occasion {
    /// What a workflow's triggers are asked about.
    pub(super) fn event(&self) -> workflow::event::Event {
        workflow::event::Event {
            name: self.event.clone(),
            payload: self.payload.clone(),
            reference: self.reference.clone(),
            changed_files: self.changed_files.clone(),
            head_message: self.message.clone(),
        }
    }

    /// The `github` context of a run of one workflow.
    pub(super) fn github(&self, site: &Site, project: &Project, workflow: (&str, &str), run: ReservedRun) -> Value {
        let (name, path) = workflow;
        let (ref_name, ref_type) = short(&self.reference);
        let repository = project.full_name();
        json!({
            "actor": self.actor,
            "actor_id": "0",
            "triggering_actor": self.actor,
            "api_url": format!("{}/api/v1", site.url),
            "graphql_url": "",
            "server_url": site.url,
            "base_ref": "",
            "head_ref": "",
            "event": self.payload,
            "event_name": self.event,
            "ref": self.reference,
            "ref_name": ref_name,
            "ref_protected": false,
            "ref_type": ref_type,
            "repository": repository,
            "repository_id": project.id.to_string(),
            "repository_owner": project.owner,
            "repository_owner_id": project.owner_id.to_string(),
            "repositoryUrl": format!("{}/{repository}", site.url),
            "retention_days": "90",
            "run_attempt": "1",
            "run_id": run.id.to_string(),
            "run_number": run.number.to_string(),
            "secret_source": "Actions",
            "sha": self.commit,
            "workflow": name,
            "workflow_ref": format!("{repository}/{path}@{}", self.reference),
            "workflow_sha": self.commit,
        })
    }
}

/// The repository as payloads have it.
pub(super) fn repository(site: &Site, project: &Project, default_branch: Option<&str>) -> Value {
    let url = format!("{}/{}", site.url, project.full_name());
    json!({
        "id": project.id.0,
        "name": project.name,
        "full_name": project.full_name(),
        "html_url": url,
        "url": url,
        "clone_url": format!("{url}.git"),
        "default_branch": default_branch.map(|branch| branch.strip_prefix("refs/heads/").unwrap_or(branch)),
        "owner": { "id": project.owner_id.0, "login": project.owner, "name": project.owner },
    })
}

/// `ref_name` and `ref_type`.
fn short(reference: &str) -> (&str, &'static str) {
    for (prefix, kind) in [("refs/heads/", "branch"), ("refs/tags/", "tag"), ("refs/pull/", "branch")] {
        if let Some(name) = reference.strip_prefix(prefix) {
            return (name, kind);
        }
    }
    (reference, "branch")
}
