//! Runs and their jobs: made, advanced, listed. Called by the server where an event makes a run, by the loop that draws what follows from a job's
//! end, and by the routes and pages that show them.

use crate::database::{change, read};
use crate::{Store, StoreError};
use domain::control::{AttemptNumber, JobChange, JobNumber, JobPhase, ProjectId, RunId, RunPhase, Tolerance};
use domain::{JobId, Timestamp};
use std::collections::BTreeMap;

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

/// A job to be.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its id within the run.
    pub id: JobId,
    /// The name that people see.
    pub name: String,
    /// What `runs-on` asks for.
    pub labels: Vec<String>,
    /// The higher the earlier.
    pub priority: i32,
    /// What its failure means to the run.
    pub tolerance: Tolerance,
    /// What its runner gets: a workflow file with this job alone.
    pub document: String,
    /// What else the server knows of it, in its words.
    pub facts: serde_json::Value,
    /// How it begins: held, queued, or over.
    pub phase: JobPhase,
}

/// The numbers of a run to be: expressions of its workflow may ask for them before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservedRun {
    /// Its number on this server.
    pub id: RunId,
    /// Its number within the project, from 1.
    pub number: i64,
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
    /// Why it could have no jobs.
    pub fault: Option<String>,
    /// How many of its jobs have ended.
    pub ends: i64,
    /// When it was made.
    pub created: Timestamp,
    /// When its first job started.
    pub started: Option<Timestamp>,
    /// When its last job ended.
    pub finished: Option<Timestamp>,
}

/// A job as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredJob {
    /// Its number on this server.
    pub number: JobNumber,
    /// Of which run.
    pub run: RunId,
    /// Of which try of the run.
    pub attempt: AttemptNumber,
    /// Its id within the run.
    pub id: JobId,
    /// The name that people see.
    pub name: String,
    /// What `runs-on` asks for.
    pub labels: Vec<String>,
    /// The higher the earlier.
    pub priority: i32,
    /// What its failure means to the run.
    pub tolerance: Tolerance,
    /// What its runner gets.
    pub document: String,
    /// What else the server knows of it.
    pub facts: serde_json::Value,
    /// Where it is.
    pub phase: JobPhase,
    /// What it said to the jobs that need it.
    pub outputs: BTreeMap<String, String>,
    /// The how-manieth end of the run its own was.
    pub end_order: Option<i64>,
    /// When it was made.
    pub created: Timestamp,
    /// When it started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
}

/// What follows for a run from the ends of its jobs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Advance {
    /// Jobs that are new.
    pub jobs: Vec<NewJob>,
    /// What happens to those that there are.
    pub changes: Vec<(JobNumber, JobChange)>,
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedJob {
    /// Which.
    pub number: JobNumber,
    /// Of which run.
    pub run: RunId,
    /// Where it was.
    pub before: JobPhase,
    /// Where it is.
    pub after: JobPhase,
    /// Where its run is now.
    pub run_phase: RunPhase,
}

/// Which runs to list, the newest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunFilter {
    /// Those of a project.
    pub project: Option<ProjectId>,
    /// Those older than this one.
    pub before: Option<RunId>,
    /// How many at most.
    pub limit: u32,
}

impl Store {
    /// Makes a run with its first jobs. One that can have none is over at once, and failed.
    ///
    /// # Errors
    /// When there is no such project, or two jobs have one id.
    pub async fn create_run(&self, run: &NewRun, now: Timestamp) -> Result<(StoredRun, Vec<JobNumber>), StoreError> {
        Ok(change!(self, runs::create(run, now)))
    }

    /// Takes the numbers of a run to be. Those that are not used in the end are left out.
    ///
    /// # Errors
    /// When there is no such project.
    pub async fn reserve_run(&self, project: ProjectId) -> Result<ReservedRun, StoreError> {
        Ok(change!(self, runs::reserve(project)))
    }

    /// As [`Self::create_run`], under numbers that were taken before.
    ///
    /// # Errors
    /// When there is no such project any more, or two jobs have one id.
    pub async fn create_reserved_run(
        &self,
        reserved: ReservedRun,
        run: &NewRun,
        now: Timestamp,
    ) -> Result<(StoredRun, Vec<JobNumber>), StoreError> {
        Ok(change!(self, runs::create_reserved(reserved, run, now)))
    }

    /// The run of a number.
    ///
    /// # Errors
    /// When there is none.
    pub async fn run(&self, id: RunId) -> Result<StoredRun, StoreError> {
        Ok(read!(self, runs::by_id(id)))
    }

    /// Lists runs.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn runs(&self, filter: &RunFilter) -> Result<Vec<StoredRun>, StoreError> {
        Ok(read!(self, runs::list(filter)))
    }

    /// Runs with ended jobs from which nothing was drawn yet, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn runs_behind(&self, limit: u32) -> Result<Vec<RunId>, StoreError> {
        Ok(read!(self, runs::behind(limit)))
    }

    /// Writes what follows from the first `ends` ends of a run; `None` where somebody did that already.
    ///
    /// # Errors
    /// When there is no such run, or a change has no place in its job: then nothing of it was done.
    pub async fn advance(
        &self,
        run: RunId,
        ends: i64,
        advance: &Advance,
        now: Timestamp,
    ) -> Result<Option<(Vec<JobNumber>, Vec<ChangedJob>)>, StoreError> {
        Ok(change!(self, runs::advance(run, ends, advance, now)))
    }

    /// The jobs of a try of a run, in the order in which they were made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn jobs(&self, run: RunId, attempt: AttemptNumber) -> Result<Vec<StoredJob>, StoreError> {
        Ok(read!(self, jobs::of_run(run, attempt)))
    }

    /// The job of a number.
    ///
    /// # Errors
    /// When there is none.
    pub async fn job(&self, number: JobNumber) -> Result<StoredJob, StoreError> {
        Ok(read!(self, jobs::by_number(number)))
    }

    /// Queued jobs, by number, those behind `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn queued(&self, after: JobNumber, limit: u32) -> Result<Vec<StoredJob>, StoreError> {
        Ok(read!(self, jobs::queued(after, limit)))
    }

    /// Changes a job that no lease speaks for: a person cancels it, a hold is over.
    ///
    /// # Errors
    /// When there is no such job, or the change has no place.
    pub async fn change_job(
        &self,
        number: JobNumber,
        change: JobChange,
        now: Timestamp,
    ) -> Result<ChangedJob, StoreError> {
        Ok(change!(self, jobs::change(number, change, &BTreeMap::new(), now)))
    }
}
