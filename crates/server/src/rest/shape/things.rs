//! Projects, workflows, runners, tokens, scopes.

use super::super::fault::RestFault;
use super::file;
use crate::access::{Registration, TokenView, UserOpens};
use crate::event;
use crate::place::without_password;
use crate::plane::Plane;
use crate::told::{ToldForge, readers};
use api::User;
use domain::Timestamp;
use domain::control::{Admission, Contact, RunnerStanding, Scope, Work};
use store::{Project, StoredRunner, StoredToken, TokenKind};

/// A project as a repository of Gitea's.
pub(in crate::rest) fn repository(site: &str, project: &Project, default_branch: &str) -> api::Repository {
    let name = project.full_name();
    api::Repository {
        id: project.id.0,
        owner: User { id: project.owner_id.0, ..User::named(&project.owner) },
        name: project.name.clone(),
        private: true,
        url: format!("{site}/api/v1/repos/{name}"),
        html_url: format!("{site}/{name}"),
        clone_url: format!("{site}/{name}.git"),
        default_branch: default_branch.to_owned(),
        full_name: name,
    }
}

pub(in crate::rest) fn project(site: &str, project: &Project) -> api::Project {
    api::Project {
        id: project.id.0,
        owner: project.owner.clone(),
        name: project.name.clone(),
        full_name: project.full_name(),
        git: without_password(&project.git).into_owned(),
        html_url: format!("{site}/{}", project.full_name()),
        created_at: Some(project.created),
        forge: ToldForge::of(project)
            .map(|told| api::ProjectForge { url: told.url, kind: told.kind.word().to_owned() }),
        readers: readers(project),
    }
}

pub(in crate::rest) fn workflow(site: &str, project: &Project, found: &event::WorkflowFile) -> api::Workflow {
    let id = file(&found.path).to_owned();
    let name = project.full_name();
    // As with Gitea, one without a name is called by its file.
    let shown = if found.name == found.path { id.clone() } else { found.name.clone() };
    api::Workflow {
        url: format!("{site}/api/v1/repos/{name}/actions/workflows/{id}"),
        html_url: format!("{site}/{name}/actions/workflows/{id}"),
        id,
        name: shown,
        path: found.path.clone(),
        state: match found.state {
            store::WorkflowState::Enabled => api::WorkflowState::Active,
            store::WorkflowState::Disabled => api::WorkflowState::DisabledManually,
        },
        // As with Gitea: the newest commit's.
        created_at: found.written,
        updated_at: found.written,
        badge_url: String::new(),
        deleted_at: None,
        events: found.triggers.clone(),
        fault: found.fault.clone(),
    }
}

pub(in crate::rest) fn runner(runner: &StoredRunner, scope: String) -> api::Runner {
    let (online, last) = match runner.phase.contact() {
        Contact::Online(at) => (true, at),
        Contact::Offline(since) => (false, since),
    };
    let label = |(at, name): (usize, &String)| api::RunnerLabel {
        id: i64::try_from(at).unwrap_or(i64::MAX),
        name: name.clone(),
        kind: "custom".to_owned(),
    };
    let (capacity, ephemeral) = match runner.phase.work() {
        Work::Lasting { capacity, .. } => (i64::from(capacity.get()), false),
        Work::Fresh | Work::Bound { .. } | Work::Spent => (1, true),
    };
    let admission = match runner.phase.admission() {
        Admission::Open => api::Admission::Open,
        Admission::Draining => api::Admission::Draining,
        Admission::Disabled => api::Admission::Disabled,
        Admission::Removed => api::Admission::Removed,
    };
    api::Runner {
        id: runner.id.0,
        name: runner.name.clone(),
        status: if online { "online" } else { "offline" }.to_owned(),
        busy: runner.phase.standing() == RunnerStanding::Active,
        disabled: admission == api::Admission::Disabled,
        ephemeral,
        labels: runner.labels.iter().enumerate().map(label).collect(),
        uuid: runner.uuid.0.clone(),
        version: runner.version.clone(),
        pool: runner.pool.clone(),
        scope,
        admission,
        capacity,
        tasks: runner.phase.tasks().map(|task| task.0).collect(),
        last_online: Some(last),
        created_at: Some(runner.created),
    }
}

pub(in crate::rest) fn token(kind: TokenKind, token: &StoredToken, scope: String, now: Timestamp) -> api::Token {
    let view = TokenView::of(token.phase, now);
    let (rights, registration) = match kind {
        TokenKind::Registration => (Vec::new(), Registration::of(token)),
        TokenKind::User | TokenKind::Session | TokenKind::Runner => {
            (UserOpens::of(token).rights, Registration::default())
        }
    };
    api::Token {
        id: token.id.0,
        kind: match kind {
            TokenKind::User => api::TokenKind::User,
            TokenKind::Registration => api::TokenKind::Registration,
            TokenKind::Runner => api::TokenKind::Runner,
            TokenKind::Session => api::TokenKind::Session,
        },
        name: token.name.clone(),
        scope,
        rights,
        pool: registration.pool,
        labels: registration.labels,
        runner_id: token.runner.map(|runner| runner.0),
        state: view.state,
        detail: view.detail,
        uses_left: view.uses_left,
        expires_at: view.expires,
        made_by: token.by.clone(),
        created_at: Some(token.created),
        used_at: token.used,
    }
}

/// A scope as people write it. Its project or owner may be gone: then its number.
pub(in crate::rest) async fn scope(plane: &Plane, scope: Scope) -> Result<String, RestFault> {
    Ok(match scope {
        Scope::Instance => "instance".to_owned(),
        Scope::Repository(id) => match plane.store.project_by_id(id).await {
            Ok(project) => project.full_name(),
            Err(store::StoreError::Missing { .. }) => format!("project {id}"),
            Err(error) => return Err(error.into()),
        },
        Scope::Owner(id) => {
            let projects = plane.store.projects().await?;
            let owned = projects.into_iter().find(|project| project.owner_id == id);
            owned.map_or_else(|| format!("owner {id}"), |project| project.owner)
        }
    })
}
