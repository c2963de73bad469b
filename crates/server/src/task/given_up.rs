//! Jobs that are taken from their runner by somebody else: the sweep, or who removes the runner. Called by `sweep` and by REST.

use crate::plane::Plane;
use domain::control::{JobChange, JobNumber, JobPhase, RunId, RunnerChange};
use domain::{LogRow, RunnerId, TaskId, Timestamp};
use std::collections::BTreeMap;
use store::{StoreError, StoredRunner};

/// Changes the job of a task whose runner says nothing of that, and tells who must know; the phase after it, or `None` where somebody was faster.
pub(crate) async fn change_by_task(
    plane: &Plane,
    task: TaskId,
    change: JobChange,
    why: &str,
    now: Timestamp,
) -> Result<Option<JobPhase>, StoreError> {
    match plane.store.change_by_task(task, change, &BTreeMap::new(), now).await {
        Ok(changed) => {
            plane.counts.changed(&changed.before, &changed.after);
            if changed.after.end().is_some() {
                over(plane, changed.number, changed.run);
                end_log(plane, task, why, now).await;
            } else {
                plane.queue.requeued(changed.number);
            }
            Ok(Some(changed.after))
        }
        // Its runner spoke meanwhile, or another server was faster.
        Err(StoreError::Job(_) | StoreError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tells that a job is over.
pub(crate) fn over(plane: &Plane, job: JobNumber, run: RunId) {
    plane.queue.gone(vec![job]);
    plane.runs.look(run);
}

/// A log that nobody writes any more ends with the reason.
async fn end_log(plane: &Plane, task: TaskId, why: &str, now: Timestamp) {
    let row = LogRow { at: now, content: format!("##[error]{why}") };
    if let Err(error) = plane.logs.finish(task, vec![row]).await {
        tracing::warn!(error = &error as &dyn std::error::Error, %task, "the log of a task that was given up stays open");
    }
}

/// Before a runner is removed: it gets no more jobs, and those that it has fail. Once it is unknown, nobody could say what became of them.
pub(crate) async fn give_up_all(plane: &Plane, runner: RunnerId) -> Result<(), StoreError> {
    let now = plane.now();
    match plane.store.change_runner(runner, RunnerChange::Disabled, now, None).await {
        // It is disabled, or is to be gone already.
        Ok(_) | Err(StoreError::Runner(_)) => {}
        Err(error) => return Err(error),
    }
    let StoredRunner { phase, name, .. } = plane.store.runner(runner).await?;
    for task in phase.tasks() {
        let fault = format!("the runner {name} was removed while it had the job; run the job again");
        let change = JobChange::GivenUp { task, fault: fault.clone(), at: now };
        change_by_task(plane, task, change, &fault, now).await?;
    }
    Ok(())
}
