//! What is written when the job of a lease goes elsewhere: its row, its run's, its task's, its runner's. It is known whole before the first of it is
//! written, so that a database to which every word takes a while is told all in one (`at_once`). Compiled for both databases.

use super::{held_run, jobs};
use domain::{RunnerId, TaskId, Timestamp};

/// All of it.
pub(super) struct Moves {
    pub(super) job: jobs::Move,
    pub(super) run: held_run::Kept,
    pub(super) said: Option<Said>,
    /// Its phase is written.
    pub(super) runner: Option<(RunnerId, String)>,
}

/// What a runner said of its task.
pub(super) struct Said {
    pub(super) task: TaskId,
    pub(super) steps: String,
    pub(super) at: Timestamp,
}
