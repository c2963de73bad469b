//! Runs: listed, shown, cancelled, run again, deleted.

use super::caller::{Caller, Place};
use super::fault::RestFault;
use super::query::Query;
use super::reply;
use super::route::{Route, delete, get, post};
use super::shape::Known;
use crate::plane::Plane;
use crate::run::{self, Rerun};
use api::{PageQuery, Right, RunQuery};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::Conclusion;
use domain::control::{AttemptNumber, CancelCause, JobStanding, RunId, RunPhase};
use std::collections::HashMap;
use std::time::Duration;
use store::{Change, Changes, Ending, RunFilter, StoredJob, StoredRun};

/// The first rows of a new try are waited for so long.
const FIRST_ROWS: Duration = Duration::from_secs(1);

pub(super) type Params = Path<HashMap<String, String>>;

pub(super) fn routes() -> Vec<Route> {
    let (read, write) = (Right::ReadRuns, Right::WriteRuns);
    let list = |path| {
        let about = "List runs, the newest first";
        get(path, read, about).query::<RunQuery>().query::<PageQuery>().gives::<api::RunList>(200).by(list)
    };
    vec![
        list("/admin/actions/runs"),
        list("/user/actions/runs"),
        list("/orgs/{org}/actions/runs"),
        list("/repos/{owner}/{repo}/actions/runs"),
        get(
            "/repos/{owner}/{repo}/actions/workflows/{workflow}/runs",
            read,
            "List the runs of a workflow, the newest first",
        )
        .query::<RunQuery>()
        .query::<PageQuery>()
        .gives::<api::RunList>(200)
        .by(list_of_workflow),
        get("/runs/{run}", super::guard::Need::Own(read), "Show a run, whatever project it is of (ours)")
            .gives::<api::Run>(200)
            .by(show_any),
        get("/repos/{owner}/{repo}/actions/runs/{run}", read, "Show a run").gives::<api::Run>(200).by(show),
        get("/repos/{owner}/{repo}/actions/runs/{run}/attempts/{attempt}", read, "Show a try of a run")
            .gives::<api::Run>(200)
            .by(show_attempt),
        delete("/repos/{owner}/{repo}/actions/runs/{run}", write, "Delete a run that is over, with its logs")
            .gives_nothing(204)
            .by(remove),
        post(
            "/repos/{owner}/{repo}/actions/runs/{run}/cancel",
            write,
            "Ask a run to end; asked again, its jobs with `if: always()` end too (ours, as GitHub's)",
        )
        .gives_nothing(202)
        .by(cancel),
        post(
            "/repos/{owner}/{repo}/actions/runs/{run}/force-cancel",
            write,
            "Ask all of a run to end, whatever conditions its jobs have (ours, as GitHub's)",
        )
        .gives_nothing(202)
        .by(force_cancel),
        post("/repos/{owner}/{repo}/actions/runs/{run}/rerun", write, "Run all jobs of a run again")
            .gives::<api::Run>(201)
            .by(rerun),
        post(
            "/repos/{owner}/{repo}/actions/runs/{run}/rerun-failed-jobs",
            write,
            "Run the failed jobs of a run again, and those that need them",
        )
        .gives_nothing(201)
        .by(rerun_failed),
        post(
            "/repos/{owner}/{repo}/actions/runs/{run}/jobs/{job}/rerun",
            write,
            "Run a job again, and those that need it",
        )
        .gives::<api::Job>(201)
        .by(rerun_job),
        post(
            "/repos/{owner}/{repo}/actions/jobs/{job}/rerun",
            write,
            "Run a job again, and those that need it (ours, as GitHub's)",
        )
        .gives::<api::Job>(201)
        .by(rerun_job),
    ]
}

/// A number of a path.
pub(super) fn number(params: &HashMap<String, String>, key: &str) -> Result<i64, RestFault> {
    let text = params.get(key).map(String::as_str).unwrap_or_default();
    text.parse().map_err(|_| RestFault::missing(key, text))
}

/// The run of a path, when it is of the project of the path.
pub(super) async fn run_of(
    plane: &Plane,
    caller: &Caller,
    params: &HashMap<String, String>,
) -> Result<StoredRun, RestFault> {
    let id = number(params, "run")?;
    let missing = || RestFault::missing("run", &id.to_string());
    let project = caller.project()?;
    let run = plane.store.run(RunId(id)).await?;
    if run.project == project.id { Ok(run) } else { Err(missing()) }
}

async fn list(State(plane): State<Plane>, caller: Caller, query: Query) -> Result<Response, RestFault> {
    listed(&plane, &caller, &query, None).await
}

async fn list_of_workflow(
    State(plane): State<Plane>,
    caller: Caller,
    Path(params): Params,
    query: Query,
) -> Result<Response, RestFault> {
    let project = caller.project()?.clone();
    let wanted = params.get("workflow").map(String::as_str).unwrap_or_default();
    let path = super::workflows::path_of(&plane, &project, wanted).await?;
    listed(&plane, &caller, &query, Some(path)).await
}

async fn listed(
    plane: &Plane,
    caller: &Caller,
    query: &Query,
    workflow: Option<String>,
) -> Result<Response, RestFault> {
    let page = query.page();
    let mut phases = Vec::new();
    for status in query.all("status") {
        phases.extend(run_phases(status)?);
    }
    let text = |key| query.one(key).map(str::to_owned);
    let filter = RunFilter {
        project: match &caller.place {
            Place::Project(project) => Some(project.id),
            Place::Instance | Place::Owner(..) => None,
        },
        owner: match &caller.place {
            Place::Owner(owner, _) => Some(*owner),
            Place::Instance | Place::Project(_) => None,
        },
        workflow,
        event: text("event"),
        reference: query.one("branch").map(|branch| format!("refs/heads/{}", branch.trim_start_matches("refs/heads/"))),
        actor: text("actor"),
        commit: text("head_sha"),
        phases,
        before: None,
        offset: u32::try_from(page.skip()).unwrap_or(u32::MAX),
        limit: page.size,
    };
    let total = plane.store.count_runs(&filter).await?;
    let mut known = Known::new(plane);
    let mut runs = Vec::new();
    for run in plane.store.runs(&filter).await? {
        runs.push(known.run(&run).await?);
    }
    let list = api::RunList { workflow_runs: runs, total_count: total.cast_signed() };
    Ok(reply::page(&list, total, page, &plane.site.url, &query.uri))
}

/// The states that a word of Gitea's filter means.
fn run_phases(word: &str) -> Result<Vec<RunPhase>, RestFault> {
    Ok(match standings(word)? {
        Words::Blocked => vec![RunPhase::Blocked],
        Words::Queued => vec![RunPhase::Waiting],
        Words::Active => vec![RunPhase::Running, RunPhase::Cancelling],
        Words::Ended(conclusions) => conclusions.into_iter().map(RunPhase::Finished).collect(),
    })
}

/// The same for jobs.
pub(super) fn job_standings(word: &str) -> Result<Vec<JobStanding>, RestFault> {
    Ok(match standings(word)? {
        Words::Blocked => vec![JobStanding::Held],
        Words::Queued => vec![JobStanding::Queued],
        Words::Active => vec![JobStanding::Leased, JobStanding::Running, JobStanding::Cancelling],
        Words::Ended(conclusions) => conclusions.into_iter().map(JobStanding::Ended).collect(),
    })
}

enum Words {
    Blocked,
    Queued,
    Active,
    Ended(Vec<Conclusion>),
}

fn standings(word: &str) -> Result<Words, RestFault> {
    use Conclusion::{Cancelled, Failure, Skipped, Success};
    Ok(match word {
        "pending" | "waiting" | "requested" | "action_required" => Words::Blocked,
        "queued" => Words::Queued,
        "in_progress" => Words::Active,
        "completed" => Words::Ended(vec![Success, Failure, Skipped, Cancelled]),
        "success" => Words::Ended(vec![Success]),
        "failure" => Words::Ended(vec![Failure]),
        "skipped" | "neutral" => Words::Ended(vec![Skipped]),
        "cancelled" | "timed_out" => Words::Ended(vec![Cancelled]),
        other => {
            return Err(RestFault::bad(format!("invalid status {other}"))
                .fix("there are queued, waiting, in_progress, completed, success, failure, cancelled, skipped"));
        }
    })
}

async fn show_any(State(plane): State<Plane>, caller: Caller, Path(params): Params) -> Result<Response, RestFault> {
    let id = number(&params, "run")?;
    let run = plane.store.run(RunId(id)).await?;
    let mut known = Known::new(&plane);
    let project = known.project(run.project).await?;
    let reach = crate::access::Reach::Project(project.owner_id, project.id);
    caller.person.check(Right::ReadRuns, reach, "run", &id.to_string())?;
    Ok(reply::ok(&known.run(&run).await?))
}

async fn show(State(plane): State<Plane>, caller: Caller, Path(params): Params) -> Result<Response, RestFault> {
    let run = run_of(&plane, &caller, &params).await?;
    Ok(reply::ok(&Known::with(&plane, caller.project()?).run(&run).await?))
}

/// A run as it was in one of its tries.
async fn show_attempt(State(plane): State<Plane>, caller: Caller, Path(params): Params) -> Result<Response, RestFault> {
    let mut run = run_of(&plane, &caller, &params).await?;
    let attempt = attempt(&params)?;
    if attempt != run.attempt {
        let tries = plane.store.attempts(run.id).await?;
        let one = tries.into_iter().find(|one| one.attempt == attempt);
        let one = one.ok_or_else(|| RestFault::missing("attempt", &attempt.to_string()))?;
        run.attempt = one.attempt;
        run.facts = one.facts;
        run.phase = one.phase;
        run.started = one.started;
        run.finished = one.finished;
    }
    Ok(reply::ok(&Known::with(&plane, caller.project()?).run(&run).await?))
}

/// The try of a path.
pub(super) fn attempt(params: &HashMap<String, String>) -> Result<AttemptNumber, RestFault> {
    let number = number(params, "attempt")?;
    let attempt = u32::try_from(number).ok().and_then(AttemptNumber::from_stored);
    attempt.ok_or_else(|| RestFault::missing("attempt", &number.to_string()))
}

/// A run as the audit calls it.
fn of_project(caller: &Caller, run: RunId) -> Result<String, RestFault> {
    Ok(format!("run {run} of {}", caller.project()?.full_name()))
}

async fn cancel(State(plane): State<Plane>, caller: Caller, Path(params): Params) -> Result<Response, RestFault> {
    ended(&plane, &caller, &params, Ending::Again).await
}

async fn force_cancel(State(plane): State<Plane>, caller: Caller, Path(params): Params) -> Result<Response, RestFault> {
    ended(&plane, &caller, &params, Ending::All).await
}

async fn ended(
    plane: &Plane,
    caller: &Caller,
    params: &HashMap<String, String>,
    ending: Ending,
) -> Result<Response, RestFault> {
    let run = run_of(plane, caller, params).await?;
    let detail = match ending {
        Ending::All => serde_json::json!({ "force": true }),
        Ending::ByConditions | Ending::Again => serde_json::Value::Null,
    };
    let audit = caller.actor.did("run.cancel", of_project(caller, run.id)?, detail);
    run::cancel(plane, run.id, CancelCause::Person(caller.person.name.clone()), ending, Some(&audit)).await?;
    Ok(reply::nothing(StatusCode::ACCEPTED))
}

async fn again(plane: &Plane, caller: &Caller, run: RunId, what: Rerun) -> Result<StoredRun, RestFault> {
    let detail = match what {
        Rerun::All => "all".to_owned(),
        Rerun::Failed => "failed".to_owned(),
        Rerun::Job(job) => format!("job {job}"),
    };
    let audit = caller.actor.did("run.rerun", of_project(caller, run)?, serde_json::json!({ "jobs": detail }));
    Ok(run::rerun(plane, run, what, &caller.person.name, Some(&audit)).await?)
}

async fn rerun(State(plane): State<Plane>, caller: Caller, Path(params): Params) -> Result<Response, RestFault> {
    let run = run_of(&plane, &caller, &params).await?;
    let run = again(&plane, &caller, run.id, Rerun::All).await?;
    Ok(reply::created(&Known::with(&plane, caller.project()?).run(&run).await?))
}

async fn rerun_failed(State(plane): State<Plane>, caller: Caller, Path(params): Params) -> Result<Response, RestFault> {
    let run = run_of(&plane, &caller, &params).await?;
    again(&plane, &caller, run.id, Rerun::Failed).await?;
    Ok(reply::nothing(StatusCode::CREATED))
}

async fn rerun_job(State(plane): State<Plane>, caller: Caller, Path(params): Params) -> Result<Response, RestFault> {
    let job = super::jobs::job_of(&plane, &caller, &params).await?;
    if params.contains_key("run") && number(&params, "run")? != job.run.0 {
        return Err(RestFault::missing("job", &job.number.to_string()));
    }
    // From before the new try: nothing of it is missed.
    let changes = plane.store.changes().await?;
    let run = again(&plane, &caller, job.run, Rerun::Job(job.number)).await?;
    let made = tokio::time::timeout(FIRST_ROWS, made_again(&plane, changes, &run, &job)).await;
    let shown = made.unwrap_or(Ok(None))?.unwrap_or(job);
    Ok(reply::created(&Known::with(&plane, caller.project()?).job(&shown).await?))
}

/// The job of a new try that is the one of before. The first rows of a try are written a moment after it, and the news tell.
async fn made_again(
    plane: &Plane,
    mut changes: Changes,
    run: &StoredRun,
    job: &StoredJob,
) -> Result<Option<StoredJob>, RestFault> {
    loop {
        let jobs = plane.store.jobs(run.id, run.attempt).await?;
        if let Some(made) = jobs.into_iter().find(|made| made.id == job.id) {
            return Ok(Some(made));
        }
        loop {
            match changes.next().await {
                None => return Ok(None),
                Some(Change::Run(of) | Change::Job { run: of, .. } | Change::Task { run: of, .. }) if of == run.id => {
                    break;
                }
                Some(Change::Missed) => break,
                Some(_) => {}
            }
        }
    }
}

async fn remove(State(plane): State<Plane>, caller: Caller, Path(params): Params) -> Result<Response, RestFault> {
    let run = run_of(&plane, &caller, &params).await?;
    if !matches!(run.phase, RunPhase::Finished(_)) {
        // Gitea's status and words.
        return Err(RestFault::bad("this workflow run is not done").fix("cancel it, or wait"));
    }
    // Its logs first: what is left of a fault in between is a run that can be deleted again.
    for task in plane.store.run_tasks(run.id).await? {
        plane.logs.remove(task).await?;
    }
    let object = format!("{} ({})", of_project(&caller, run.id)?, run.title);
    let audit = caller.actor.did("run.remove", object, serde_json::Value::Null);
    plane.store.remove_run(run.id, plane.now(), Some(&audit)).await?;
    Ok(reply::nothing(StatusCode::NO_CONTENT))
}
