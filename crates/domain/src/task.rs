//! What passes between a forge and an agent: a task, how it stands, its log. Used by `protocol` at its border, by the agent and by the server.

use crate::{Conclusion, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A task as the forge numbers it: one attempt of a job, given to one runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub i64);

impl std::fmt::Display for TaskId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The state of a scope's queue as the forge counts it: while it stands still there is nothing new to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TasksVersion(pub i64);

impl TasksVersion {
    /// "I know nothing": the forge looks whatever its count is. In a reply: this forge does not count.
    pub const UNKNOWN: Self = Self(0);
}

/// What a forge hands out: one job of one run, with all that it needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// A workflow file with exactly one job, in YAML.
    pub workflow: Vec<u8>,
    /// The `github` context as the forge knows it; runtime tokens of the forge are in it too.
    pub context: serde_json::Map<String, serde_json::Value>,
    /// Secrets by name.
    pub secrets: BTreeMap<String, Secret>,
    /// Variables by name.
    pub vars: BTreeMap<String, String>,
    /// How the jobs ended that this one needs, by job id.
    pub needs: BTreeMap<String, TaskNeed>,
}

/// How a needed job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskNeed {
    /// Its result; `None` where the forge gave none.
    pub result: Option<TaskResult>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
}

/// How a task or a step ended, with room for what a newer forge may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskResult {
    /// A result that we know.
    Concluded(Conclusion),
    /// A number that has no name here; handed on as it came.
    Other(i32),
}

/// Where a task or one of its steps is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskPhase {
    /// Not begun.
    Waiting,
    /// Begun, no result yet.
    Running {
        /// Since when.
        started: Timestamp,
    },
    /// Over.
    Ended {
        /// How.
        result: TaskResult,
        /// When it began; `None` when it never did (a skipped step).
        started: Option<Timestamp>,
        /// When it ended. A report without it counts as the epoch, as the forges do.
        stopped: Timestamp,
    },
}

impl TaskPhase {
    /// The result, once there is one.
    #[must_use]
    pub const fn result(&self) -> Option<TaskResult> {
        match self {
            Self::Ended { result, .. } => Some(*result),
            Self::Waiting | Self::Running { .. } => None,
        }
    }
}

/// How a task stands, as its runner reports it. Every report lists all steps: one that is missing counts as not begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskState {
    /// Which task.
    pub id: TaskId,
    /// The task as a whole.
    pub phase: TaskPhase,
    /// Each step of the workflow file, in its order.
    pub steps: Vec<TaskStep>,
}

/// How one step of a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskStep {
    /// Place of the step in the workflow file, from 0.
    pub index: u32,
    /// Where it is.
    pub phase: TaskPhase,
    /// Row of the task's log where its own rows begin.
    pub log_index: u64,
    /// How many rows are its own.
    pub log_length: u64,
}

/// One line of a task's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// When it was written.
    pub at: Timestamp,
    /// The line, masked, without its newline.
    pub content: String,
}

/// Some rows of a task's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogBatch {
    /// Whose log.
    pub task: TaskId,
    /// The row that the first of these is, from 0.
    pub index: u64,
    /// The rows.
    pub rows: Vec<LogRow>,
    /// Whether more will come.
    pub end: LogEnd,
}

/// Whether a log goes on after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEnd {
    /// It may.
    Open,
    /// This was its last row: the forge files the log away.
    Last,
}

#[cfg(test)]
mod tests {
    use super::{TaskPhase, TaskResult};
    use crate::{Conclusion, Timestamp};

    #[test]
    fn only_what_is_over_has_a_result() {
        let result = TaskResult::Concluded(Conclusion::Skipped);
        assert_eq!(TaskPhase::Waiting.result(), None);
        assert_eq!(TaskPhase::Running { started: Timestamp(1) }.result(), None);
        assert_eq!(TaskPhase::Ended { result, started: None, stopped: Timestamp(2) }.result(), Some(result));
    }
}
