//! What is known of the workflows of a project: which are switched off, and when the scheduled ones are due. Called by the server where an event makes
//! runs, by its schedule loop, and by its routes.

use crate::audit::AuditEntry;
use crate::database::{change, read};
use crate::news::Change;
use crate::{Store, StoreError};
use domain::Timestamp;
use domain::control::ProjectId;

/// Whether events make runs of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkflowState {
    /// They do.
    Enabled,
    /// Somebody switched it off.
    Disabled,
}

/// A workflow that somebody switched off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisabledWorkflow {
    /// The path of its file.
    pub path: String,
    /// Who did it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A time at which a workflow runs by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSchedule {
    /// The path of its file.
    pub path: String,
    /// As it is written there.
    pub cron: String,
    /// Whose time is meant: `UTC`, `Europe/Berlin`.
    pub zone: String,
    /// When it is due first, if it is new.
    pub due: Timestamp,
}

/// A time at which a workflow runs by itself, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its number.
    pub id: i64,
    /// Of which project.
    pub project: ProjectId,
    /// The rest; it is due then.
    pub new: NewSchedule,
}

impl Store {
    /// Switches a workflow off or on again.
    ///
    /// # Errors
    /// When there is no such project.
    pub async fn set_workflow(
        &self,
        project: ProjectId,
        path: &str,
        state: WorkflowState,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        change!(self, workflows::set(project, path, state, now, audit), |()| vec![Change::Project(project)]);
        Ok(())
    }

    /// The workflows of a project that are switched off, by path.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn disabled_workflows(&self, project: ProjectId) -> Result<Vec<DisabledWorkflow>, StoreError> {
        Ok(read!(self, workflows::disabled(project)))
    }

    /// Replaces the schedules of a project. One that was there already stays due when it was.
    ///
    /// # Errors
    /// When there is no such project.
    pub async fn set_schedules(&self, project: ProjectId, schedules: &[NewSchedule]) -> Result<(), StoreError> {
        change!(self, workflows::set_schedules(project, schedules), |()| vec![Change::Project(project)]);
        Ok(())
    }

    /// The schedules of a project, by path.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn schedules(&self, project: ProjectId) -> Result<Vec<Schedule>, StoreError> {
        Ok(read!(self, workflows::schedules(project)))
    }

    /// Schedules that are due, the longest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due_schedules(&self, now: Timestamp, limit: u32) -> Result<Vec<Schedule>, StoreError> {
        Ok(read!(self, workflows::due(now, limit)))
    }

    /// Takes a schedule that is due without a run, and writes when it is due next; `false` where another server took it, or it is gone or another one now.
    /// What makes a run takes it with that ([`crate::RunCause`]).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_schedule(&self, due: &Schedule, next: Timestamp) -> Result<bool, StoreError> {
        Ok(change!(self, workflows::take(due, next)))
    }
}
