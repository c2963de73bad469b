//! A runner sends rows of a log: masked, they go to the log store. Whose task it is, and what its secrets are, is asked once.

use super::masks::{Masked, Masks};
use super::service::{Runners, refused};
use crate::logs::{LogError, NewRows};
use crate::task;
use domain::{RunnerId, TaskId};
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
pub(super) struct LogOwners(Mutex<HashMap<TaskId, (RunnerId, Masks)>>);

impl LogOwners {
    fn of(&self, task: TaskId, runner: RunnerId) -> Option<Masks> {
        let owners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        owners.get(&task).filter(|(owner, _)| *owner == runner).map(|(_, masks)| masks.clone())
    }

    pub(super) fn put(&self, task: TaskId, runner: RunnerId, masks: Masks) {
        let mut owners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if owners.len() >= MOST {
            owners.clear();
        }
        owners.insert(task, (runner, masks));
    }

    pub(super) fn forget(&self, task: TaskId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&task);
    }
}

impl Runners {
    pub(super) async fn take_rows(&self, caller: Caller, batch: impl NewRows) -> Result<u64, Refusal> {
        let runner = self.caller(&caller).await?;
        let masks = self.masks(&runner, batch.task()).await?;
        self.plane.counts.rows(batch.count() as u64);
        let batch = if batch.bytes() <= LARGE && masks.are_ready() {
            Masked::new(batch, &masks)
        } else {
            let looked = tokio::task::spawn_blocking(move || Masked::new(batch, &masks)).await;
            looked.map_err(|_| Refusal::new(Code::Unavailable, "the server stops"))?
        };
        self.plane.logs.append(batch).await.map_err(|error| {
            let code = match &error {
                // The words that agents of both forges know as final.
                LogError::Ended { .. } => return Refusal::new(Code::AlreadyExists, "log file has been archived"),
                LogError::Full { .. } => Code::ResourceExhausted,
                _ => Code::Unavailable,
            };
            tracing::warn!(error = &error as &dyn std::error::Error, "rows of a log were not taken");
            Refusal::new(code, error.to_string())
        })
    }

    /// What the rows of a runner's task must not show.
    async fn masks(&self, runner: &StoredRunner, task: TaskId) -> Result<Masks, Refusal> {
        if let Some(masks) = self.logs.of(task, runner.id) {
            return Ok(masks);
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
        let masks = Masks::of(secrets);
        self.logs.put(task.id, runner.id, masks.clone());
        Ok(masks)
    }
}
