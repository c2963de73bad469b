//! What is written when the job of a lease goes elsewhere: its row, its run's, its task's, its runner's. It is known whole before the first of it is
//! written, so that the database is told all in one (`at_once`). Compiled for both databases.

use super::{Query, held_run, jobs};
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

impl Moves {
    /// Gives a query its first 23 values: the job's nine, the run's nine, the task's and the runner's, which name no row where nothing is written.
    pub(super) fn bind(&self, query: Query) -> Query {
        let Self { job, run, said, runner } = self;
        run.bind(job.bind(query))
            .bind(said.as_ref().map(|said| &said.steps))
            .bind(said.as_ref().map(|said| said.at.0.cast_signed()))
            .bind(said.as_ref().map(|said| said.task.0))
            .bind(runner.as_ref().map(|(_, phase)| phase))
            .bind(runner.as_ref().map(|(runner, _)| runner.0))
    }
}
