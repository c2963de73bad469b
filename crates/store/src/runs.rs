//! Runs: made, advanced, cancelled, run again, listed. Called by the server where an event makes a run, by the loop that draws what follows from a
//! job's end, and by the routes and pages that show them.

use crate::audit::AuditEntry;
use crate::database::{change, read};
use crate::following::{Ending, RunCancel, Seen};
use crate::jobs::{ChangedJob, NewJob};
use crate::news::Change;
use crate::pushes::PushId;
use crate::workflows::Schedule;
use crate::{Store, StoreError};
use domain::Timestamp;
use domain::control::{AttemptNumber, CancelCause, JobChange, JobNumber, OwnerId, ProjectId, RunId, RunPhase};

/// A run to be, with the jobs that are known at its start.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// Whose.
    pub project: ProjectId,
    /// The path of its workflow file.
    pub workflow: String,
    /// What people see first: the run's name, or the commit's first line.
    pub title: String,
    /// The event's name.
    pub event: String,
    /// `refs/heads/main`
    pub reference: String,
    /// The commit, whole.
    pub commit: String,
    /// Who caused it.
    pub actor: String,
    /// All that planning it again needs, in the server's words.
    pub facts: serde_json::Value,
    /// Its jobs, or why it can have none.
    pub jobs: Result<Vec<NewJob>, String>,
}

/// The numbers of a run to be: expressions of its workflow may ask for them before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservedRun {
    /// Its number on this server.
    pub id: RunId,
    /// Its number within the project, from 1.
    pub number: i64,
}

/// What asks for a run, and is done with it: both are written, or neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunCause {
    /// A call, which hears of it.
    Call,
    /// A push: it makes one run of a workflow.
    Push(PushId),
    /// A schedule that is due: it makes one run then.
    Time {
        /// As it was found.
        due: Schedule,
        /// When it is due next.
        next: Timestamp,
    },
}

/// A run as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRun {
    /// Its number on this server.
    pub id: RunId,
    /// Whose.
    pub project: ProjectId,
    /// Its number within the project, from 1.
    pub number: i64,
    /// The path of its workflow file.
    pub workflow: String,
    /// What people see first.
    pub title: String,
    /// The event's name.
    pub event: String,
    /// `refs/heads/main`
    pub reference: String,
    /// The commit, whole.
    pub commit: String,
    /// Who caused it.
    pub actor: String,
    /// All that planning it again needs.
    pub facts: serde_json::Value,
    /// Which try of it this is.
    pub attempt: AttemptNumber,
    /// Where it is.
    pub phase: RunPhase,
    /// Why it could have no jobs, or no more of them.
    pub fault: Option<String>,
    /// How much has happened from which something may follow: ends of its jobs ([`crate::StoredJob::end_order`]) and its cancellation, in one order.
    pub ends: i64,
    /// From how much of that what follows was drawn; -1 where nothing was, not even the first jobs of a re-run.
    pub advanced: i64,
    /// That it shall end, if somebody wanted that.
    pub cancelled: Option<RunCancel>,
    /// When it was made.
    pub created: Timestamp,
    /// When this try of it was made.
    pub attempt_created: Timestamp,
    /// When its first job started.
    pub started: Option<Timestamp>,
    /// When its last job ended.
    pub finished: Option<Timestamp>,
    /// Whether the logs of its jobs are there.
    pub logs: Logs,
}

/// Whether the logs of a run are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logs {
    /// As far as its jobs said something.
    Kept,
    /// They were removed after their time.
    Gone,
}

/// An earlier try of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAttempt {
    /// Which.
    pub attempt: AttemptNumber,
    /// What the server knew of it.
    pub facts: serde_json::Value,
    /// How it ended.
    pub phase: RunPhase,
    /// When it was made.
    pub created: Timestamp,
    /// When its first job started.
    pub started: Option<Timestamp>,
    /// When its last job ended.
    pub finished: Option<Timestamp>,
}

/// What follows for a run from what happened to it. It is written in this order: removed, replaced, new, changed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Advance {
    /// Held jobs that go away, such as one whose matrix was expanded.
    pub removed: Vec<JobNumber>,
    /// Held jobs that are now known: all but their number and the time they were made is replaced. One that is over then is no news.
    pub replaced: Vec<(JobNumber, NewJob)>,
    /// Jobs that are new. One that is over already is no news.
    pub jobs: Vec<NewJob>,
    /// What happens to those that there are. An end is news: something may follow from it.
    pub changes: Vec<(JobNumber, JobChange)>,
    /// Why no more can come: with it the run fails when its jobs are over.
    pub fault: Option<String>,
}

/// What became of a run and its jobs when that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Followed {
    /// The new jobs, in the order in which they were given.
    pub made: Vec<JobNumber>,
    /// What became of the others.
    pub changed: Vec<ChangedJob>,
    /// Where the run is now.
    pub phase: RunPhase,
    /// As [`StoredRun::ends`], now.
    pub ends: i64,
}

impl Followed {
    fn news(&self, run: RunId, advance: &Advance) -> Vec<Change> {
        let is_of_run = !advance.removed.is_empty() || advance.fault.is_some();
        if is_of_run || matches!(self.phase, RunPhase::Finished(_)) {
            return vec![Change::Run(run)];
        }
        let replaced = advance.replaced.iter().map(|(job, _)| *job);
        let changed = self.changed.iter().map(|changed| changed.number);
        replaced.chain(self.made.iter().copied()).chain(changed).map(|job| Change::Job { job, run }).collect()
    }
}

/// Which runs to list, the newest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunFilter {
    /// Those of a project.
    pub project: Option<ProjectId>,
    /// Those of all projects of an owner.
    pub owner: Option<OwnerId>,
    /// Those of the workflow of this path.
    pub workflow: Option<String>,
    /// Those of this event.
    pub event: Option<String>,
    /// Those of this ref, whole.
    pub reference: Option<String>,
    /// Those that this one caused.
    pub actor: Option<String>,
    /// Those of this commit, whole.
    pub commit: Option<String>,
    /// Those in one of these states; none: in all.
    pub phases: Vec<RunPhase>,
    /// Those older than this one.
    pub before: Option<RunId>,
    /// So many of the newest are left out.
    pub offset: u32,
    /// How many at most.
    pub limit: u32,
}

impl RunFilter {
    /// Whether it asks for runs alone that are over.
    pub(crate) fn is_over(&self) -> bool {
        !self.phases.is_empty() && self.phases.iter().all(|phase| matches!(phase, RunPhase::Finished(_)))
    }
}

impl Store {
    /// Makes a run with its first jobs. One that can have none is over at once, and failed.
    ///
    /// # Errors
    /// When there is no such project, or two jobs have one id.
    pub async fn create_run(&self, run: &NewRun, now: Timestamp) -> Result<(StoredRun, Vec<JobNumber>), StoreError> {
        Ok(change!(self, runs::create(run, now), |made| vec![Change::Run(made.0.id)]))
    }

    /// Whether the database takes what is written: it is there, and its disk has room.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<(), StoreError> {
        change!(self, runs::touch());
        Ok(())
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn answers(&self) -> Result<(), StoreError> {
        read!(self, runs::answers());
        Ok(())
    }

    /// Takes the numbers of a run to be. Those that are not used in the end are left out.
    ///
    /// # Errors
    /// When there is no such project.
    pub async fn reserve_run(&self, project: ProjectId) -> Result<ReservedRun, StoreError> {
        Ok(change!(self, runs::reserve(project)))
    }

    /// As [`Self::create_run`], under numbers that were taken before, for what asks for it.
    ///
    /// # Errors
    /// When there is no such project any more, two jobs have one id, or the cause has its run of this workflow already.
    pub async fn create_reserved_run(
        &self,
        reserved: ReservedRun,
        run: &NewRun,
        cause: &RunCause,
        now: Timestamp,
    ) -> Result<(StoredRun, Vec<JobNumber>), StoreError> {
        Ok(change!(self, runs::create_reserved(reserved, run, cause, now), |made| vec![Change::Run(made.0.id)]))
    }

    /// The run of a number.
    ///
    /// # Errors
    /// When there is none.
    pub async fn run(&self, id: RunId) -> Result<StoredRun, StoreError> {
        Ok(read!(self, runs::by_id(id)))
    }

    /// The runs of these numbers, the oldest first. Those that are none any more are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn runs_of(&self, ids: &[RunId]) -> Result<Vec<StoredRun>, StoreError> {
        Ok(read!(self, runs::by_ids(ids)))
    }

    /// Lists runs.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn runs(&self, filter: &RunFilter) -> Result<Vec<StoredRun>, StoreError> {
        Ok(read!(self, runs::list(filter)))
    }

    /// How many runs a filter finds, all pages together.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_runs(&self, filter: &RunFilter) -> Result<u64, StoreError> {
        Ok(read!(self, runs::count(filter)))
    }

    /// Runs to which something happened from which nothing was drawn yet, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn runs_behind(&self, limit: u32) -> Result<Vec<RunId>, StoreError> {
        Ok(read!(self, runs::behind(limit)))
    }

    /// All runs that are not finished, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_runs(&self) -> Result<Vec<StoredRun>, StoreError> {
        Ok(read!(self, runs::open()))
    }

    /// Writes what follows for a run as it was seen: from its first `ends` ends; `None` where somebody drew that already.
    ///
    /// # Errors
    /// When there is no such run, a change has no place in its job, or a job to be replaced or removed is not held: then nothing of it was done.
    pub async fn advance(
        &self,
        seen: impl Into<Seen>,
        advance: &Advance,
        now: Timestamp,
    ) -> Result<Option<Followed>, StoreError> {
        let seen = seen.into();
        let _turn = self.turn(Some(seen.run)).await;
        Ok(change!(self, held_run::advance(seen, advance, now), |done| {
            done.iter().flat_map(|done| done.news(seen.run, advance)).collect()
        }))
    }

    /// Notes that a run shall end, and once that all of it shall: who asked first is remembered. What follows for its jobs is drawn as from an end of a job.
    ///
    /// # Errors
    /// When there is no such run, or it is finished.
    pub async fn cancel_run(
        &self,
        run: RunId,
        by: &CancelCause,
        ending: Ending,
        now: Timestamp,
        audit: Option<&AuditEntry>,
    ) -> Result<StoredRun, StoreError> {
        Ok(change!(self, held_run::cancel(run, by, ending, now, audit), |run| vec![Change::Run(run.id)]))
    }

    /// Makes the next try of a finished run. The kept jobs of the last try are copied, as over as they were; all others are to be made by
    /// whoever draws what follows: the run is behind. Facts that are given replace those of the run.
    ///
    /// # Errors
    /// When there is no such run, it goes on, it was tried as often as it may be, or a kept job is none of its last try.
    pub async fn rerun(
        &self,
        run: RunId,
        kept: &[JobNumber],
        facts: Option<&serde_json::Value>,
        now: Timestamp,
        audit: Option<&AuditEntry>,
    ) -> Result<StoredRun, StoreError> {
        Ok(change!(self, reruns::rerun(run, kept, facts, now, audit), |run| vec![Change::Run(run.id)]))
    }

    /// The tries of a run before its last one, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn attempts(&self, run: RunId) -> Result<Vec<StoredAttempt>, StoreError> {
        Ok(read!(self, reruns::attempts(run)))
    }
}
