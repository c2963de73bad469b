//! Attempts whose runner fell silent, and attempts without an end.

use super::sweeper::{BATCH, Sweeper, Swept, words};
use crate::run::JobFacts;
use domain::Timestamp;
use domain::control::{JobChange, JobPhase, Start};
use serde::Deserialize;
use std::time::Duration;
use store::{StartedTask, StoreError};

/// What a job gets that names no time (`execution-semantics`: six hours), minutes.
const USUAL: f64 = 360.0;

impl Sweeper {
    /// Tasks that started and are not heard of any more. One of which not even the start was heard is a matter of its lease.
    pub(super) async fn silent_tasks(&self, now: Timestamp, swept: &mut Swept) -> Result<(), StoreError> {
        let limit = self.settings.silent_task;
        for (task, job) in self.plane.store.silent_since(self.steady.ago(limit, now), now, BATCH).await? {
            let has_begun =
                matches!(job.phase, JobPhase::Running { .. } | JobPhase::Cancelling { start: Start::At(_), .. });
            if !has_begun || self.steady.silence(task.heard, now) < limit {
                continue;
            }
            let fault = format!(
                "the runner {} was not heard of for {}: its machine or its program may have stopped; run the job again",
                task.runner_name,
                words(limit)
            );
            let change = JobChange::GivenUp { task: task.id, fault: fault.clone(), at: now };
            swept.given_up += usize::from(self.change_by_task(task.id, change, &fault, now).await?.is_some());
        }
        Ok(())
    }

    /// Attempts that go on after the time that their job has, whatever their runner says.
    pub(super) async fn endless(&self, now: Timestamp, swept: &mut Swept) -> Result<(), StoreError> {
        // None is over its time that has not had the grace alone.
        for task in self.plane.store.started_before(self.steady.ago(self.settings.grace, now)).await? {
            let (limit, since, what) = limit(&task);
            let limit = limit.saturating_add(self.settings.grace);
            // What ended while no server ran is said once there is one.
            if self.steady.age(since, now) < limit || self.steady.silence(since, now) < self.settings.grace {
                continue;
            }
            let fault = format!("the job {what} for {}, longer than it may; its runner did not end it", words(limit));
            let change = JobChange::GivenUp { task: task.task, fault: fault.clone(), at: now };
            swept.given_up += usize::from(self.change_by_task(task.task, change, &fault, now).await?.is_some());
        }
        Ok(())
    }
}

/// How long a task may go on, since when, and the words for it.
fn limit(task: &StartedTask) -> (Duration, Timestamp, &'static str) {
    let facts = JobFacts::deserialize(&task.facts).ok();
    let (run, cancel) = facts.map_or((USUAL, 5.0), |facts| (facts.timeout_minutes, facts.cancel_timeout_minutes));
    let minutes = |minutes: f64| Duration::try_from_secs_f64(minutes * 60.0).unwrap_or(Duration::MAX);
    match &task.phase {
        JobPhase::Cancelling { asked, .. } => (minutes(cancel), *asked, "was asked to end and went on"),
        // A runner that ends a job at its time gives it the time of a cancellation to end.
        _ => (minutes(run).saturating_add(minutes(cancel)), task.started, "ran"),
    }
}
