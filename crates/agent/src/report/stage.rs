//! Where a task is on its way to its end. Called by `sending` and `hearing`.

use domain::{Conclusion, TaskState, Timestamp};
use protocol::PackedBatch;
use std::collections::BTreeMap;

/// Where a task is, as the reporter sees it.
#[derive(Debug)]
pub(super) enum Stage {
    /// The job runs.
    Running,
    /// The job ended; its last rows are on their way.
    Log(Ending),
    /// The log is done with; the result is on its way, the same until it is taken.
    Result {
        /// What is left to tell.
        ending: Ending,
        /// The result and all steps.
        state: TaskState,
        /// Whether it was sent.
        sent: Sent,
    },
}

/// Whether the forge may know the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// Nothing of the end was sent yet. A Gitea (from 1.27) that waits for the end of a cancelled task answers "cancelled" to reports from
    /// before it.
    No,
    /// Some of the outputs were.
    Outputs,
    /// It is on its way.
    Yes,
    /// It was sent, and nobody knows whether it arrived.
    Perhaps,
}

/// The end of a task.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) conclusion: Conclusion,
    pub(super) at: Timestamp,
    /// Those that the forge has not acknowledged.
    pub(super) outputs: BTreeMap<String, String>,
    /// What the forge said to rows that it did not take.
    pub(super) cut: Option<String>,
}

/// What is known of the forge's log.
#[derive(Debug)]
pub(super) enum Log {
    /// How many rows it has.
    Known,
    /// The last call failed: it may have its rows or not.
    Unknown,
    /// This last batch is on its way; it is repeated as it is until it is taken.
    Last { batch: PackedBatch, tries: u32 },
    /// The forge takes no more rows.
    Closed { message: String },
}
