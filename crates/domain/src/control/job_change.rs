//! What happens to an attempt, and why that may be refused. Used by the store's verbs, which make a change of what a runner or a person says.

use super::{CancelCause, Hold, NeverRan};
use crate::{Conclusion, RunnerId, TaskId, Timestamp};
use serde::{Deserialize, Serialize};

/// What happens to an attempt. What a runner says names its task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum JobChange {
    /// Something keeps it back from now on: the first time, something else, or again (an approval that a push made void).
    Held {
        /// What.
        hold: Hold,
    },
    /// Nothing keeps it back any more.
    Released {
        /// When.
        at: Timestamp,
    },
    /// A runner gets it.
    Leased {
        /// The number of the lease, never used before.
        task: TaskId,
        /// Who.
        runner: RunnerId,
        /// When.
        at: Timestamp,
        /// When the lease ends unless a start is said.
        until: Timestamp,
    },
    /// Its runner says that it started. Said again, it changes nothing.
    Started {
        /// By which lease.
        task: TaskId,
        /// When.
        at: Timestamp,
    },
    /// The time of a lease is over, or its runner gave it back, before a start was said.
    Expired {
        /// Which.
        task: TaskId,
        /// When.
        at: Timestamp,
    },
    /// Somebody wants it to end.
    CancelAsked {
        /// Who.
        by: CancelCause,
        /// When.
        at: Timestamp,
    },
    /// Its runner says how it ended.
    Ended {
        /// By which lease.
        task: TaskId,
        /// How.
        conclusion: Conclusion,
        /// When.
        at: Timestamp,
    },
    /// The platform gives a leased attempt up: its runner vanished, or it ran longer than jobs may.
    GivenUp {
        /// Which lease.
        task: TaskId,
        /// What was seen.
        fault: String,
        /// When.
        at: Timestamp,
    },
    /// It will never be started: decided by the server while no runner has it.
    Dropped {
        /// Why.
        why: NeverRan,
        /// When.
        at: Timestamp,
    },
}

/// A change that was refused; the state is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobRefusal {
    /// The attempt is over.
    #[error("the attempt is finished ({conclusion}); nothing changes it any more")]
    Finished {
        /// How it ended.
        conclusion: Conclusion,
    },
    /// Somebody speaks for a lease that is not the attempt's.
    #[error("task {task} has not the lease of this attempt any more; end the task, its reports count no more")]
    StaleLease {
        /// Whose lease was shown.
        task: TaskId,
    },
    /// The change has no place in the state.
    #[error("an attempt that is {phase} cannot be {change}")]
    NoPlace {
        /// The word for the state.
        phase: &'static str,
        /// The word for the change.
        change: &'static str,
    },
    /// A re-run of what goes on, or one too many.
    #[error("the job cannot run again: {why}")]
    NoRerun {
        /// The fact.
        why: &'static str,
    },
}

impl JobChange {
    /// The lease that it speaks for; a new lease speaks for none yet.
    pub(super) const fn task(&self) -> Option<TaskId> {
        match self {
            Self::Started { task, .. }
            | Self::Expired { task, .. }
            | Self::Ended { task, .. }
            | Self::GivenUp { task, .. } => Some(*task),
            Self::Held { .. }
            | Self::Released { .. }
            | Self::Leased { .. }
            | Self::CancelAsked { .. }
            | Self::Dropped { .. } => None,
        }
    }

    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Held { .. } => "held",
            Self::Released { .. } => "released",
            Self::Leased { .. } => "leased",
            Self::Started { .. } => "started",
            Self::Expired { .. } => "put back",
            Self::CancelAsked { .. } => "cancelled",
            Self::Ended { .. } => "ended",
            Self::GivenUp { .. } => "given up",
            Self::Dropped { .. } => "dropped",
        }
    }
}
