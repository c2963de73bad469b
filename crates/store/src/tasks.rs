//! Tasks: the lease of a job to a runner, as the wire numbers it. Called by the server's runner service and by its sweeps.

use crate::database::{change, read};
use crate::groups::GroupClaim;
use crate::jobs::{ChangedJob, StoredJob};
use crate::news::{By, Change};
use crate::reports::{Report, Reported, Step};
use crate::{Store, StoreError};
use domain::control::{JobChange, JobNumber, ProjectId, RunId};
use domain::{RunnerId, TaskId, Timestamp};
use std::collections::BTreeMap;

/// A task as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTask {
    /// Its number: that of a lease, never given twice.
    pub id: TaskId,
    /// Of which job.
    pub job: JobNumber,
    /// To whom it was given.
    pub runner: RunnerId,
    /// How people call that runner.
    pub runner_name: String,
    /// The request that it answered.
    pub request: Option<String>,
    /// How its steps stand, in the server's words.
    pub steps: serde_json::Value,
    /// When it was given.
    pub given: Timestamp,
    /// When its runner was last heard of it.
    pub heard: Timestamp,
}

/// Who wants a job, and until when its start is awaited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taker {
    /// Who.
    pub runner: RunnerId,
    /// The job's run, where it is known: those who write one wait for each other in this server before they do in the database.
    pub run: Option<RunId>,
    /// The request, of a runner that asks again under the same key when an answer was lost.
    pub request: Option<String>,
    /// Until when.
    pub until: Timestamp,
    /// The concurrency groups that the job needs.
    pub groups: Vec<GroupClaim>,
}

impl StoredTask {
    /// That it was given.
    pub(crate) fn news((task, job): &(Self, StoredJob)) -> Vec<Change> {
        vec![Change::Task { job: job.number, run: job.run, runner: Some(task.runner), by: By::Here }]
    }
}

impl Store {
    /// Gives a queued job to a runner, and its groups to their members; `None` where the job is not to be had any more. Called by a queue, which knows then:
    /// the news of it say that it was done here.
    ///
    /// # Errors
    /// [`StoreError::Group`] when somebody else holds a group; when the runner may take none, is full, or there is no such job or runner.
    pub async fn lease(
        &self,
        job: JobNumber,
        taker: &Taker,
        now: Timestamp,
    ) -> Result<Option<(StoredTask, StoredJob)>, StoreError> {
        let _turn = self.turn(taker.run).await;
        let mark = self.news.mark();
        Ok(change!(self, tasks::lease(job, taker, now, mark); told |given| {
            given.iter().flat_map(StoredTask::news).collect()
        }))
    }

    /// What was given for a request before, as far as the runner still has it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn given_for(&self, runner: RunnerId, request: &str) -> Result<Vec<(StoredTask, StoredJob)>, StoreError> {
        Ok(read!(self, tasks::given_for(runner, request)))
    }

    /// The task of a number and its job.
    ///
    /// # Errors
    /// When there is none.
    pub async fn task(&self, id: TaskId) -> Result<(StoredTask, StoredJob), StoreError> {
        Ok(read!(self, tasks::by_id(id)))
    }

    /// The tasks of a project with their jobs, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tasks_of_project(
        &self,
        project: ProjectId,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<(StoredTask, StoredJob)>, StoreError> {
        Ok(read!(self, tasks::of_project(project, offset, limit)))
    }

    /// How many tasks a project has had.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_tasks(&self, project: ProjectId) -> Result<u64, StoreError> {
        Ok(read!(self, tasks::count_of_project(project)))
    }

    /// The newest task of each of these jobs that has one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn newest_tasks(&self, jobs: &[JobNumber]) -> Result<Vec<StoredTask>, StoreError> {
        Ok(read!(self, tasks::newest_of(jobs)))
    }

    /// Notes what a runner says of its task: it was heard of, its steps, and what happens to its job; the runner is free of it when that ends it. What
    /// changes nothing is not written, but that the task was heard of every few seconds. A change that has no place any more changes nothing, and is told
    /// in the answer: reports may come twice and late. Whoever calls it tells its own queue: the news say that it was done here.
    ///
    /// # Errors
    /// When there is no such task, or it is another runner's.
    pub async fn report(&self, report: &Report<'_>, now: Timestamp) -> Result<Reported, StoreError> {
        let mark = self.news.mark();
        // Most say little that is to be written; an end always does.
        if let Some(JobChange::Ended { .. }) = report.change {
            let _turn = self.turn(report.run).await;
            return Ok(change!(self, reports::change(report, now, mark); told Reported::news));
        }
        let mut known = read!(self, reports::look(report));
        // What the other jobs have is counted when it is written.
        match known.apply(report, 0, now) {
            Step::Nothing => {}
            Step::Note { has_news } => {
                change!(self, reports::note(report, now), |()| if has_news { known.news() } else { Vec::new() });
                known.task.steps.clone_from(report.steps);
                known.task.heard = now;
            }
            Step::Change => {
                let _turn = self.turn(Some(known.run)).await;
                known = change!(self, reports::change(report, now, mark); told Reported::news);
            }
        }
        Ok(known)
    }

    /// Changes the job of a task by the task's lease, for who is not its runner; the runner is free of it when that ends it.
    ///
    /// # Errors
    /// When the lease is another's now, or the change has no place.
    pub async fn change_by_task(
        &self,
        id: TaskId,
        change: JobChange,
        outputs: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<ChangedJob, StoreError> {
        Ok(change!(self, tasks::change_job(id, &change, outputs, now), |(runner, changed)| {
            let freed = changed.after.lease().is_none().then_some(Change::Runner(*runner));
            changed.news().into_iter().chain(freed).collect()
        })
        .1)
    }

    /// Tasks that are out and were not heard of since then, or later than it is now: before the clock was set back. The oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn silent_since(
        &self,
        since: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(StoredTask, StoredJob)>, StoreError> {
        Ok(read!(self, tasks::silent_since(since, now, limit)))
    }
}
