//! Verbs for runs and jobs.

use super::core::{Client, page, query};
use super::error::ClientError;
use crate::artifact::ArtifactList;
use crate::job::{Job, JobList, TaskList};
use crate::page::PageQuery;
use crate::place::{Place, ProjectName};
use crate::queue::{Queue, Why};
use crate::run::{Run, RunList, RunQuery};

impl Client {
    /// The runs of a place, the newest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn runs(&self, place: &Place, which: &RunQuery, on: PageQuery) -> Result<RunList, ClientError> {
        let some = [
            ("event", &which.event),
            ("branch", &which.branch),
            ("actor", &which.actor),
            ("head_sha", &which.head_sha),
        ];
        let some = some.into_iter().filter_map(|(key, value)| Some((key, value.clone()?)));
        let states = which.status.iter().map(|status| ("status", status.clone()));
        let path = format!("{}/actions/runs{}", place.path(), query(some.chain(states).chain(page(on))));
        self.get(format!("list the runs of {place}"), &path).read().await
    }

    /// A run, whatever project it is of: [`Run::repository`] says it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn run_by_id(&self, id: i64) -> Result<Run, ClientError> {
        self.get(format!("show run {id}"), &format!("/runs/{id}")).read().await
    }

    /// A job, whatever project it is of: [`Job::project`] says it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn job_by_id(&self, id: i64) -> Result<Job, ClientError> {
        self.get(format!("show job {id}"), &format!("/jobs/{id}")).read().await
    }

    /// A run of a project.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn run(&self, project: &ProjectName, id: i64) -> Result<Run, ClientError> {
        self.get(format!("show run {id}"), &run(project, id)).read().await
    }

    /// Deletes a run that is over, with its logs.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn delete_run(&self, project: &ProjectName, id: i64) -> Result<(), ClientError> {
        self.delete(format!("delete run {id}"), &run(project, id)).done().await.map(drop)
    }

    /// Asks a run to end.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn cancel_run(&self, project: &ProjectName, id: i64) -> Result<(), ClientError> {
        self.post(format!("cancel run {id}"), &format!("{}/cancel", run(project, id))).done().await.map(drop)
    }

    /// Asks all of a run to end, whatever conditions its jobs have.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn force_cancel_run(&self, project: &ProjectName, id: i64) -> Result<(), ClientError> {
        self.post(format!("cancel run {id}"), &format!("{}/force-cancel", run(project, id))).done().await.map(drop)
    }

    /// Runs all jobs of a run again.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn rerun(&self, project: &ProjectName, id: i64) -> Result<Run, ClientError> {
        self.post(format!("re-run run {id}"), &format!("{}/rerun", run(project, id))).read().await
    }

    /// Runs the failed jobs of a run again, and those that need them.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn rerun_failed(&self, project: &ProjectName, id: i64) -> Result<(), ClientError> {
        let path = format!("{}/rerun-failed-jobs", run(project, id));
        self.post(format!("re-run the failed jobs of run {id}"), &path).done().await.map(drop)
    }

    /// Runs a job again, and those that need it. Gives the job that it is now.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn rerun_job(&self, project: &ProjectName, job: i64) -> Result<Job, ClientError> {
        let path = format!("/repos/{project}/actions/jobs/{job}/rerun");
        self.post(format!("re-run job {job}"), &path).read().await
    }

    /// The jobs of a run's newest try.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn jobs_of_run(&self, project: &ProjectName, id: i64, on: PageQuery) -> Result<JobList, ClientError> {
        let path = format!("{}/jobs{}", run(project, id), query(page(on)));
        self.get(format!("list the jobs of run {id}"), &path).read().await
    }

    /// The jobs of a place; those in one of some states where some are given.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn jobs(&self, place: &Place, status: &[String], on: PageQuery) -> Result<JobList, ClientError> {
        let states = status.iter().map(|status| ("status", status.clone()));
        let path = format!("{}/actions/jobs{}", place.path(), query(states.chain(page(on))));
        self.get(format!("list the jobs of {place}"), &path).read().await
    }

    /// A job of a project.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn job(&self, project: &ProjectName, id: i64) -> Result<Job, ClientError> {
        self.get(format!("show job {id}"), &format!("/repos/{project}/actions/jobs/{id}")).read().await
    }

    /// Why a job waits, or what it does instead.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn why(&self, project: &ProjectName, job: i64) -> Result<Why, ClientError> {
        let path = format!("/repos/{project}/actions/jobs/{job}/why");
        self.get(format!("ask why job {job} waits"), &path).read().await
    }

    /// The tasks of a project, the newest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn tasks(&self, project: &ProjectName, on: PageQuery) -> Result<TaskList, ClientError> {
        let path = format!("/repos/{project}/actions/tasks{}", query(page(on)));
        self.get(format!("list the tasks of {project}"), &path).read().await
    }

    /// The artifacts of a project.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn artifacts(&self, project: &ProjectName, on: PageQuery) -> Result<ArtifactList, ClientError> {
        let path = format!("/repos/{project}/actions/artifacts{}", query(page(on)));
        self.get(format!("list the artifacts of {project}"), &path).read().await
    }

    /// What waits on the server, and why.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn queue(&self, on: PageQuery) -> Result<Queue, ClientError> {
        self.get("show the queue", &format!("/queue{}", query(page(on)))).read().await
    }
}

fn run(project: &ProjectName, id: i64) -> String {
    format!("/repos/{project}/actions/runs/{id}")
}
