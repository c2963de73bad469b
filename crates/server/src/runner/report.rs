//! A runner says how its task stands. A report is taken once, however often it comes; what comes after the end changes nothing (`runner-protocol` 3.5).

use super::service::{Runners, refused};
use crate::task::Progress;
use domain::control::{JobChange, JobPhase};
use domain::{Conclusion, TaskPhase, TaskResult};
use protocol::{Caller, Code, Refusal, Report, Reported, quirks};
use std::collections::BTreeMap;
use store::{StoreError, StoredJob, StoredRunner, StoredTask};

impl Runners {
    pub(super) async fn take_report(&self, caller: Caller, report: Report) -> Result<Reported, Refusal> {
        let runner = self.caller(&caller).await?;
        let Report { state, outputs } = report;
        let (task, job) = self.own_task(&runner, state.id).await?;
        let mut progress = Progress::of(&task);
        let (outputs, refused_outputs) = quirks::storable_outputs(outputs);
        if !refused_outputs.is_empty() {
            tracing::info!(task = %task.id, outputs = ?refused_outputs, "outputs that are too long were left out");
        }
        let has_lease = job.phase.lease().is_some_and(|lease| lease.task == task.id);
        if !has_lease {
            return Ok(Reported { phase: over(&job), stored_outputs: progress.outputs.into_keys().collect() });
        }
        progress.take(&state, outputs);
        let now = self.plane.now();
        let steps = serde_json::to_value(&progress).unwrap_or_default();
        self.plane.store.heard(task.id, &steps, now).await.map_err(refused)?;
        let change = match state.phase {
            TaskPhase::Waiting => None,
            TaskPhase::Running { .. } => match job.phase {
                JobPhase::Leased { .. } | JobPhase::Cancelling { start: domain::control::Start::Unheard, .. } => {
                    Some(JobChange::Started { task: task.id, at: now })
                }
                _ => None,
            },
            TaskPhase::Ended { result, .. } => {
                let conclusion = match result {
                    TaskResult::Concluded(conclusion) => conclusion,
                    TaskResult::Other(_) => Conclusion::Failure,
                };
                Some(JobChange::Ended { task: task.id, conclusion, at: now })
            }
        };
        let phase = match change {
            None => job.phase,
            Some(change) => self.change(&task, change, &progress.outputs).await?,
        };
        let phase = match &phase {
            JobPhase::Finished { .. } => over(&StoredJob { phase, ..job }),
            JobPhase::Cancelling { .. } => ended(Conclusion::Cancelled, now),
            _ => state.phase,
        };
        Ok(Reported { phase, stored_outputs: progress.outputs.into_keys().collect() })
    }

    /// Changes the job of a task, and tells who must know.
    async fn change(
        &self,
        task: &StoredTask,
        change: JobChange,
        outputs: &BTreeMap<String, String>,
    ) -> Result<JobPhase, Refusal> {
        let changed = match self.plane.store.change_by_task(task.id, change, outputs, self.plane.now()).await {
            Ok(changed) => changed,
            // Somebody ended it between the look and this: its runner hears how.
            Err(StoreError::Job(_)) => {
                let (_, job) = self.plane.store.task(task.id).await.map_err(refused)?;
                return Ok(job.phase);
            }
            Err(error) => return Err(refused(error)),
        };
        if changed.after.end().is_some() {
            self.plane.queue.gone(vec![changed.number]);
            self.plane.runs.look(changed.run);
            self.logs.forget(task.id);
        }
        Ok(changed.after)
    }

    /// The task of a number, if it is this runner's.
    pub(super) async fn own_task(
        &self,
        runner: &StoredRunner,
        id: domain::TaskId,
    ) -> Result<(StoredTask, StoredJob), Refusal> {
        let not_its_own = || {
            Refusal::new(Code::PermissionDenied, format!("invalid runner for task: task {id} is none of this runner"))
        };
        match self.plane.store.task(id).await {
            Ok((task, job)) if task.runner == runner.id => Ok((task, job)),
            // Nobody learns which tasks there are.
            Ok(_) | Err(StoreError::Missing { .. }) => Err(not_its_own()),
            Err(error) => Err(refused(error)),
        }
    }
}

/// What the runner of a job hears that is no longer its own, or over.
fn over(job: &StoredJob) -> TaskPhase {
    match &job.phase {
        JobPhase::Finished { end, at, .. } => ended(end.conclusion(), *at),
        _ => ended(Conclusion::Cancelled, domain::Timestamp(0)),
    }
}

const fn ended(conclusion: Conclusion, at: domain::Timestamp) -> TaskPhase {
    TaskPhase::Ended { result: TaskResult::Concluded(conclusion), started: None, stopped: at }
}
