//! A runner says how its task stands. A report is taken once, however often it comes; what comes after the end changes nothing (`runner-protocol` 3.5).

use super::outputs::Sifted;
use super::service::{Runners, refused};
use crate::task::Progress;
use domain::control::{JobChange, JobPhase, RunId};
use domain::{Conclusion, RunnerCapability, RunnerId, TaskId, TaskPhase, TaskResult, Timestamp};
use protocol::{Caller, Code, Refusal, Report, Reported};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use store::{StoreError, StoredJob, StoredRunner, StoredTask};

/// So many are remembered.
const MOST: usize = 20_000;

/// A task: whose, and of which run.
#[derive(Debug, Clone)]
struct Known {
    runner: RunnerId,
    run: RunId,
    /// How many steps its job has, where that is known.
    steps: Option<NonZeroUsize>,
    progress: Progress,
}

/// How many steps a job has.
fn steps_of(job: &StoredJob) -> Option<NonZeroUsize> {
    NonZeroUsize::new(job.facts.get("steps")?.as_array()?.len())
}

/// How the tasks stand that runners report of: what the store has, kept at hand.
#[derive(Debug, Default)]
pub(super) struct Tasks(Mutex<HashMap<TaskId, Known>>);

impl Tasks {
    fn get(&self, task: TaskId, runner: RunnerId) -> Option<Known> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&task).filter(|known| known.runner == runner).cloned()
    }

    pub(super) fn put(&self, task: TaskId, runner: RunnerId, job: &StoredJob, progress: Progress) {
        self.keep(task, Known { runner, run: job.run, steps: steps_of(job), progress });
    }

    fn keep(&self, task: TaskId, known: Known) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(task, known);
    }

    fn forget(&self, task: TaskId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&task);
    }
}

impl Runners {
    pub(super) async fn take_report(&self, caller: Caller, report: Report) -> Result<Reported, Refusal> {
        let runner = self.caller(&caller).await?;
        let Report { state, outputs } = report;
        let id = state.id;
        let mut kept = match self.tasks.get(id, runner.id) {
            Some(known) => known,
            None => {
                let (task, job) = self.own_task(&runner, id).await?;
                Known { runner: runner.id, run: job.run, steps: steps_of(&job), progress: Progress::of(&task) }
            }
        };
        let Sifted { outputs, mut left_out } = self.sifted(&runner, id, outputs).await?;
        kept.progress.take(&state, kept.steps);
        let now = self.plane.now();
        let change = match state.phase {
            TaskPhase::Waiting => None,
            TaskPhase::Running { .. } => Some(JobChange::Started { task: id, at: now }),
            TaskPhase::Ended { result, .. } => {
                let conclusion = match result {
                    TaskResult::Concluded(conclusion) => conclusion,
                    TaskResult::Other(_) => Conclusion::Failure,
                };
                Some(JobChange::Ended { task: id, conclusion, at: now })
            }
        };
        let steps = serde_json::to_value(&kept.progress).unwrap_or_default();
        let told = store::Report {
            runner: runner.id,
            task: id,
            run: Some(kept.run),
            steps: &steps,
            change: change.as_ref(),
            outputs: &outputs,
        };
        let mut known = self.write(&told, now).await?;
        self.tell_left_out(id, &mut left_out, std::mem::take(&mut known.left_out));
        if let JobPhase::Cancelling { .. } = known.after
            && !runner.capabilities.contains(&RunnerCapability::Cancelling)
        {
            // It hears of it now, and may never speak of this task again (Gitea's runner before 2.0, `runner-protocol` 3.5).
            let change = JobChange::Ended { task: id, conclusion: Conclusion::Cancelled, at: now };
            known = self.write(&store::Report { change: Some(&change), ..told }, now).await?;
        }
        if known.after.end().is_some() {
            self.tasks.forget(id);
            self.logs.forget(id);
            if known.refused.is_none() && known.before.end().is_none() {
                self.plane.counts.changed(&known.before, &known.after);
                super::spent::leave(&self.plane, &runner, id);
            }
            // Also of one that comes twice: the first may have been written by a call that nobody waited for.
            self.plane.queue.gone(vec![known.job]);
            match known.ended.take() {
                Some(end) => self.plane.runs.ended(end),
                None => self.plane.runs.look(known.run),
            }
        } else {
            self.tasks.keep(id, kept);
        }
        let phase = match &known.after {
            JobPhase::Finished { end, at, .. } => ended(end.conclusion(), *at),
            // A lease that is another's, or nobody's: there is nothing to go on with.
            after if after.lease().is_none_or(|lease| lease.task != id) => ended(Conclusion::Cancelled, now),
            JobPhase::Cancelling { .. } => ended(Conclusion::Cancelled, now),
            _ => state.phase,
        };
        // What was left out is named too: it would be sent for ever.
        let stored_outputs = known.outputs.into_keys().chain(left_out).collect();
        Ok(Reported { phase, stored_outputs })
    }

    async fn write(&self, told: &store::Report<'_>, now: Timestamp) -> Result<store::Reported, Refusal> {
        self.plane.store.report(told, now).await.map_err(|error| match error {
            StoreError::Missing { .. } => not_its_own(told.task),
            error => refused(error),
        })
    }

    /// The task of a number, if it is this runner's.
    pub(super) async fn own_task(&self, runner: &StoredRunner, id: TaskId) -> Result<(StoredTask, StoredJob), Refusal> {
        match self.plane.store.task(id).await {
            Ok((task, job)) if task.runner == runner.id => Ok((task, job)),
            // Nobody learns which tasks there are.
            Ok(_) | Err(StoreError::Missing { .. }) => Err(not_its_own(id)),
            Err(error) => Err(refused(error)),
        }
    }
}

fn not_its_own(id: TaskId) -> Refusal {
    Refusal::new(Code::PermissionDenied, format!("invalid runner for task: task {id} is none of this runner"))
}

const fn ended(conclusion: Conclusion, at: Timestamp) -> TaskPhase {
    TaskPhase::Ended { result: TaskResult::Concluded(conclusion), started: None, stopped: at }
}
