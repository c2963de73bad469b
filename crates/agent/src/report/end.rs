//! How a task ends, from both sides: what the job's process came to, and what the forge took of it.

use domain::Conclusion;

/// How a job's process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The job came to its own end. Its outputs are those of the event `JobFinished`; the log names those that no forge stores.
    Concluded {
        /// How.
        conclusion: Conclusion,
    },
    /// The process did not get so far: it crashed, was killed, could not start. The task fails, and the log says why.
    Fault {
        /// What happened, in one or more lines.
        text: String,
    },
}

/// Why a job should stop: what the forge said while it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    /// Somebody cancelled it.
    Cancelled,
    /// The forge ended it: it heard nothing for too long, or the task took longer than it allows.
    Ended {
        /// The result that the forge gave it.
        result: domain::TaskResult,
    },
    /// The forge takes nothing of this task any more: the runner was removed, or the task belongs to another.
    Refused {
        /// What it said.
        message: String,
    },
}

/// What became of a task's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// The forge has the whole log, the result and the outputs.
    Whole,
    /// It has the result, but not the whole log.
    Cut {
        /// What it said to the rows that are missing.
        message: String,
    },
    /// It takes nothing of this task: the runner was removed, or the task belongs to another.
    Refused {
        /// What it said.
        message: String,
    },
    /// It could not be reached for as long as [`super::Timing::patience`]. The spool is kept.
    Unreachable {
        /// The last fault.
        message: String,
    },
    /// The reporter was stopped before the end: nothing final was sent. The spool is kept.
    Stopped,
}
