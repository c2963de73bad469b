//! One attempt of a job as the server knows it: held, queued, leased, running, cancelling, finished. Used by the store's verbs and by whoever shows a job.
//!
//! Rules: `security` R81, R82 (started at most once, exactly one end, queued again only while the start was not acknowledged), `runner-protocol` 3.6, 5.2.

use super::{AttemptNumber, CancelCause, Epoch, Hold, JobChange, JobEnd, JobRefusal, Lease, NeverRan, Start};
use crate::{Conclusion, Timestamp};
use serde::{Deserialize, Serialize};

/// Where an attempt is. [`JobPhase::Finished`] is the end: nothing leads out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum JobPhase {
    /// Something outside of the queue keeps it back.
    Held {
        /// What.
        hold: Hold,
        /// Its leases so far.
        epoch: Epoch,
    },
    /// It waits for a runner.
    Queued {
        /// Since when; a lease that was not used does not change it.
        since: Timestamp,
        /// Its leases so far.
        epoch: Epoch,
    },
    /// A runner has it and has not said yet that it started.
    Leased {
        /// The lease.
        lease: Lease,
        /// Since when it was queued.
        queued: Timestamp,
    },
    /// The runner said that it started.
    Running {
        /// The lease.
        lease: Lease,
        /// When it started.
        started: Timestamp,
    },
    /// Somebody wants it to end; the runner has not said yet that it did.
    Cancelling {
        /// The lease.
        lease: Lease,
        /// What is known of its start.
        start: Start,
        /// Who wanted it first.
        by: CancelCause,
        /// When.
        asked: Timestamp,
    },
    /// It is over.
    Finished {
        /// How.
        end: JobEnd,
        /// When.
        at: Timestamp,
        /// Its leases.
        epoch: Epoch,
    },
}

/// A state without its data, as lists are filtered by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobStanding {
    /// Kept back.
    Held,
    /// Waits for a runner.
    Queued,
    /// A runner has it.
    Leased,
    /// It started.
    Running,
    /// Asked to end.
    Cancelling,
    /// Over.
    Ended(Conclusion),
}

impl JobStanding {
    /// The word for it: that of its conclusion when it is over.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Ended(conclusion) => conclusion.as_str(),
        }
    }
}

impl JobPhase {
    /// The first state of an attempt that waits for nothing but a runner.
    #[must_use]
    pub const fn queued(since: Timestamp) -> Self {
        Self::Queued { since, epoch: Epoch::NONE }
    }

    /// The first state of an attempt that something keeps back.
    #[must_use]
    pub const fn held(hold: Hold) -> Self {
        Self::Held { hold, epoch: Epoch::NONE }
    }

    /// The word for the state.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Held { .. } => "held",
            Self::Queued { .. } => "queued",
            Self::Leased { .. } => "leased",
            Self::Running { .. } => "running",
            Self::Cancelling { .. } => "cancelling",
            Self::Finished { .. } => "finished",
        }
    }

    /// The state without its data.
    #[must_use]
    pub const fn standing(&self) -> JobStanding {
        match self {
            Self::Held { .. } => JobStanding::Held,
            Self::Queued { .. } => JobStanding::Queued,
            Self::Leased { .. } => JobStanding::Leased,
            Self::Running { .. } => JobStanding::Running,
            Self::Cancelling { .. } => JobStanding::Cancelling,
            Self::Finished { end, .. } => JobStanding::Ended(end.conclusion()),
        }
    }

    /// The lease that counts now.
    #[must_use]
    pub const fn lease(&self) -> Option<&Lease> {
        match self {
            Self::Leased { lease, .. } | Self::Running { lease, .. } | Self::Cancelling { lease, .. } => Some(lease),
            Self::Held { .. } | Self::Queued { .. } | Self::Finished { .. } => None,
        }
    }

    /// How many leases the attempt has had.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        match self {
            Self::Held { epoch, .. } | Self::Queued { epoch, .. } | Self::Finished { epoch, .. } => *epoch,
            Self::Leased { lease, .. } | Self::Running { lease, .. } | Self::Cancelling { lease, .. } => lease.epoch,
        }
    }

    /// How it ended.
    #[must_use]
    pub const fn end(&self) -> Option<&JobEnd> {
        match self {
            Self::Finished { end, .. } => Some(end),
            _ => None,
        }
    }

    /// The state after a change.
    ///
    /// # Errors
    /// When the attempt is finished, the lease is not the one that counts, or the change has no place in this state.
    pub fn after(&self, change: JobChange) -> Result<Self, JobRefusal> {
        if let Self::Finished { end, .. } = self {
            return Err(JobRefusal::Finished { conclusion: end.conclusion() });
        }
        if let Some(task) = change.task()
            && self.lease().is_none_or(|lease| lease.task != task)
        {
            return Err(JobRefusal::StaleLease { task });
        }
        let word = change.word();
        let epoch = self.epoch();
        let finished = |end, at| Self::Finished { end, at, epoch };
        let next = match (self, change) {
            (Self::Held { .. } | Self::Queued { .. }, JobChange::Held { hold }) => Self::Held { hold, epoch },
            (Self::Held { .. }, JobChange::Released { at }) => Self::Queued { since: at, epoch },
            (Self::Queued { since, .. }, JobChange::Leased { task, runner, at, until }) => {
                Self::Leased { lease: Lease { task, runner, epoch: epoch.next(), given: at, until }, queued: *since }
            }
            (Self::Leased { lease, .. }, JobChange::Started { at, .. }) => Self::Running { lease: *lease, started: at },
            (Self::Running { .. } | Self::Cancelling { start: Start::At(_), .. }, JobChange::Started { .. }) => {
                self.clone()
            }
            (Self::Cancelling { lease, start: Start::Unheard, by, asked }, JobChange::Started { at, .. }) => {
                Self::Cancelling { lease: *lease, start: Start::At(at), by: by.clone(), asked: *asked }
            }
            (Self::Leased { queued, .. }, JobChange::Expired { .. }) => Self::Queued { since: *queued, epoch },
            (Self::Cancelling { start: Start::Unheard, by, .. }, JobChange::Expired { at, .. }) => {
                finished(JobEnd::NeverRan(NeverRan::Cancelled(by.clone())), at)
            }
            (Self::Held { .. } | Self::Queued { .. }, JobChange::CancelAsked { by, at }) => {
                finished(JobEnd::NeverRan(NeverRan::Cancelled(by)), at)
            }
            (Self::Leased { lease, .. }, JobChange::CancelAsked { by, at }) => {
                Self::Cancelling { lease: *lease, start: Start::Unheard, by, asked: at }
            }
            (Self::Running { lease, started }, JobChange::CancelAsked { by, at }) => {
                Self::Cancelling { lease: *lease, start: Start::At(*started), by, asked: at }
            }
            // Who asked first is remembered.
            (Self::Cancelling { .. }, JobChange::CancelAsked { .. }) => self.clone(),
            // A runner may say the end without having said the start.
            (Self::Leased { .. } | Self::Running { .. }, JobChange::Ended { conclusion, at, .. }) => {
                finished(JobEnd::Concluded(conclusion), at)
            }
            (Self::Leased { .. } | Self::Running { .. }, JobChange::GivenUp { fault, at, .. }) => {
                finished(JobEnd::Fault(fault), at)
            }
            // Whatever was reported: it was cancelled.
            (Self::Cancelling { .. }, JobChange::Ended { at, .. } | JobChange::GivenUp { at, .. }) => {
                finished(JobEnd::Concluded(Conclusion::Cancelled), at)
            }
            (Self::Held { .. } | Self::Queued { .. }, JobChange::Dropped { why, at }) => {
                finished(JobEnd::NeverRan(why), at)
            }
            _ => return Err(JobRefusal::NoPlace { phase: self.word(), change: word }),
        };
        Ok(next)
    }

    /// The number of the next attempt of the same job, when this one is over.
    ///
    /// # Errors
    /// When it goes on, or the job was tried as often as it may be.
    pub fn rerun(&self, number: AttemptNumber) -> Result<AttemptNumber, JobRefusal> {
        if self.end().is_none() {
            return Err(JobRefusal::NoRerun { why: "its last attempt is not finished; cancel it or wait" });
        }
        number.next().ok_or(JobRefusal::NoRerun { why: "it was tried 50 times; start a new run" })
    }
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;
