//! A runner sends rows of a log: masked, they go to the log store. Whose task it is, and what its secrets are, is asked once.

use super::masks::{Masked, Masks};
use super::outputs::WithLast;
use super::service::{Runners, refused, refused_stop};
use crate::logs::{LogError, NewRows};
use crate::sweep::LATE_ROWS;
use crate::task;
use domain::control::JobPhase;
use domain::{RunnerId, TaskId, Timestamp};
use protocol::{Caller, Code, Refusal};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use store::StoredRunner;

/// So many are remembered.
const MOST: usize = 50_000;

/// Rows with more bytes than this are looked through where nothing else waits.
const LARGE: usize = 64 * 1024;

/// Whose tasks those are that logs come for, and what their rows must not show.
#[derive(Debug, Default)]
pub(super) struct LogOwners(Mutex<HashMap<TaskId, Owner>>);

/// Whose a task is.
#[derive(Debug, Clone)]
struct Owner {
    runner: RunnerId,
    masks: Masks,
    /// When its job ended, where that is known.
    ended: Option<Timestamp>,
}

impl LogOwners {
    fn of(&self, task: TaskId, runner: RunnerId) -> Option<Owner> {
        let owners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        owners.get(&task).filter(|owner| owner.runner == runner).cloned()
    }

    pub(super) fn put(&self, task: TaskId, runner: RunnerId, masks: Masks) {
        self.keep(task, Owner { runner, masks, ended: None });
    }

    fn keep(&self, task: TaskId, owner: Owner) {
        let mut owners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if owners.len() >= MOST {
            owners.clear();
        }
        owners.insert(task, owner);
    }

    pub(super) fn forget(&self, task: TaskId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&task);
    }
}

impl Runners {
    pub(super) async fn take_rows(&self, caller: Caller, batch: impl NewRows) -> Result<u64, Refusal> {
        let runner = self.caller(&caller).await?;
        let Owner { masks, ended, .. } = self.owner(&runner, batch.task()).await?;
        if ended.is_some_and(|ended| self.plane.now().since(ended) >= LATE_ROWS) {
            // Nobody waits for them any more.
            let ended = self.plane.logs.finish(batch.task(), Vec::new()).await;
            return ended.and(Err(LogError::Ended { task: batch.task(), rows: 0 })).map_err(|error| not_taken(&error));
        }
        self.plane.counts.rows(batch.count() as u64);
        let (last, most) = (self.last_rows.of(batch.task()), batch.index().saturating_add(batch.count() as u64));
        let batch = if batch.bytes() <= LARGE && masks.are_ready() {
            Masked::new(batch, &masks)
        } else {
            let looked = tokio::task::spawn_blocking(move || Masked::new(batch, &masks)).await;
            looked.map_err(|_| refused_stop())?
        };
        let appended = match last {
            None => self.plane.logs.append(batch).await,
            // No runner hears of more rows than it sent: those of Gitea count on it.
            Some(last) => {
                let rows = self.plane.logs.append(WithLast::new(batch, last, self.plane.now())).await;
                rows.map(|rows| rows.min(most))
            }
        };
        appended.map_err(|error| not_taken(&error))
    }

    /// What the rows of a runner's task must not show.
    pub(super) async fn masks(&self, runner: &StoredRunner, task: TaskId) -> Result<Masks, Refusal> {
        Ok(self.owner(runner, task).await?.masks)
    }

    async fn owner(&self, runner: &StoredRunner, task: TaskId) -> Result<Owner, Refusal> {
        if let Some(owner) = self.logs.of(task, runner.id) {
            return Ok(owner);
        }
        // Another server gave it, or this one before it was started anew.
        let (task, job) = self.own_task(runner, task).await?;
        let secrets = task::secrets_of(&self.plane, &task, &job).await.map_err(|error| match error {
            task::TaskError::Store(error) => refused(error),
            other => {
                tracing::warn!(error = &other as &dyn std::error::Error, task = %task.id, "rows cannot be masked, and are not taken");
                Refusal::new(Code::Unavailable, "the secrets of the job cannot be read, so that its rows are not taken")
            }
        })?;
        let ended = match job.phase {
            JobPhase::Finished { at, .. } => Some(at),
            _ => None,
        };
        let owner = Owner { runner: runner.id, masks: Masks::of(secrets), ended };
        self.logs.keep(task.id, owner.clone());
        Ok(owner)
    }
}

fn not_taken(error: &LogError) -> Refusal {
    let code = match error {
        // The words that agents of both forges know as final.
        LogError::Ended { .. } => return Refusal::new(Code::AlreadyExists, "log file has been archived"),
        LogError::Full { .. } => Code::ResourceExhausted,
        _ => Code::Unavailable,
    };
    tracing::warn!(error = error as &dyn std::error::Error, "rows of a log were not taken");
    Refusal::new(code, error.to_string())
}
