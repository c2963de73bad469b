//! Starts that were not said in time, and jobs that no runner takes.

use super::sweeper::{BATCH, Sweeper, Swept};
use domain::Timestamp;
use domain::control::{CancelCause, JobChange, JobPhase};
use store::StoreError;

impl Sweeper {
    /// A lease whose start was not said: the job waits again, as nothing of it can have run that counts (`security` R82); one that was asked to end
    /// is cancelled.
    pub(super) async fn leases(&self, now: Timestamp, swept: &mut Swept) -> Result<(), StoreError> {
        for (task, job) in self.plane.store.unsaid_before(now, BATCH).await? {
            let Some(lease) = job.phase.lease() else { continue };
            // A start may have been said while nobody listened: it is said again with the next report.
            if self.steady.silence(lease.given, now) < lease.until.since(lease.given) {
                continue;
            }
            let change = JobChange::Expired { task: task.id, at: now };
            let why = format!("the runner {} took the job and did not start it", task.runner_name);
            if let Some(JobPhase::Queued { .. }) = self.change_by_task(task.id, change, &why, now).await? {
                swept.requeued += 1;
            }
        }
        Ok(())
    }

    /// A job that waited for a runner for too long.
    pub(super) async fn abandoned(&self, now: Timestamp, swept: &mut Swept) -> Result<(), StoreError> {
        let limit = self.settings.abandoned;
        for job in self.plane.store.queued_before(self.steady.ago(limit, now), BATCH).await? {
            let JobPhase::Queued { since, .. } = job.phase else { continue };
            // Runners need a moment to come back where no server was.
            if self.steady.age(since, now) < limit || self.steady.silence(since, now) < limit.min(self.settings.grace) {
                continue;
            }
            let change = JobChange::CancelAsked { by: CancelCause::Abandoned, at: now };
            match self.plane.store.change_job(job.number, change, now).await {
                Ok(changed) => {
                    swept.abandoned += 1;
                    if changed.after.end().is_some() {
                        self.over(changed.number, changed.run);
                    }
                }
                Err(StoreError::Job(_) | StoreError::Missing { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
