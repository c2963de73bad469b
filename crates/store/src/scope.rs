//! A scope as two columns. Called by all queries of things that belong to a scope.

use domain::control::{OwnerId, ProjectId, Scope};

/// `owner_id` and `project_id`.
pub(crate) const fn columns(scope: Scope) -> (Option<i64>, Option<i64>) {
    match scope {
        Scope::Instance => (None, None),
        Scope::Owner(owner) => (Some(owner.0), None),
        Scope::Repository(project) => (None, Some(project.0)),
    }
}

/// The scope of `owner_id` and `project_id`.
pub(crate) fn of_columns(owner: Option<i64>, project: Option<i64>) -> Scope {
    match (project, owner) {
        (Some(project), _) => Scope::Repository(ProjectId(project)),
        (None, Some(owner)) => Scope::Owner(OwnerId(owner)),
        (None, None) => Scope::Instance,
    }
}
