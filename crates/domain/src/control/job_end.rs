//! What keeps a job back, and how an attempt ends. Used by the machine of a job and by whoever shows it.

use crate::{Conclusion, Timestamp};
use serde::{Deserialize, Serialize};

/// What keeps a job out of the queue. The texts are for people: what exactly is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hold", content = "for", rename_all = "snake_case")]
pub enum Hold {
    /// Jobs that it needs, or `max-parallel` of its matrix; `workflow::run` says so.
    Dependency(String),
    /// Somebody must allow it.
    Approval(String),
    /// Its concurrency group is taken.
    Concurrency(String),
}

/// Whether a job that was asked to end is known to have started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "start", content = "at", rename_all = "snake_case")]
pub enum Start {
    /// Not said by the runner.
    Unheard,
    /// Then.
    At(Timestamp),
}

/// Why a job was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", content = "who", rename_all = "snake_case")]
pub enum CancelCause {
    /// A person or a program by the API: its name.
    Person(String),
    /// A newer one of its concurrency group: the group.
    Concurrency(String),
    /// It waited for its concurrency group, and a newer one waits in its place: the group. Nothing of it began, and nothing of it does.
    GaveWay(String),
    /// Another cell of its matrix failed.
    FailFast,
    /// It waited longer than jobs may.
    Abandoned,
    /// The branch or the project is gone.
    Removed,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", content = "data", rename_all = "snake_case")]
pub enum JobEnd {
    /// Its runner said so; after a cancellation always [`Conclusion::Cancelled`].
    Concluded(Conclusion),
    /// The platform failed, not the user's work: the text says what was seen.
    Fault(String),
    /// It was never started.
    NeverRan(NeverRan),
}

/// Why an attempt ended without a start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "never_ran", content = "data", rename_all = "snake_case")]
pub enum NeverRan {
    /// Its condition was false.
    Skipped,
    /// It was cancelled before.
    Cancelled(CancelCause),
    /// It cannot be run: the text says why.
    Invalid(String),
}

impl JobEnd {
    /// The one word of the end.
    #[must_use]
    pub const fn conclusion(&self) -> Conclusion {
        match self {
            Self::Concluded(conclusion) => *conclusion,
            Self::Fault(_) | Self::NeverRan(NeverRan::Invalid(_)) => Conclusion::Failure,
            Self::NeverRan(NeverRan::Skipped) => Conclusion::Skipped,
            Self::NeverRan(NeverRan::Cancelled(_)) => Conclusion::Cancelled,
        }
    }
}
