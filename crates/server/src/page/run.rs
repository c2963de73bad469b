//! One run with its jobs.

use super::fault::Fault;
use super::fill::{detail, ended, html, job_mark, moment, place, run_head, run_mark, runs_since, took};
use super::links::RunPlace;
use super::pairs::Pairs;
use super::text::{line, paragraph};
use super::view::{Action, AttemptLink, FirstFailure, Here, JobRow, RunHead, RunPage};
use super::visit::Visit;
use super::waiting::waiting;
use crate::run::JobFacts;
use crate::task::{Progress, newest_task};
use axum::extract::Path;
use axum::response::Response;
use domain::Conclusion;
use domain::control::{AttemptNumber, JobEnd, JobNumber, JobPhase, RunId, RunPhase, Tolerance};
use std::collections::HashMap;
use store::{Project, RunCancel, StoredJob, StoredRun};

/// A run that may be seen.
pub(crate) async fn find(visit: &Visit, owner: &str, name: &str, run: &str) -> Result<(Project, StoredRun), Fault> {
    let project = visit.project(owner, name).await?;
    let run = run.parse().map(RunId).map_err(|_| Fault::Nowhere)?;
    let run = visit.plane.store.run(run).await?;
    if run.project == project.id { Ok((project, run)) } else { Err(Fault::Nowhere) }
}

/// `/{owner}/{name}/runs/{run}`
pub(crate) async fn run(
    visit: Visit,
    Path((owner, name, run)): Path<(String, String, String)>,
    asked: Pairs,
) -> Response {
    let done = show(&visit, &owner, &name, &run, &asked).await;
    visit.answer(done)
}

async fn show(visit: &Visit, owner: &str, name: &str, run: &str, asked: &Pairs) -> Result<Response, Fault> {
    let (project, run) = find(visit, owner, name, run).await?;
    let here = place(&project, &run);
    let store = &visit.plane.store;
    let earlier = if run.attempt == AttemptNumber::FIRST { Vec::new() } else { store.attempts(run.id).await? };
    let shown = asked.number("attempt").and_then(AttemptNumber::from_stored).unwrap_or(run.attempt);
    let mut head = run_head(visit, &project, &run);
    if shown != run.attempt {
        let tried = earlier.iter().find(|tried| tried.attempt == shown).ok_or(Fault::Nowhere)?;
        head = RunHead {
            mark: run_mark(tried.phase),
            word: tried.phase.word(),
            created: moment(tried.created),
            since: None,
            took: took(tried.started, tried.finished),
            cancelled: None,
            ..head
        };
    }
    let link = |attempt: AttemptNumber, phase: RunPhase| AttemptLink {
        number: attempt.get(),
        href: visit.links.attempt(&here, attempt.get()),
        mark: run_mark(phase),
        word: phase.word(),
        is_shown: attempt == shown,
    };
    let mut attempts: Vec<AttemptLink> = earlier.iter().map(|tried| link(tried.attempt, tried.phase)).collect();
    if !attempts.is_empty() {
        attempts.push(link(run.attempt, run.phase));
    }
    let jobs = store.jobs(run.id, shown).await?;
    let is_last = shown == run.attempt;
    let title = format!("{}: {} · {} #{}", head.word, head.title, head.project, head.number);
    let page = RunPage {
        frame: visit.live_frame(title, Here::Runs, Some(head.mark), &format!("?run={}", run.id)),
        now: moment(visit.plane.now()),
        attempts,
        faults: run.fault.iter().filter(|_| is_last).flat_map(|fault| fault.lines()).map(paragraph).collect(),
        first: first_failure(visit, &here, &jobs).await?,
        actions: if is_last && visit.changes(&project) { actions(visit, &here, &run, &jobs) } else { Vec::new() },
        jobs: rows(visit, &here, &jobs).await?,
        run: head,
    };
    html(&page)
}

async fn rows(visit: &Visit, here: &RunPlace, jobs: &[StoredJob]) -> Result<Vec<JobRow>, Fault> {
    let is_out = jobs.iter().any(|job| job.phase.lease().is_some());
    let out = if is_out { visit.plane.store.out().await? } else { Vec::new() };
    let runners: HashMap<JobNumber, String> =
        out.into_iter().map(|(task, job)| (job.number, task.runner_name)).collect();
    let mut rows = Vec::with_capacity(jobs.len());
    for job in jobs {
        let facts = JobFacts::of(job).ok();
        rows.push(JobRow {
            mark: job_mark(&job.phase),
            word: job.phase.standing().word(),
            name: line(&job.name),
            href: visit.links.job(here, job.number.0),
            labels: line(&job.labels.join(", ")),
            waiting: waiting(&visit.plane, job).await,
            runner: runners.get(&job.number).map(|name| line(name)),
            detail: detail(job, facts.as_ref().and_then(|facts| facts.reason.as_deref())),
            since: runs_since(job),
            took: took(job.started, job.finished),
            may_fail: job.tolerance == Tolerance::MayFail,
        });
    }
    Ok(rows)
}

/// The job that failed before all others, and its step.
async fn first_failure(visit: &Visit, here: &RunPlace, jobs: &[StoredJob]) -> Result<Option<FirstFailure>, Fault> {
    let failed = jobs.iter().filter(|job| {
        job.tolerance == Tolerance::FailsRun
            && job.phase.end().is_some_and(|end| end.conclusion() == Conclusion::Failure)
    });
    let Some(job) = failed.min_by_key(|job| (job.finished, job.number)) else { return Ok(None) };
    let task = newest_task(&visit.plane.store, job).await?;
    let step = task.as_ref().map(Progress::of).and_then(|progress| {
        let at = progress.steps.iter().position(|step| step.conclusion == Some(Conclusion::Failure))?;
        let name = JobFacts::of(job).ok().and_then(|facts| facts.steps.get(at).cloned()).unwrap_or_default();
        Some(format!("step {}: {}", at + 1, line(&name)))
    });
    let what = step.or_else(|| match job.phase.end() {
        Some(JobEnd::Concluded(_)) | None => None,
        Some(_) => detail(job, None),
    });
    Ok(Some(FirstFailure { job: line(&job.name), href: visit.links.job(here, job.number.0), what }))
}

fn actions(visit: &Visit, here: &RunPlace, run: &StoredRun, jobs: &[StoredJob]) -> Vec<Action> {
    let RunPhase::Finished(_) = run.phase else {
        let action = format!("{}/cancel", visit.links.run(here));
        let cancel = |label, field| vec![Action { action, label, field, is_danger: true }];
        let goes_on = |job: &StoredJob| !matches!(job.phase, JobPhase::Finished { .. } | JobPhase::Cancelling { .. });
        return match &run.cancelled {
            None => cancel("Cancel", None),
            Some(RunCancel { all_from: None, .. }) if jobs.iter().any(goes_on) => {
                cancel("Cancel what still goes on", Some(("what", "all".to_owned())))
            }
            Some(_) => Vec::new(),
        };
    };
    if jobs.is_empty() {
        return Vec::new();
    }
    let again = |label, what: &str| Action {
        action: format!("{}/rerun", visit.links.run(here)),
        label,
        field: Some(("what", what.to_owned())),
        is_danger: false,
    };
    let is_bad = |job: &StoredJob| {
        job.phase.end().is_some_and(|end| {
            matches!(ended(end.conclusion()), super::view::Mark::Failure | super::view::Mark::Cancelled)
        })
    };
    let mut all = vec![again("Re-run all", "all")];
    if jobs.iter().any(is_bad) {
        all.insert(0, again("Re-run failed", "failed"));
    }
    all
}
