//! The right of one runner to run one attempt. Used by the machine of a job, by the store and by whoever answers a runner.

use crate::{RunnerId, TaskId, Timestamp};
use serde::{Deserialize, Serialize};

/// How many leases an attempt has had. It only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(u32);

impl Epoch {
    /// No lease yet.
    pub const NONE: Self = Self(0);

    /// Reads a stored count.
    #[must_use]
    pub const fn from_stored(leases: u32) -> Self {
        Self(leases)
    }

    /// The count.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A lease. Its task is the fencing token: each lease has a [`TaskId`] of its own, and whoever shows another one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lease {
    /// The number that the wire knows.
    pub task: TaskId,
    /// Who has it.
    pub runner: RunnerId,
    /// Which lease of the attempt it is, from 1.
    pub epoch: Epoch,
    /// When it was given.
    pub given: Timestamp,
    /// When it ends unless the runner says that it started.
    pub until: Timestamp,
}
