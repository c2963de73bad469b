//! From what the store keeps to what REST says. Called by all handlers.

use super::fault::RestFault;
use crate::access::{Registration, TokenView, UserOpens};
use crate::event;
use crate::plane::Plane;
use crate::task::{StepState, steps};
use api::{Status, User};
use domain::control::{
    Admission, CancelCause, Contact, Hold, JobEnd, JobPhase, NeverRan, ProjectId, RunPhase, RunnerStanding, Scope, Work,
};
use domain::{Conclusion, Timestamp};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use store::{Project, StoredJob, StoredRun, StoredRunner, StoredTask, StoredToken, TokenKind};

/// Projects and runs that a list names, each read once.
pub(super) struct Known<'a> {
    plane: &'a Plane,
    projects: HashMap<ProjectId, Project>,
    runs: HashMap<i64, StoredRun>,
}

impl<'a> Known<'a> {
    pub(super) fn new(plane: &'a Plane) -> Self {
        Self { plane, projects: HashMap::new(), runs: HashMap::new() }
    }

    pub(super) fn with(plane: &'a Plane, project: &Project) -> Self {
        let mut known = Self::new(plane);
        known.projects.insert(project.id, project.clone());
        known
    }

    pub(super) async fn project(&mut self, id: ProjectId) -> Result<Project, RestFault> {
        Ok(match self.projects.entry(id) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(place) => place.insert(self.plane.store.project_by_id(id).await?).clone(),
        })
    }

    async fn run_of(&mut self, job: &StoredJob) -> Result<StoredRun, RestFault> {
        Ok(match self.runs.entry(job.run.0) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(place) => place.insert(self.plane.store.run(job.run).await?).clone(),
        })
    }

    /// A run.
    pub(super) async fn run(&mut self, run: &StoredRun) -> Result<api::Run, RestFault> {
        let project = self.project(run.project).await?;
        Ok(run_shape(&self.plane.site.url, run, &project))
    }

    /// A job, with who has it and how its steps stand.
    pub(super) async fn job(&mut self, job: &StoredJob) -> Result<api::Job, RestFault> {
        let project = self.project(job.project).await?;
        let run = self.run_of(job).await?;
        let task = newest_task(self.plane, job).await?;
        Ok(job_shape(&self.plane.site.url, job, &run, &project, task.as_ref()))
    }

    /// A task, in the older shape.
    pub(super) async fn task(&mut self, task: &StoredTask, job: &StoredJob) -> Result<api::Task, RestFault> {
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

/// The task of a job that has its log: the newest, of a copy that of the job it is a copy of.
pub(super) async fn newest_task(plane: &Plane, job: &StoredJob) -> Result<Option<StoredTask>, RestFault> {
    let own = job.kept_from.unwrap_or(job.number);
    Ok(plane.store.tasks_of(own).await?.pop())
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
        started_at: run.started,
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
        detail: detail(&job.phase),
    }
}

/// When a job started. A short one may have said its end alone: then when it was given out.
fn started(job: &StoredJob, task: Option<&StoredTask>) -> Option<Timestamp> {
    let given = || task.filter(|_| job.phase.end().is_some()).map(|task| task.given);
    job.started.or_else(given)
}

/// Where a run is, and how it ended, in the words of Gitea's API (`runner-protocol` 6.3).
pub(super) const fn run_status(phase: RunPhase) -> (Status, Option<Conclusion>) {
    match phase {
        RunPhase::Blocked => (Status::Waiting, None),
        RunPhase::Waiting => (Status::Queued, None),
        RunPhase::Running | RunPhase::Cancelling => (Status::InProgress, None),
        RunPhase::Finished(conclusion) => (Status::Completed, Some(conclusion)),
    }
}

/// The same of a job.
pub(super) fn job_status(phase: &JobPhase) -> (Status, Option<Conclusion>) {
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
pub(super) fn detail(phase: &JobPhase) -> Option<String> {
    let cause = |by: &CancelCause| match by {
        CancelCause::Person(who) => format!("cancelled by {who}"),
        CancelCause::Concurrency(group) => format!("cancelled: a newer one of the concurrency group {group} came"),
        CancelCause::FailFast => "cancelled: another job of its matrix failed".to_owned(),
        CancelCause::Abandoned => "cancelled: it waited longer than jobs may".to_owned(),
        CancelCause::Removed => "cancelled: its branch or project is gone".to_owned(),
    };
    match phase {
        JobPhase::Held { hold, .. } => Some(match hold {
            Hold::Dependency(on) => on.clone(),
            Hold::Approval(why) => format!("waits for approval: {why}"),
            Hold::Concurrency(group) => format!("waits for the concurrency group {group}"),
        }),
        JobPhase::Cancelling { by, .. } => Some(cause(by)),
        JobPhase::Finished { end, .. } => match end {
            JobEnd::Concluded(_) => None,
            JobEnd::Fault(fault) => Some(format!("not the fault of the job: {fault}")),
            JobEnd::NeverRan(NeverRan::Skipped) => Some("its condition was false".to_owned()),
            JobEnd::NeverRan(NeverRan::Cancelled(by)) => Some(cause(by)),
            JobEnd::NeverRan(NeverRan::Invalid(why)) => Some(why.clone()),
        },
        JobPhase::Queued { .. } | JobPhase::Leased { .. } | JobPhase::Running { .. } => None,
    }
}

/// A project as a repository of Gitea's.
pub(super) fn repository(site: &str, project: &Project, default_branch: &str) -> api::Repository {
    let name = project.full_name();
    api::Repository {
        id: project.id.0,
        owner: User { id: project.owner_id.0, ..User::named(&project.owner) },
        name: project.name.clone(),
        private: true,
        url: format!("{site}/api/v1/repos/{name}"),
        html_url: format!("{site}/{name}"),
        clone_url: project.git.clone(),
        default_branch: default_branch.to_owned(),
        full_name: name,
    }
}

pub(super) fn project(site: &str, project: &Project) -> api::Project {
    api::Project {
        id: project.id.0,
        owner: project.owner.clone(),
        name: project.name.clone(),
        full_name: project.full_name(),
        git: project.git.clone(),
        html_url: format!("{site}/{}", project.full_name()),
        created_at: Some(project.created),
    }
}

pub(super) fn workflow(site: &str, project: &Project, file: &event::WorkflowFile) -> api::Workflow {
    let id = self::file(&file.path).to_owned();
    let name = project.full_name();
    // As with Gitea, one without a name is called by its file.
    let shown = if file.name == file.path { id.clone() } else { file.name.clone() };
    api::Workflow {
        url: format!("{site}/api/v1/repos/{name}/actions/workflows/{id}"),
        html_url: format!("{site}/{name}/actions/workflows/{id}"),
        id,
        name: shown,
        path: file.path.clone(),
        state: match file.state {
            store::WorkflowState::Enabled => api::WorkflowState::Active,
            store::WorkflowState::Disabled => api::WorkflowState::DisabledManually,
        },
        created_at: None,
        updated_at: None,
        badge_url: String::new(),
        deleted_at: None,
        events: file.triggers.clone(),
        fault: file.fault.clone(),
    }
}

pub(super) fn runner(runner: &StoredRunner, scope: String) -> api::Runner {
    let (online, last) = match runner.phase.contact() {
        Contact::Online(at) => (true, at),
        Contact::Offline(since) => (false, since),
    };
    let label = |(at, name): (usize, &String)| api::RunnerLabel {
        id: i64::try_from(at).unwrap_or(i64::MAX),
        name: name.clone(),
        kind: "custom".to_owned(),
    };
    let (capacity, ephemeral) = match runner.phase.work() {
        Work::Lasting { capacity, .. } => (i64::from(capacity.get()), false),
        Work::Fresh | Work::Bound { .. } | Work::Spent => (1, true),
    };
    let admission = match runner.phase.admission() {
        Admission::Open => api::Admission::Open,
        Admission::Draining => api::Admission::Draining,
        Admission::Disabled => api::Admission::Disabled,
        Admission::Removed => api::Admission::Removed,
    };
    api::Runner {
        id: runner.id.0,
        name: runner.name.clone(),
        status: if online { "online" } else { "offline" }.to_owned(),
        busy: runner.phase.standing() == RunnerStanding::Active,
        disabled: admission == api::Admission::Disabled,
        ephemeral,
        labels: runner.labels.iter().enumerate().map(label).collect(),
        uuid: runner.uuid.0.clone(),
        version: runner.version.clone(),
        pool: runner.pool.clone(),
        scope,
        admission,
        capacity,
        tasks: runner.phase.tasks().map(|task| task.0).collect(),
        last_online: Some(last),
        created_at: Some(runner.created),
    }
}

pub(super) fn token(kind: TokenKind, token: &StoredToken, scope: String, now: Timestamp) -> api::Token {
    let view = TokenView::of(token.phase, now);
    let (rights, registration) = match kind {
        TokenKind::Registration => (Vec::new(), Registration::of(token)),
        TokenKind::User | TokenKind::Session | TokenKind::Runner => {
            (UserOpens::of(token).rights, Registration::default())
        }
    };
    api::Token {
        id: token.id.0,
        kind: match kind {
            TokenKind::User => api::TokenKind::User,
            TokenKind::Registration => api::TokenKind::Registration,
            TokenKind::Runner => api::TokenKind::Runner,
            TokenKind::Session => api::TokenKind::Session,
        },
        name: token.name.clone(),
        scope,
        rights,
        pool: registration.pool,
        labels: registration.labels,
        runner_id: token.runner.map(|runner| runner.0),
        state: view.state,
        detail: view.detail,
        uses_left: view.uses_left,
        expires_at: view.expires,
        made_by: token.by.clone(),
        created_at: Some(token.created),
        used_at: token.used,
    }
}

/// A scope as people write it. Its project or owner may be gone: then its number.
pub(super) async fn scope(plane: &Plane, scope: Scope) -> Result<String, RestFault> {
    Ok(match scope {
        Scope::Instance => "instance".to_owned(),
        Scope::Repository(id) => match plane.store.project_by_id(id).await {
            Ok(project) => project.full_name(),
            Err(store::StoreError::Missing { .. }) => format!("project {id}"),
            Err(error) => return Err(error.into()),
        },
        Scope::Owner(id) => {
            let projects = plane.store.projects().await?;
            let owned = projects.into_iter().find(|project| project.owner_id == id);
            owned.map_or_else(|| format!("owner {id}"), |project| project.owner)
        }
    })
}

/// The file's name of a path.
pub(super) fn file(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The branch of a ref; nothing where it is none.
fn branch(reference: &str) -> &str {
    reference.strip_prefix("refs/heads/").unwrap_or_default()
}

/// A ref, short.
fn pretty(reference: &str) -> &str {
    let short = ["refs/heads/", "refs/tags/"].into_iter().find_map(|prefix| reference.strip_prefix(prefix));
    short.unwrap_or(reference)
}
