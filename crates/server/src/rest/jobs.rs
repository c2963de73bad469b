//! Jobs and tasks: listed, shown; why they wait.

use super::caller::{Caller, Place};
use super::fault::RestFault;
use super::guard::Need;
use super::query::Query;
use super::reply;
use super::route::{Route, get};
use super::runs::{Params, attempt, job_standings, number, run_of};
use super::shape::{Known, detail, job_status};
use crate::access::Reach;
use crate::plane::Plane;
use api::{JobQuery, Page, PageQuery, Right, Status};
use axum::extract::{Path, State};
use axum::response::Response;
use domain::control::{AttemptNumber, JobNumber};
use scheduler::Wait;
use std::collections::HashMap;
use store::{JobFilter, ListOrder, StoredJob, StoredRun};

pub(super) fn routes() -> Vec<Route> {
    let read = Right::ReadRuns;
    let list = |path| {
        let about = "List jobs of all runs, the oldest first";
        get(path, read, about).query::<JobQuery>().query::<PageQuery>().gives::<api::JobList>(200).by(list)
    };
    vec![
        list("/admin/actions/jobs"),
        list("/user/actions/jobs"),
        list("/orgs/{org}/actions/jobs"),
        list("/repos/{owner}/{repo}/actions/jobs"),
        get("/repos/{owner}/{repo}/actions/runs/{run}/jobs", read, "List the jobs of a run's newest try")
            .query::<JobQuery>()
            .query::<PageQuery>()
            .gives::<api::JobList>(200)
            .by(list_of_run),
        get(
            "/repos/{owner}/{repo}/actions/runs/{run}/attempts/{attempt}/jobs",
            read,
            "List the jobs of a try of a run",
        )
        .query::<JobQuery>()
        .query::<PageQuery>()
        .gives::<api::JobList>(200)
        .by(list_of_attempt),
        get("/jobs/{job}", Need::Own(read), "Show a job, whatever project it is of (ours)")
            .gives::<api::Job>(200)
            .by(show_any),
        get("/repos/{owner}/{repo}/actions/jobs/{job}", read, "Show a job").gives::<api::Job>(200).by(show),
        get("/repos/{owner}/{repo}/actions/jobs/{job}/why", read, "Why a job waits, or what it does instead (ours)")
            .gives::<api::Why>(200)
            .by(why),
        get("/repos/{owner}/{repo}/actions/tasks", read, "List jobs as they were given to runners, the newest first")
            .query::<PageQuery>()
            .gives::<api::TaskList>(200)
            .by(tasks),
    ]
}

/// The job of a path, when it is of the project of the path.
pub(super) async fn job_of(
    plane: &Plane,
    caller: &Caller,
    params: &HashMap<String, String>,
) -> Result<StoredJob, RestFault> {
    let id = number(params, "job")?;
    let project = caller.project()?;
    let job = plane.store.job(JobNumber(id)).await?;
    if job.project == project.id { Ok(job) } else { Err(RestFault::missing("job", &id.to_string())) }
}

async fn list(State(plane): State<Plane>, caller: Caller, query: Query) -> Result<Response, RestFault> {
    let page = query.page();
    let mut standings = Vec::new();
    for status in query.all("status") {
        standings.extend(job_standings(status)?);
    }
    let mut filter = filter(&caller.place);
    filter.standings = standings;
    let total = plane.store.count_jobs(&filter).await?;
    filter.order = order(&query)?;
    filter.offset = u32::try_from(page.skip()).unwrap_or(u32::MAX);
    filter.limit = page.size;
    let jobs = shapes(&plane, &caller, &plane.store.jobs_list(&filter).await?).await?;
    let list = api::JobList { jobs, total_count: total.cast_signed() };
    Ok(reply::page(&list, total, page, &plane.site.url, &query.uri))
}

/// In which order jobs are wanted, in Gitea's words and with its refusals.
fn order(query: &Query) -> Result<ListOrder, RestFault> {
    let Some(sort) = query.one("sort") else { return Ok(ListOrder::Oldest) };
    let order = match query.one("order") {
        None | Some("asc") => ListOrder::Oldest,
        Some("desc") => ListOrder::Newest,
        Some(other) => {
            return Err(RestFault::invalid(format!("Invalid sort order: \"{other}\"")).fix("there are asc, desc"));
        }
    };
    if sort == "id" {
        Ok(order)
    } else {
        Err(RestFault::invalid(format!("Invalid sort mode: \"{sort}\"")).fix("there is id"))
    }
}

/// The jobs of a place.
pub(super) fn filter(place: &Place) -> JobFilter {
    match place {
        Place::Instance => JobFilter::default(),
        Place::Owner(owner, _) => JobFilter { owner: Some(*owner), ..JobFilter::default() },
        Place::Project(project) => JobFilter { project: Some(project.id), ..JobFilter::default() },
    }
}

async fn list_of_run(
    State(plane): State<Plane>,
    caller: Caller,
    Path(params): Params,
    query: Query,
) -> Result<Response, RestFault> {
    let run = run_of(&plane, &caller, &params).await?;
    let attempt = run.attempt;
    of_attempt(&plane, &caller, &run, attempt, &query).await
}

async fn list_of_attempt(
    State(plane): State<Plane>,
    caller: Caller,
    Path(params): Params,
    query: Query,
) -> Result<Response, RestFault> {
    let run = run_of(&plane, &caller, &params).await?;
    let attempt = attempt(&params)?;
    if attempt > run.attempt {
        return Err(RestFault::missing("attempt", &attempt.to_string()));
    }
    of_attempt(&plane, &caller, &run, attempt, &query).await
}

async fn of_attempt(
    plane: &Plane,
    caller: &Caller,
    run: &StoredRun,
    attempt: AttemptNumber,
    query: &Query,
) -> Result<Response, RestFault> {
    let mut jobs = plane.store.jobs(run.id, attempt).await?;
    let mut standings = Vec::new();
    for status in query.all("status") {
        standings.extend(job_standings(status)?);
    }
    if !standings.is_empty() {
        jobs.retain(|job| standings.contains(&job.phase.standing()));
    }
    if order(query)? == ListOrder::Newest {
        jobs.reverse();
    }
    let (page, total) = (query.page(), jobs.len() as u64);
    let jobs = shapes(plane, caller, &page.of(jobs)).await?;
    let list = api::JobList { jobs, total_count: total.cast_signed() };
    Ok(reply::page(&list, total, page, &plane.site.url, &query.uri))
}

async fn shapes(plane: &Plane, caller: &Caller, jobs: &[StoredJob]) -> Result<Vec<api::Job>, RestFault> {
    let mut known = match &caller.place {
        Place::Project(project) => Known::with(plane, project),
        Place::Instance | Place::Owner(..) => Known::new(plane),
    };
    known.jobs(jobs).await
}

async fn show_any(State(plane): State<Plane>, caller: Caller, Path(params): Params) -> Result<Response, RestFault> {
    let id = number(&params, "job")?;
    let job = plane.store.job(JobNumber(id)).await?;
    let mut known = Known::new(&plane);
    let project = known.project(job.project).await?;
    let reach = Reach::Project(project.owner_id, project.id);
    caller.person.check(Right::ReadRuns, reach, "job", &id.to_string())?;
    Ok(reply::ok(&known.job(&job).await?))
}

async fn show(State(plane): State<Plane>, caller: Caller, Path(params): Params) -> Result<Response, RestFault> {
    let job = job_of(&plane, &caller, &params).await?;
    Ok(reply::ok(&Known::with(&plane, caller.project()?).job(&job).await?))
}

async fn why(State(plane): State<Plane>, caller: Caller, Path(params): Params) -> Result<Response, RestFault> {
    let job = job_of(&plane, &caller, &params).await?;
    Ok(reply::ok(&why_of(&plane, &job).await))
}

/// Why a job waits, as the queue says it; of one that does not wait, where it is.
pub(super) async fn why_of(plane: &Plane, job: &StoredJob) -> api::Why {
    let (status, conclusion) = job_status(&job.phase);
    if matches!(status, Status::Queued | Status::Waiting)
        && let Some(wait) = plane.queue.why(job.number).await
    {
        return wait_shape(status, &wait);
    }
    let text = detail(job).unwrap_or_else(|| match (status, conclusion) {
        (Status::Completed, Some(conclusion)) => format!("it is over: {conclusion}"),
        (Status::InProgress, _) => "a runner has it".to_owned(),
        // Between two looks of the queue.
        _ => "it is looked at".to_owned(),
    });
    api::Why { status, text, reason: None, fix: None, passed: Vec::new(), position: None, estimate: None }
}

pub(super) fn wait_shape(status: Status, wait: &Wait) -> api::Why {
    api::Why {
        status,
        text: wait.reason.to_string(),
        reason: Some(wait.reason.kind().as_str().to_owned()),
        fix: wait.reason.fix(),
        passed: wait.passed.iter().map(|kind| kind.as_str().to_owned()).collect(),
        position: wait.position.map(|position| api::Position { place: position.place, of: position.of }),
        estimate: wait
            .estimate
            .map(|estimate| api::Estimate { p50_s: estimate.p50.as_secs_f64(), p90_s: estimate.p90.as_secs_f64() }),
    }
}

async fn tasks(State(plane): State<Plane>, caller: Caller, query: Query) -> Result<Response, RestFault> {
    let project = caller.project()?;
    let page: Page = query.page();
    let total = plane.store.count_tasks(project.id).await?;
    let offset = u32::try_from(page.skip()).unwrap_or(u32::MAX);
    let tasks = plane.store.tasks_of_project(project.id, offset, page.size).await?;
    let mut known = Known::with(&plane, project);
    known.read_runs(tasks.iter().map(|(_, job)| job)).await?;
    let mut shapes = Vec::with_capacity(tasks.len());
    for (task, job) in &tasks {
        shapes.push(known.task(task, job).await?);
    }
    let list = api::TaskList { workflow_runs: shapes, total_count: total.cast_signed() };
    Ok(reply::page(&list, total, page, &plane.site.url, &query.uri))
}
