//! A runner sends rows of a log: straight to the log store. Whose task it is is asked once.

use super::service::Runners;
use crate::logs::{LogError, NewRows};
use domain::{RunnerId, TaskId};
use protocol::{Caller, Code, Refusal};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// So many are remembered.
const MOST: usize = 50_000;

/// Whose tasks those are that logs came for.
#[derive(Debug, Default)]
pub(super) struct LogOwners(Mutex<HashMap<TaskId, RunnerId>>);

impl LogOwners {
    fn is(&self, task: TaskId, runner: RunnerId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&task) == Some(&runner)
    }

    pub(super) fn put(&self, task: TaskId, runner: RunnerId) {
        let mut owners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if owners.len() >= MOST {
            owners.clear();
        }
        owners.insert(task, runner);
    }

    pub(super) fn forget(&self, task: TaskId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&task);
    }
}

impl Runners {
    pub(super) async fn take_rows(&self, caller: Caller, batch: impl NewRows) -> Result<u64, Refusal> {
        let runner = self.caller(&caller).await?;
        let task = batch.task();
        if !self.logs.is(task, runner.id) {
            let (task, _) = self.own_task(&runner, task).await?;
            self.logs.put(task.id, runner.id);
        }
        self.plane.counts.rows(batch.count() as u64);
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
}
