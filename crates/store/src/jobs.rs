//! Jobs: made with their runs, changed, listed. Called by the server's runs, its queue, and the routes and pages that show them.

use crate::database::{change, read};
use crate::news::Change;
use crate::tasks::StoredTask;
use crate::{Store, StoreError};
use domain::control::{
    AttemptNumber, JobChange, JobNumber, JobPhase, JobStanding, OwnerId, ProjectId, RunId, RunPhase, Tolerance,
};
use domain::{JobId, RunnerId, Timestamp};
use std::collections::BTreeMap;

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

/// A job as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredJob {
    /// Its number on this server.
    pub number: JobNumber,
    /// Of which project.
    pub project: ProjectId,
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
    /// The how-manieth end of the run its own was; none where nobody waits for the news of it: it came into the run as over.
    pub end_order: Option<i64>,
    /// The job of an earlier try that this one is a copy of, with its times; that one has the tasks and the log.
    pub kept_from: Option<JobNumber>,
    /// When it was made.
    pub created: Timestamp,
    /// When it started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
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

impl ChangedJob {
    pub(crate) fn news(&self) -> Vec<Change> {
        vec![Change::Job { job: self.number, run: self.run }]
    }
}

/// In which order things are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ListOrder {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
}

/// Which jobs to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobFilter {
    /// Those of a project.
    pub project: Option<ProjectId>,
    /// Those of all projects of an owner.
    pub owner: Option<OwnerId>,
    /// Those that a runner had or has.
    pub runner: Option<RunnerId>,
    /// Those in one of these states; none: in all.
    pub standings: Vec<JobStanding>,
    /// Those older than this one.
    pub before: Option<JobNumber>,
    /// Which come first.
    pub order: ListOrder,
    /// So many of the first are left out.
    pub offset: u32,
    /// How many at most.
    pub limit: u32,
}

impl JobFilter {
    /// Whether it asks for jobs alone that are over.
    pub(crate) fn is_over(&self) -> bool {
        !self.standings.is_empty() && self.standings.iter().all(|one| matches!(one, JobStanding::Ended(_)))
    }
}

impl Store {
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

    /// Lists jobs of all runs.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn jobs_list(&self, filter: &JobFilter) -> Result<Vec<StoredJob>, StoreError> {
        Ok(read!(self, jobs::list(filter)))
    }

    /// How many jobs a filter finds, all pages together.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_jobs(&self, filter: &JobFilter) -> Result<u64, StoreError> {
        Ok(read!(self, jobs::count(filter)))
    }

    /// Queued jobs, by number, those behind `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn queued(&self, after: JobNumber, limit: u32) -> Result<Vec<StoredJob>, StoreError> {
        Ok(read!(self, jobs::queued(after, limit)))
    }

    /// Held and queued jobs of a project or of all, by number, those behind `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiting_jobs(
        &self,
        project: Option<ProjectId>,
        after: JobNumber,
        limit: u32,
    ) -> Result<Vec<StoredJob>, StoreError> {
        Ok(read!(self, jobs::waiting(project, after, limit)))
    }

    /// All jobs that a runner has now, each with the task of its lease, by number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn out(&self) -> Result<Vec<(StoredTask, StoredJob)>, StoreError> {
        Ok(read!(self, tasks::out()))
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
        Ok(change!(self, jobs::change(number, &change, &BTreeMap::new(), now), ChangedJob::news))
    }
}
