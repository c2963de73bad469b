//! Runs, jobs, tasks, in the words of Gitea's API.

use super::super::fault::RestFault;
use super::things::repository;
use super::{branch, file, pretty};
use crate::plane::Plane;
use crate::run::JobFacts;
use crate::task::{StepState, newest_task, steps, with_tasks};
use api::{Status, User};
use domain::control::{CancelCause, Hold, JobEnd, JobNumber, JobPhase, NeverRan, ProjectId, RunId, RunPhase};
use domain::{Conclusion, Timestamp};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use store::{Project, StoredJob, StoredRun, StoredTask};

/// Projects and runs that a list names, each read once.
pub(in crate::rest) struct Known<'a> {
    plane: &'a Plane,
    projects: HashMap<ProjectId, Project>,
    runs: HashMap<i64, StoredRun>,
}

impl<'a> Known<'a> {
    pub(in crate::rest) fn new(plane: &'a Plane) -> Self {
        Self { plane, projects: HashMap::new(), runs: HashMap::new() }
    }

    pub(in crate::rest) fn with(plane: &'a Plane, project: &Project) -> Self {
        let mut known = Self::new(plane);
        known.projects.insert(project.id, project.clone());
        known
    }

    pub(in crate::rest) async fn project(&mut self, id: ProjectId) -> Result<Project, RestFault> {
        Ok(match self.projects.entry(id) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(place) => place.insert(self.plane.store.project_by_id(id).await?).clone(),
        })
    }

    /// Reads the runs of many jobs together. One that went meanwhile is missed where it is asked for.
    pub(in crate::rest) async fn read_runs(&mut self, jobs: impl Iterator<Item = &StoredJob>) -> Result<(), RestFault> {
        let wanted: BTreeSet<RunId> = jobs.map(|job| job.run).filter(|run| !self.runs.contains_key(&run.0)).collect();
        let wanted: Vec<RunId> = wanted.into_iter().collect();
        self.runs.extend(self.plane.store.runs_of(&wanted).await?.into_iter().map(|run| (run.id.0, run)));
        Ok(())
    }

    async fn run_of(&mut self, job: &StoredJob) -> Result<StoredRun, RestFault> {
        Ok(match self.runs.entry(job.run.0) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(place) => place.insert(self.plane.store.run(job.run).await?).clone(),
        })
    }

    /// A run.
    pub(in crate::rest) async fn run(&mut self, run: &StoredRun) -> Result<api::Run, RestFault> {
        let project = self.project(run.project).await?;
        Ok(run_shape(&self.plane.site.url, run, &project))
    }

    /// A job, with who has it and how its steps stand.
    pub(in crate::rest) async fn job(&mut self, job: &StoredJob) -> Result<api::Job, RestFault> {
        let task = newest_task(&self.plane.store, job).await?;
        self.job_with(job, task.as_ref()).await
    }

    /// The same of many, whose tasks and runs are read together.
    pub(in crate::rest) async fn jobs(&mut self, jobs: &[StoredJob]) -> Result<Vec<api::Job>, RestFault> {
        let numbers: Vec<JobNumber> = jobs.iter().map(with_tasks).collect();
        let tasks = self.plane.store.newest_tasks(&numbers).await?;
        let tasks: HashMap<JobNumber, StoredTask> = tasks.into_iter().map(|task| (task.job, task)).collect();
        self.read_runs(jobs.iter()).await?;
        let mut shapes = Vec::with_capacity(jobs.len());
        for job in jobs {
            shapes.push(self.job_with(job, tasks.get(&with_tasks(job))).await?);
        }
        Ok(shapes)
    }

    async fn job_with(&mut self, job: &StoredJob, task: Option<&StoredTask>) -> Result<api::Job, RestFault> {
        let project = self.project(job.project).await?;
        let run = self.run_of(job).await?;
        Ok(job_shape(&self.plane.site.url, job, &run, &project, task))
    }

    /// A task, in the older shape.
    pub(in crate::rest) async fn task(&mut self, task: &StoredTask, job: &StoredJob) -> Result<api::Task, RestFault> {
        let project = self.project(job.project).await?;
        let run = self.run_of(job).await?;
        Ok(api::Task {
            id: task.id.0,
            name: job.name.clone(),
            head_branch: pretty(&run.reference).to_owned(),
            head_sha: run.commit.clone(),
            run_number: run.number,
            event: run.event.clone(),
            display_title: run.title.clone(),
            status: inner_word(&job.phase).to_owned(),
            workflow_id: file(&run.workflow).to_owned(),
            url: format!("{}/{}/actions/runs/{}", self.plane.site.url, project.full_name(), run.id),
            created_at: Some(task.given),
            updated_at: Some(task.heard),
            run_started_at: started(job, Some(task)),
        })
    }
}

fn run_shape(site: &str, run: &StoredRun, project: &Project) -> api::Run {
    let url = format!("{site}/api/v1/repos/{}/actions/runs/{}", project.full_name(), run.id);
    let (status, conclusion) = run_status(run.phase);
    let triggering = run.facts.pointer("/github/triggering_actor").and_then(serde_json::Value::as_str);
    let attempt = run.attempt.get();
    api::Run {
        id: run.id.0,
        previous_attempt_url: (attempt > 1).then(|| format!("{url}/attempts/{}", attempt - 1)),
        html_url: format!("{site}/{}/actions/runs/{}", project.full_name(), run.id),
        url,
        display_title: run.title.clone(),
        path: format!("{}@{}", file(&run.workflow), run.reference),
        event: run.event.clone(),
        run_attempt: i64::from(attempt),
        run_number: run.number,
        repository_id: project.id.0,
        head_sha: run.commit.clone(),
        head_branch: branch(&run.reference).to_owned(),
        status,
        conclusion,
        actor: Some(User::named(&run.actor)),
        trigger_actor: Some(User::named(triggering.unwrap_or(&run.actor))),
        repository: Some(repository(site, project, "")),
        pull_requests: Vec::new(),
        created_at: Some(run.created),
        // One that could not be planned began and ended at once.
        started_at: run.started.or(run.finished),
        completed_at: run.finished,
        fault: run.fault.clone(),
    }
}

fn job_shape(site: &str, job: &StoredJob, run: &StoredRun, project: &Project, task: Option<&StoredTask>) -> api::Job {
    let repo = format!("{site}/api/v1/repos/{}/actions", project.full_name());
    let (status, conclusion) = job_status(&job.phase);
    let step = |view: crate::task::StepView| {
        let (status, conclusion, completed_at) = match view.state {
            StepState::Waiting => (Status::Queued, None, None),
            StepState::Running => (Status::InProgress, None, None),
            StepState::Ended { conclusion, at } => (Status::Completed, Some(conclusion), at),
        };
        let number = i64::from(view.number);
        api::Step { name: view.name, number, status, conclusion, started_at: view.started, completed_at }
    };
    // As with Gitea: without a task there are no steps yet.
    let steps = task.map(|task| steps(job, Some(task))).unwrap_or_default();
    api::Job {
        id: job.number.0,
        url: format!("{repo}/jobs/{}", job.number),
        html_url: format!("{site}/{}/actions/runs/{}/jobs/{}", project.full_name(), job.run, job.number),
        run_id: job.run.0,
        run_url: format!("{repo}/runs/{}", job.run),
        name: job.name.clone(),
        project: project.full_name(),
        labels: job.labels.clone(),
        run_attempt: i64::from(job.attempt.get()),
        head_sha: run.commit.clone(),
        head_branch: branch(&run.reference).to_owned(),
        status,
        conclusion,
        runner_id: task.map_or(0, |task| task.runner.0),
        runner_name: task.map(|task| task.runner_name.clone()).unwrap_or_default(),
        steps: steps.into_iter().map(step).collect(),
        created_at: Some(job.created),
        started_at: started(job, task),
        completed_at: job.finished,
        detail: detail(job),
    }
}

/// When a job started. A short one may have said its end alone: then when it was given out.
fn started(job: &StoredJob, task: Option<&StoredTask>) -> Option<Timestamp> {
    let given = || task.filter(|_| job.phase.end().is_some()).map(|task| task.given);
    job.started.or_else(given)
}

/// Where a run is, and how it ended, in the words of Gitea's API (`runner-protocol` 6.3).
pub(in crate::rest) const fn run_status(phase: RunPhase) -> (Status, Option<Conclusion>) {
    match phase {
        RunPhase::Blocked => (Status::Waiting, None),
        RunPhase::Waiting => (Status::Queued, None),
        RunPhase::Running | RunPhase::Cancelling => (Status::InProgress, None),
        RunPhase::Finished(conclusion) => (Status::Completed, Some(conclusion)),
    }
}

/// The same of a job.
pub(in crate::rest) fn job_status(phase: &JobPhase) -> (Status, Option<Conclusion>) {
    match phase {
        JobPhase::Held { .. } => (Status::Waiting, None),
        JobPhase::Queued { .. } => (Status::Queued, None),
        JobPhase::Leased { .. } | JobPhase::Running { .. } | JobPhase::Cancelling { .. } => (Status::InProgress, None),
        JobPhase::Finished { end, .. } => (Status::Completed, Some(end.conclusion())),
    }
}

/// Gitea's inner word, which its older list of tasks says.
fn inner_word(phase: &JobPhase) -> &'static str {
    match phase {
        JobPhase::Held { .. } => "blocked",
        JobPhase::Queued { .. } => "waiting",
        JobPhase::Leased { .. } | JobPhase::Running { .. } => "running",
        JobPhase::Cancelling { .. } => "cancelling",
        JobPhase::Finished { end, .. } => end.conclusion().as_str(),
    }
}

/// What there is to say of a job beyond the words.
pub(in crate::rest) fn detail(job: &StoredJob) -> Option<String> {
    let cause = |by: &CancelCause| match by {
        CancelCause::Person(who) => format!("cancelled by {who}"),
        CancelCause::Concurrency(group) | CancelCause::GaveWay(group) => {
            format!("cancelled: a newer one of the concurrency group {group} came")
        }
        CancelCause::FailFast => "cancelled: another job of its matrix failed".to_owned(),
        CancelCause::Abandoned => "cancelled: it waited longer than jobs may".to_owned(),
        CancelCause::Removed => "cancelled: its branch or project is gone".to_owned(),
    };
    match &job.phase {
        JobPhase::Held { hold, .. } => Some(match hold {
            Hold::Dependency(on) => on.clone(),
            Hold::Approval(why) => format!("waits for approval: {why}"),
            Hold::Concurrency(group) => format!("waits for the concurrency group {group}"),
        }),
        JobPhase::Cancelling { by, .. } => Some(cause(by)),
        JobPhase::Finished { end, .. } => match end {
            JobEnd::Concluded(_) => None,
            JobEnd::Fault(fault) => Some(format!("not the fault of the job: {fault}")),
            // Its needs or its condition, as the run's machine said it.
            JobEnd::NeverRan(NeverRan::Skipped) => JobFacts::of(job).ok().and_then(|facts| facts.reason),
            JobEnd::NeverRan(NeverRan::Cancelled(by)) => Some(cause(by)),
            JobEnd::NeverRan(NeverRan::Invalid(why)) => Some(why.clone()),
        },
        JobPhase::Queued { .. } | JobPhase::Leased { .. } | JobPhase::Running { .. } => None,
    }
}
