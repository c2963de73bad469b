//! Starts that were not said in time, and jobs that no runner takes.

use super::sweeper::{BATCH, Sweeper, Swept, words};
use domain::control::{CancelCause, Contact, JobChange, JobPhase};
use domain::{RunnerId, Timestamp};
use std::time::Duration;
use store::StoreError;

/// A runner that has a job speaks of it within so long: Gitea's every second, ours sooner.
const SPEAKS: Duration = Duration::from_secs(30);

impl Sweeper {
    /// A lease whose start was not said. A runner that calls and says nothing of the job does not have it: the job waits again (`security` R82), or is
    /// cancelled where it was asked to end. One that does not call at all may be running it, so it is never given to another, but given up.
    pub(super) async fn leases(&self, now: Timestamp, swept: &mut Swept) -> Result<(), StoreError> {
        for (task, job) in self.plane.store.unsaid_before(now, BATCH).await? {
            let Some(lease) = job.phase.lease() else { continue };
            // A start may have been said while nobody listened: it is said again with the next report.
            if self.steady.silence(lease.given, now) < lease.until.since(lease.given) {
                continue;
            }
            let may_run =
                matches!(job.phase, JobPhase::Leased { .. }) && !self.speaks_since(task.runner, lease.given).await?;
            let (change, why) = if !may_run {
                let why = format!("the runner {} took the job and did not start it", task.runner_name);
                (JobChange::Expired { task: task.id, at: now }, why)
            } else if self.steady.silence(lease.given, now) >= self.settings.silent_task {
                let fault = format!(
                    "the runner {} took the job and was not heard of again for {}: whether it ran is not known; run the job again",
                    task.runner_name,
                    words(self.settings.silent_task)
                );
                (JobChange::GivenUp { task: task.id, fault: fault.clone(), at: now }, fault)
            } else {
                continue;
            };
            match self.change_by_task(task.id, change, &why, now).await? {
                Some(JobPhase::Queued { .. }) => swept.requeued += 1,
                Some(_) if may_run => swept.given_up += 1,
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    /// Whether a runner called so long after it was given a job that it would have spoken of it.
    async fn speaks_since(&self, runner: RunnerId, given: Timestamp) -> Result<bool, StoreError> {
        match self.plane.store.runner(runner).await {
            Ok(runner) => Ok(matches!(runner.phase.contact(), Contact::Online(heard) if heard.since(given) >= SPEAKS)),
            Err(StoreError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
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
                    self.plane.counts.changed(&changed.before, &changed.after);
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
