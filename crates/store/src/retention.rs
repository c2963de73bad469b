//! What goes after its time, and what stands still too long. Called by the server's sweeps and by the route that deletes a run.

use crate::audit::AuditEntry;
use crate::database::{change, read};
use crate::jobs::StoredJob;
use crate::news::Change;
use crate::tasks::StoredTask;
use crate::{Store, StoreError};
use domain::control::{JobNumber, JobPhase, RunId};
use domain::{TaskId, Timestamp};

/// A task that started and is not over.
#[derive(Debug, Clone, PartialEq)]
pub struct StartedTask {
    /// Which.
    pub task: TaskId,
    /// Of which job.
    pub job: JobNumber,
    /// What the server knows of that.
    pub facts: serde_json::Value,
    /// Where that is: running, or asked to end.
    pub phase: JobPhase,
    /// When it started.
    pub started: Timestamp,
}

impl Store {
    /// Tasks whose start was awaited until before this moment and was not said, the longest first; then those that would be awaited for more than an hour:
    /// they were given before the clock was set back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unsaid_before(&self, now: Timestamp, limit: u32) -> Result<Vec<(StoredTask, StoredJob)>, StoreError> {
        Ok(read!(self, tasks::unsaid(now, limit)))
    }

    /// Tasks that started before this moment and are not over, by number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn started_before(&self, then: Timestamp) -> Result<Vec<StartedTask>, StoreError> {
        Ok(read!(self, retention::started(then)))
    }

    /// Queued jobs that were made before this moment, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn queued_before(&self, then: Timestamp, limit: u32) -> Result<Vec<StoredJob>, StoreError> {
        Ok(read!(self, jobs::queued_before(then, limit)))
    }

    /// Runs that finished before this moment, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finished_before(&self, then: Timestamp, limit: u32) -> Result<Vec<RunId>, StoreError> {
        Ok(read!(self, retention::finished(then, limit)))
    }

    /// Runs that finished before this moment and whose logs are kept still, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn logs_before(&self, then: Timestamp, limit: u32) -> Result<Vec<RunId>, StoreError> {
        Ok(read!(self, retention::with_logs(then, limit)))
    }

    /// The tasks of all tries of a run: each has a log.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn run_tasks(&self, run: RunId) -> Result<Vec<TaskId>, StoreError> {
        Ok(read!(self, retention::tasks(run)))
    }

    /// Notes that the logs of a finished run are gone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_logs_gone(&self, run: RunId) -> Result<(), StoreError> {
        change!(self, retention::note_logs_gone(run), |()| vec![Change::Run(run)]);
        Ok(())
    }

    /// Tasks that went with their run or their project, and whose logs are there still.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn gone_logs(&self, limit: u32) -> Result<Vec<TaskId>, StoreError> {
        Ok(read!(self, retention::gone_logs(limit)))
    }

    /// Notes that such a log went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_log(&self, task: TaskId) -> Result<(), StoreError> {
        change!(self, retention::forget_log(task));
        Ok(())
    }

    /// Forgets a finished run with its jobs, and gives the tasks whose logs are to go; the sweep removes them too ([`Self::gone_logs`]).
    ///
    /// # Errors
    /// When there is no such run, or it goes on.
    pub async fn remove_run(
        &self,
        run: RunId,
        now: Timestamp,
        audit: Option<&AuditEntry>,
    ) -> Result<Vec<TaskId>, StoreError> {
        Ok(change!(self, retention::remove_run(run, now, audit), |_| vec![Change::Run(run)]))
    }
}
