//! What drawing what follows for a run reads: as little as it needs, for it happens at the end of every job. Called by the server's `run` room.

use crate::database::read;
use crate::jobs::StoredJob;
use crate::runs::StoredRun;
use crate::{Store, StoreError};
use domain::control::{AttemptNumber, CancelCause, JobEnd, JobNumber, JobPhase, NeverRan, ProjectId, RunId, RunPhase};
use domain::{Conclusion, JobId};
use std::collections::BTreeMap;

/// Where a run is, without what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct RunHead {
    /// Its number on this server.
    pub id: RunId,
    /// Whose.
    pub project: ProjectId,
    /// Which try of it this is.
    pub attempt: AttemptNumber,
    /// Where it is.
    pub phase: RunPhase,
    /// As [`StoredRun::ends`].
    pub ends: i64,
    /// As [`StoredRun::advanced`].
    pub advanced: i64,
    /// As [`StoredRun::cancelled`].
    pub cancelled: Option<RunCancel>,
}

/// That a run shall end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCancel {
    /// Its place in the order of the run's ends.
    pub place: i64,
    /// Who wanted it first.
    pub by: CancelCause,
    /// From where in that order on conditions are not asked any more.
    pub all_from: Option<i64>,
}

/// How a run is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// What its conditions let go on goes on. Asked before, nothing changes.
    ByConditions,
    /// As that where nobody asked before, else as [`Ending::All`].
    Again,
    /// All of it, whatever conditions say.
    All,
}

/// Up to where a run was seen by whoever draws what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub(crate) run: RunId,
    pub(crate) attempt: AttemptNumber,
    pub(crate) ends: i64,
}

/// The end of a job from which something may follow.
#[derive(Debug, Clone, PartialEq)]
pub struct EndedJob {
    /// Its id within the run.
    pub id: JobId,
    /// As [`StoredJob::end_order`].
    pub order: i64,
    /// How.
    pub conclusion: Conclusion,
    /// What it said to the jobs that need it.
    pub outputs: BTreeMap<String, String>,
    /// The concurrency group in which it, or a call around it, gave way.
    pub gave_way: Option<String>,
}

/// An end that was just written, with where it left its run: what drawing what follows needs, unread.
#[derive(Debug, Clone, PartialEq)]
pub struct FreshEnd {
    /// The run as it was written with the end: its newest place is the end's.
    pub run: RunHead,
    /// The end.
    pub job: EndedJob,
}

/// A job of a run, without what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRow {
    /// Its number on this server.
    pub number: JobNumber,
    /// Its id within the run.
    pub id: JobId,
    /// Where it is.
    pub phase: JobPhase,
    /// What it is yet.
    pub content: Content,
}

/// What a job is yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Held, and nothing is decided of it: it has no document.
    Undecided,
    /// It has what a runner gets, or never needs it.
    Decided,
}

impl EndedJob {
    pub(crate) fn of(id: JobId, order: i64, end: &JobEnd, outputs: BTreeMap<String, String>) -> Self {
        let gave_way = match end {
            JobEnd::NeverRan(NeverRan::Cancelled(CancelCause::GaveWay(group))) => Some(group.clone()),
            _ => None,
        };
        Self { id, order, conclusion: end.conclusion(), outputs, gave_way }
    }
}

impl From<&StoredRun> for RunHead {
    fn from(run: &StoredRun) -> Self {
        let StoredRun { id, project, attempt, phase, ends, advanced, cancelled, .. } = run;
        let (cancelled, phase) = (cancelled.clone(), *phase);
        Self { id: *id, project: *project, attempt: *attempt, phase, ends: *ends, advanced: *advanced, cancelled }
    }
}

impl From<&RunHead> for Seen {
    fn from(run: &RunHead) -> Self {
        Self { run: run.id, attempt: run.attempt, ends: run.ends }
    }
}

impl From<&StoredRun> for Seen {
    fn from(run: &StoredRun) -> Self {
        Self { run: run.id, attempt: run.attempt, ends: run.ends }
    }
}

impl Store {
    /// Where a run is.
    ///
    /// # Errors
    /// When there is none of the number.
    pub async fn run_head(&self, id: RunId) -> Result<RunHead, StoreError> {
        Ok(read!(self, following::head(id)))
    }

    /// The ends of jobs of a try of a run behind a place in the order of ends, in that order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ended(&self, run: RunId, attempt: AttemptNumber, after: i64) -> Result<Vec<EndedJob>, StoreError> {
        Ok(read!(self, following::ended(run, attempt, after)))
    }

    /// The jobs of a try of a run without what they are made of, in the order in which they were made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn job_rows(&self, run: RunId, attempt: AttemptNumber) -> Result<Vec<JobRow>, StoreError> {
        Ok(read!(self, following::rows(run, attempt)))
    }

    /// The jobs of these numbers, as far as there are such.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn jobs_numbered(&self, numbers: &[JobNumber]) -> Result<Vec<StoredJob>, StoreError> {
        Ok(read!(self, jobs::numbered(numbers)))
    }
}
