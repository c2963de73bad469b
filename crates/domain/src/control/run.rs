//! A run, rolled up from its jobs in Gitea's order (`runner-protocol` 5.2), but that a job that failed fails its run, whatever was cancelled beside it
//! (`execution-semantics` 4.3): a failed matrix cancels its siblings here. Used by the store with every change of a job, and by whoever shows a run.

use super::{AttemptNumber, JobPhase};
use crate::Conclusion;
use serde::{Deserialize, Serialize};

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "phase", content = "conclusion", rename_all = "snake_case")]
pub enum RunPhase {
    /// Nothing goes on, and something keeps every job back that is left.
    Blocked,
    /// At least one job waits for a runner, none is with one.
    Waiting,
    /// A runner has at least one job.
    Running,
    /// At least one job is asked to end.
    Cancelling,
    /// Every job is over.
    Finished(Conclusion),
}

/// What a run cannot do; it is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RunRefusal {
    /// It is over.
    #[error("the run is finished ({conclusion}); run it again instead")]
    Finished {
        /// How it ended.
        conclusion: Conclusion,
    },
    /// It cannot run again while it goes on.
    #[error("the run goes on; cancel it or wait until it is finished, then run it again")]
    GoesOn,
    /// It was tried as often as it may be.
    #[error("the run was tried {} times; start a new one", AttemptNumber::MOST)]
    TooOften,
}

impl RunPhase {
    /// The word for it: that of its conclusion when it is over.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Finished(conclusion) => conclusion.as_str(),
        }
    }

    /// The number of the next attempt of a run in this state.
    ///
    /// # Errors
    /// When it goes on, or was tried as often as it may be.
    pub fn rerun(self, attempt: AttemptNumber) -> Result<AttemptNumber, RunRefusal> {
        let Self::Finished(_) = self else { return Err(RunRefusal::GoesOn) };
        attempt.next().ok_or(RunRefusal::TooOften)
    }
}

/// Whether a failure of a job fails its run: `continue-on-error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tolerance {
    /// It does.
    FailsRun,
    /// The run goes on as if the job had succeeded.
    MayFail,
}

/// One job as its run counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunJob {
    /// Kept back.
    Held,
    /// Waits for a runner.
    Queued,
    /// With a runner.
    Active,
    /// Asked to end.
    Cancelling,
    /// Over.
    Ended(Conclusion, Tolerance),
}

impl RunJob {
    /// How a run counts a job in this state.
    #[must_use]
    pub const fn of(phase: &JobPhase, tolerance: Tolerance) -> Self {
        match phase {
            JobPhase::Held { .. } => Self::Held,
            JobPhase::Queued { .. } => Self::Queued,
            JobPhase::Leased { .. } | JobPhase::Running { .. } => Self::Active,
            JobPhase::Cancelling { .. } => Self::Cancelling,
            JobPhase::Finished { end, .. } => Self::Ended(end.conclusion(), tolerance),
        }
    }
}

/// How many jobs of a run are in which state: kept with every change, so that a run of thousands of jobs costs as much as one of three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct RunTally {
    held: u32,
    queued: u32,
    active: u32,
    cancelling: u32,
    skipped: u32,
    good: u32,
    cancelled: u32,
    failed: u32,
}

impl RunTally {
    /// Counts the jobs.
    #[must_use]
    pub fn of(jobs: impl IntoIterator<Item = RunJob>) -> Self {
        let mut tally = Self::default();
        jobs.into_iter().for_each(|job| tally.add(job));
        tally
    }

    /// A job came.
    pub fn add(&mut self, job: RunJob) {
        let count = self.count(job);
        *count = count.saturating_add(1);
    }

    /// A job went away.
    pub fn remove(&mut self, job: RunJob) {
        let count = self.count(job);
        *count = count.saturating_sub(1);
    }

    /// A job changed.
    pub fn replace(&mut self, before: RunJob, after: RunJob) {
        self.remove(before);
        self.add(after);
    }

    const fn count(&mut self, job: RunJob) -> &mut u32 {
        match job {
            RunJob::Held => &mut self.held,
            RunJob::Queued => &mut self.queued,
            RunJob::Active => &mut self.active,
            RunJob::Cancelling => &mut self.cancelling,
            RunJob::Ended(Conclusion::Skipped, _) => &mut self.skipped,
            RunJob::Ended(Conclusion::Success, _) | RunJob::Ended(Conclusion::Failure, Tolerance::MayFail) => {
                &mut self.good
            }
            RunJob::Ended(Conclusion::Cancelled, _) => &mut self.cancelled,
            RunJob::Ended(Conclusion::Failure, Tolerance::FailsRun) => &mut self.failed,
        }
    }

    /// The run as a whole. One without any job counts as skipped; a workflow that cannot be read is a run with one job that is
    /// [`super::NeverRan::Invalid`].
    #[must_use]
    pub const fn phase(&self) -> RunPhase {
        if self.cancelling > 0 {
            RunPhase::Cancelling
        } else if self.active > 0 {
            RunPhase::Running
        } else if self.queued > 0 {
            RunPhase::Waiting
        } else if self.held > 0 {
            RunPhase::Blocked
        } else if self.failed > 0 {
            RunPhase::Finished(Conclusion::Failure)
        } else if self.cancelled > 0 {
            RunPhase::Finished(Conclusion::Cancelled)
        } else if self.good > 0 {
            RunPhase::Finished(Conclusion::Success)
        } else {
            RunPhase::Finished(Conclusion::Skipped)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{RunJob, RunPhase, RunTally, Tolerance};
    use crate::Conclusion::{Cancelled, Failure, Skipped, Success};
    use proptest::prelude::*;

    fn job() -> impl Strategy<Value = RunJob> {
        let tolerance = prop_oneof![Just(Tolerance::FailsRun), Just(Tolerance::MayFail)];
        let end = prop_oneof![Just(Success), Just(Failure), Just(Cancelled), Just(Skipped)];
        prop_oneof![
            1 => Just(RunJob::Held),
            1 => Just(RunJob::Queued),
            1 => Just(RunJob::Active),
            1 => Just(RunJob::Cancelling),
            4 => (end, tolerance).prop_map(|(end, tolerance)| RunJob::Ended(end, tolerance)),
        ]
    }

    /// The rule as `runner-protocol` 5.2 says it, first match, over the list of jobs; the last two are those of `execution-semantics` 4.3.
    fn rule(jobs: &[RunJob]) -> RunPhase {
        let skipped = |job: &RunJob| matches!(job, RunJob::Ended(Skipped, _));
        let good = |job: &RunJob| {
            matches!(job, RunJob::Ended(Success | Skipped, _) | RunJob::Ended(Failure, Tolerance::MayFail))
        };
        let any = |of: fn(&RunJob) -> bool| jobs.iter().any(of);
        if jobs.iter().all(skipped) {
            RunPhase::Finished(Skipped)
        } else if jobs.iter().all(good) {
            RunPhase::Finished(Success)
        } else if any(|job| matches!(job, RunJob::Cancelling)) {
            RunPhase::Cancelling
        } else if any(|job| matches!(job, RunJob::Active)) {
            RunPhase::Running
        } else if any(|job| matches!(job, RunJob::Queued)) {
            RunPhase::Waiting
        } else if any(|job| matches!(job, RunJob::Held)) {
            RunPhase::Blocked
        } else if any(|job| matches!(job, RunJob::Ended(Failure, Tolerance::FailsRun))) {
            RunPhase::Finished(Failure)
        } else {
            RunPhase::Finished(Cancelled)
        }
    }

    #[test]
    fn a_failure_stands_above_what_was_cancelled_for_it() {
        let of = |tolerance| RunTally::of([Failure, Cancelled].map(|end| RunJob::Ended(end, tolerance))).phase();
        assert_eq!(of(Tolerance::FailsRun), RunPhase::Finished(Failure));
        assert_eq!(of(Tolerance::MayFail), RunPhase::Finished(Cancelled));
    }

    proptest! {
        #[test]
        fn the_tally_says_what_the_rule_says(jobs in prop::collection::vec(job(), 0..12)) {
            prop_assert_eq!(RunTally::of(jobs.iter().copied()).phase(), rule(&jobs));
        }

        #[test]
        fn a_changed_tally_is_the_tally_of_what_changed(
            mut jobs in prop::collection::vec(job(), 1..8),
            changes in prop::collection::vec((any::<prop::sample::Index>(), job()), 0..20),
        ) {
            let mut tally = RunTally::of(jobs.iter().copied());
            for (at, after) in changes {
                let at = at.index(jobs.len());
                tally.replace(jobs[at], after);
                jobs[at] = after;
            }
            prop_assert_eq!(tally, RunTally::of(jobs.iter().copied()));
        }
    }
}
