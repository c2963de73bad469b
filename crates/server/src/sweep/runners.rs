//! Runners that fell silent, and runners that are none any more.

use super::settings::SweepSettings;
use super::sweeper::{Sweeper, Swept, audit};
use domain::Timestamp;
use domain::control::{Admission, Contact, RunnerChange, Work};
use std::time::Duration;
use store::{StoreError, StoredRunner};

impl Sweeper {
    pub(super) async fn runners(&self, now: Timestamp, swept: &mut Swept) -> Result<(), StoreError> {
        for runner in self.plane.store.quiet_runners(now.before(self.soonest()), now).await? {
            if self.is_gone(&runner, now) {
                let entry = audit("runner.remove", format!("runner {} ({})", runner.id.0, runner.name));
                match self.plane.store.remove_runner(runner.id, now, &entry).await {
                    Ok(()) => {
                        swept.runners += 1;
                        self.plane.queue.runner_gone(runner.id);
                    }
                    Err(StoreError::Missing { .. }) => {}
                    Err(error) => return Err(error),
                }
            } else if let Contact::Online(heard) = runner.phase.contact()
                && self.steady.silence(heard, now) >= self.settings.silent_runner
            {
                swept.offline += usize::from(self.silence(runner, now).await?);
            }
        }
        Ok(())
    }

    /// Whoever was heard of within this time is no case for the sweep, whatever it is.
    fn soonest(&self) -> Duration {
        let SweepSettings { silent_runner, spent, fresh, gone, .. } = &self.settings;
        let soonest = (*silent_runner).min(*spent).min(*fresh);
        gone.map_or(soonest, |gone| soonest.min(gone))
    }

    async fn silence(&self, runner: StoredRunner, now: Timestamp) -> Result<bool, StoreError> {
        match self.plane.store.change_runner(runner.id, RunnerChange::Silent(now), now, None).await {
            Ok(phase) => {
                self.plane.queue.runner(StoredRunner { phase, ..runner });
                Ok(true)
            }
            Err(StoreError::Runner(_) | StoreError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a runner is to be forgotten.
    fn is_gone(&self, runner: &StoredRunner, now: Timestamp) -> bool {
        let phase = &runner.phase;
        if phase.tasks().next().is_some() {
            return false;
        }
        let (Contact::Online(heard) | Contact::Offline(heard)) = phase.contact();
        let silence = self.steady.silence(heard, now);
        match (phase.admission(), phase.work()) {
            (Admission::Removed, _) | (_, Work::Spent) => silence >= self.settings.spent,
            (_, Work::Fresh) => self.steady.age(heard, now) >= self.settings.fresh,
            (_, Work::Lasting { .. } | Work::Bound { .. }) => {
                // Two months of silence are longer than servers run without a break.
                self.settings.gone.is_some_and(|gone| self.steady.age(heard, now) >= gone)
            }
        }
    }
}
