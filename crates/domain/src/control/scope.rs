//! What a runner, a pool or a token reaches: the whole instance, one owner, one repository. Used by `scheduler` for jobs and by the server for requests.

use super::{OwnerId, ProjectId};
use serde::{Deserialize, Serialize};

/// How far something reaches (`runner-protocol` 5.1: `owner_id` and `repo_id` both zero, the first set, the second set).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "scope", content = "id", rename_all = "snake_case")]
pub enum Scope {
    /// Every project of this server.
    Instance,
    /// Every project of one owner.
    Owner(OwnerId),
    /// One project.
    Repository(ProjectId),
}

impl Scope {
    /// Whether a project of this owner lies within.
    #[must_use]
    pub fn holds(self, owner: OwnerId, project: ProjectId) -> bool {
        match self {
            Self::Instance => true,
            Self::Owner(own) => own == owner,
            Self::Repository(own) => own == project,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Scope;
    use crate::control::{OwnerId, ProjectId};

    #[test]
    fn a_scope_ends_at_its_border() {
        let (owner, project) = (OwnerId(1), ProjectId(10));
        for (scope, holds) in [
            (Scope::Instance, true),
            (Scope::Owner(owner), true),
            (Scope::Owner(OwnerId(10)), false),
            (Scope::Repository(project), true),
            (Scope::Repository(ProjectId(1)), false),
        ] {
            assert_eq!(scope.holds(owner, project), holds, "{scope:?}");
        }
    }
}
