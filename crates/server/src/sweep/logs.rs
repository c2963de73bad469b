//! Logs that their runner does not end: whoever follows one would wait for ever.

use super::sweeper::Sweeper;
use domain::Timestamp;
use domain::control::JobPhase;
use std::time::Duration;
use store::StoreError;

/// Logs are looked for so often: there is one for each job that runs.
const EVERY: Duration = Duration::from_secs(60);

impl Sweeper {
    /// Ends logs that took no row for a while, and whose job ended as long ago.
    pub(super) async fn open_logs(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.looked.is_some_and(|looked| self.steady.age(looked, now) < EVERY) {
            return Ok(());
        }
        self.looked = Some(now);
        let late = self.settings.late_rows;
        let quiet = match self.plane.logs.quiet(late).await {
            Ok(quiet) => quiet,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "logs that stay open cannot be looked for");
                return Ok(());
            }
        };
        for task in quiet {
            let job = match self.plane.store.task(task).await {
                Ok((_, job)) => job,
                Err(StoreError::Missing { .. }) => continue,
                Err(error) => return Err(error),
            };
            let JobPhase::Finished { at, .. } = job.phase else { continue };
            if self.steady.silence(at, now) < late {
                continue;
            }
            if let Err(error) = self.plane.logs.finish(task, Vec::new()).await {
                tracing::warn!(error = &error as &dyn std::error::Error, %task, "a log that its runner does not end stays open");
            }
        }
        Ok(())
    }
}
