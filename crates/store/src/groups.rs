//! Who holds which concurrency group. Written with the lease of a job that needs one, so that of several servers one lets it in; called by the server's
//! dispatcher, which decides who is next.

use crate::database::read;
use crate::{Store, StoreError};
use domain::JobId;
use domain::control::{JobNumber, ProjectId, RunId};

/// Who is in a group, and until whose end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupMember {
    /// A run as a whole.
    Run(RunId),
    /// A call of a reusable workflow.
    Call(RunId, JobId),
    /// A job of a run.
    Job(RunId, JobNumber),
}

impl GroupMember {
    /// Its run.
    #[must_use]
    pub const fn run(&self) -> RunId {
        match self {
            Self::Run(run) | Self::Call(run, _) | Self::Job(run, _) => *run,
        }
    }
}

/// A group that a job needs, and who of it holds the group then.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupClaim {
    /// The group; case does not matter.
    pub group: String,
    /// Who.
    pub member: GroupMember,
}

/// A group that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupHolder {
    /// Of which project.
    pub project: ProjectId,
    /// The group, in lower case.
    pub group: String,
    /// Who holds it.
    pub member: GroupMember,
}

impl Store {
    /// The groups that somebody holds who is not over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn group_holders(&self) -> Result<Vec<GroupHolder>, StoreError> {
        Ok(read!(self, groups::all()))
    }

    /// Whether this is who holds the group, and is not over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn holds_group(&self, project: ProjectId, group: &str, member: &GroupMember) -> Result<bool, StoreError> {
        Ok(read!(self, groups::holds(project, group, member)))
    }
}
