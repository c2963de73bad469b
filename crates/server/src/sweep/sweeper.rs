//! The loop, and what a tick came to.

use super::settings::SweepSettings;
use super::steady::Steady;
use crate::plane::Plane;
use domain::control::{JobChange, JobNumber, JobPhase};
use domain::{LogRow, TaskId, Timestamp};
use std::collections::BTreeMap;
use store::{AuditEntry, StoreError};
use tokio::sync::watch;

/// So many of a kind are swept in one tick.
pub(super) const BATCH: u32 = 256;

/// What a tick came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Jobs that wait again: their runner did not say that it started.
    pub requeued: usize,
    /// Jobs whose runner fell silent, or did not end them in their time.
    pub given_up: usize,
    /// Jobs that no runner took.
    pub abandoned: usize,
    /// Runners that are offline now.
    pub offline: usize,
    /// Runners that are forgotten.
    pub runners: usize,
    /// Runs whose logs went.
    pub logs: usize,
    /// Runs that went.
    pub runs: usize,
    /// Logs that could not be removed; they are tried again.
    pub faults: usize,
}

/// Sweeps.
#[derive(Debug)]
pub struct Sweeper {
    pub(super) plane: Plane,
    pub(super) settings: SweepSettings,
    pub(super) steady: Steady,
}

impl Sweeper {
    /// One that has looked at nothing yet: what fell silent while no server ran gets its time from the first tick on.
    #[must_use]
    pub fn new(plane: Plane, settings: SweepSettings) -> Self {
        Self { plane, settings, steady: Steady::new() }
    }

    /// Sweeps until told to stop.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut ticker = tokio::time::interval(self.settings.every);
        ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticker.tick() => {}
                _ = stop.changed() => return,
            }
            match self.tick(self.plane.now()).await {
                Ok(swept) if swept == Swept::default() => {}
                Ok(swept) => tracing::info!(?swept, "swept"),
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "what stands still could not be looked for; it is in {:?}",
                    self.settings.every
                ),
            }
        }
    }

    /// Looks at everything once. Ticks that are further apart than a minute and a half are taken for a jump of the clock.
    ///
    /// # Errors
    /// When the database fails; what was done until then stays done.
    pub async fn tick(&mut self, now: Timestamp) -> Result<Swept, StoreError> {
        self.steady.tick(now);
        let mut swept = Swept::default();
        self.leases(now, &mut swept).await?;
        self.silent_tasks(now, &mut swept).await?;
        self.endless(now, &mut swept).await?;
        self.abandoned(now, &mut swept).await?;
        self.runners(now, &mut swept).await?;
        self.retention(now, &mut swept).await?;
        Ok(swept)
    }

    /// Changes the job of a task whose runner says nothing, and tells who must know; the phase after it, or `None` where somebody was faster.
    pub(super) async fn change_by_task(
        &self,
        task: TaskId,
        change: JobChange,
        why: &str,
        now: Timestamp,
    ) -> Result<Option<JobPhase>, StoreError> {
        match self.plane.store.change_by_task(task, change, &BTreeMap::new(), now).await {
            Ok(changed) => {
                self.plane.counts.changed(&changed.before, &changed.after);
                if changed.after.end().is_some() {
                    self.over(changed.number, changed.run);
                    self.end_log(task, why, now).await;
                } else {
                    self.plane.queue.requeued(changed.number);
                }
                Ok(Some(changed.after))
            }
            // Its runner spoke meanwhile, or another server swept it.
            Err(StoreError::Job(_) | StoreError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn over(&self, job: JobNumber, run: domain::control::RunId) {
        self.plane.queue.gone(vec![job]);
        self.plane.runs.look(run);
    }

    /// A log that nobody writes any more ends with the reason.
    async fn end_log(&self, task: TaskId, why: &str, now: Timestamp) {
        let row = LogRow { at: now, content: format!("##[error]{why}") };
        if let Err(error) = self.plane.logs.finish(task, vec![row]).await {
            tracing::warn!(error = &error as &dyn std::error::Error, %task, "the log of a task that was given up stays open");
        }
    }
}

/// What the audit says of what the sweep does.
pub(super) fn audit(action: &str, object: String) -> AuditEntry {
    AuditEntry {
        actor: "sweep".to_owned(),
        origin: "here".to_owned(),
        action: action.to_owned(),
        object,
        detail: serde_json::Value::Null,
    }
}

/// `2 h 5 min`, for people.
pub(super) fn words(time: std::time::Duration) -> String {
    let minutes = time.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{} s", time.as_secs()),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
