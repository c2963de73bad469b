//! Logs and runs that were kept long enough.

use super::sweeper::{BATCH, Sweeper, Swept, audit};
use domain::Timestamp;
use domain::control::RunId;
use store::StoreError;

/// So many runs at a time: each may have thousands of logs.
const RUNS: u32 = 32;

impl Sweeper {
    pub(super) async fn retention(&self, now: Timestamp, swept: &mut Swept) -> Result<(), StoreError> {
        let store = &self.plane.store;
        if let Some(age) = self.settings.runs {
            for run in store.finished_before(self.steady.ago(age, now), RUNS).await? {
                match store.remove_run(run, now, Some(&audit("run.remove", format!("run {run}")))).await {
                    Ok(_) => swept.runs += 1,
                    // It runs again, or is gone.
                    Err(StoreError::Run(_) | StoreError::Missing { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        for task in store.gone_logs(BATCH).await? {
            match self.plane.logs.remove(task).await {
                Ok(()) => store.forget_log(task).await?,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, %task, "the log of a task that is gone could not be removed");
                    swept.faults += 1;
                }
            }
        }
        if let Some(age) = self.settings.logs {
            for run in store.logs_before(self.steady.ago(age, now), RUNS).await? {
                if self.drop_logs(run).await? {
                    store.note_logs_gone(run).await?;
                    swept.logs += 1;
                } else {
                    swept.faults += 1;
                }
            }
        }
        Ok(())
    }

    /// Removes the logs of a run; false when one of them could not be.
    async fn drop_logs(&self, run: RunId) -> Result<bool, StoreError> {
        let mut are_gone = true;
        for task in self.plane.store.run_tasks(run).await? {
            if let Err(error) = self.plane.logs.remove(task).await {
                tracing::warn!(error = &error as &dyn std::error::Error, %task, %run, "a log could not be removed");
                are_gone = false;
            }
        }
        Ok(are_gone)
    }
}
