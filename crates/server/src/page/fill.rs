//! From what the store gives to what views show: states, refs, causes. Used by all handlers that fill views.

use super::links::RunPlace;
use super::text::{Moment, Span, line};
use super::view::{Mark, RunHead};
use super::visit::Visit;
use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use domain::control::{CancelCause, JobEnd, JobPhase, NeverRan, RunPhase};
use domain::{Conclusion, Timestamp};
use store::{Project, StoredJob, StoredRun};

/// A page as an answer.
pub(crate) fn html(page: &impl Template) -> Result<Response, super::fault::Fault> {
    Ok(Html(page.render()?).into_response())
}

/// When the store says it was.
pub(crate) const fn moment(at: Timestamp) -> Moment {
    Moment(at.0)
}

/// How long, where both are known.
pub(crate) fn took(started: Option<Timestamp>, finished: Option<Timestamp>) -> Option<Span> {
    Some(moment(started?).until(moment(finished?)))
}

/// How something ended.
pub(crate) const fn ended(conclusion: Conclusion) -> Mark {
    match conclusion {
        Conclusion::Success => Mark::Success,
        Conclusion::Failure => Mark::Failure,
        Conclusion::Cancelled => Mark::Cancelled,
        Conclusion::Skipped => Mark::Skipped,
    }
}

/// The state of a run.
pub(crate) const fn run_mark(phase: RunPhase) -> Mark {
    match phase {
        RunPhase::Blocked => Mark::Held,
        RunPhase::Waiting => Mark::Waiting,
        RunPhase::Running => Mark::Running,
        RunPhase::Cancelling => Mark::Cancelling,
        RunPhase::Finished(conclusion) => ended(conclusion),
    }
}

/// The state of a job.
pub(crate) const fn job_mark(phase: &JobPhase) -> Mark {
    match phase {
        JobPhase::Held { .. } => Mark::Held,
        JobPhase::Queued { .. } => Mark::Waiting,
        JobPhase::Leased { .. } | JobPhase::Running { .. } => Mark::Running,
        JobPhase::Cancelling { .. } => Mark::Cancelling,
        JobPhase::Finished { end, .. } => ended(end.conclusion()),
    }
}

/// `main` of `refs/heads/main`.
pub(crate) fn reference(name: &str) -> String {
    let short = name.strip_prefix("refs/heads/").or_else(|| name.strip_prefix("refs/tags/")).unwrap_or(name);
    line(short)
}

/// The first letters of a commit.
pub(crate) fn short(commit: &str) -> String {
    commit.chars().take(7).collect()
}

/// The file's name of a path.
pub(crate) fn file(path: &str) -> String {
    line(path.rsplit('/').next().unwrap_or(path))
}

/// Who cancelled something.
pub(crate) fn cause(by: &CancelCause) -> String {
    match by {
        CancelCause::Person(name) => format!("by {}", line(name)),
        CancelCause::Concurrency(group) | CancelCause::GaveWay(group) => {
            format!("a newer one of the concurrency group {} took its place", line(group))
        }
        CancelCause::FailFast => "another job of its matrix failed".to_owned(),
        CancelCause::Abandoned => "it waited longer than jobs may".to_owned(),
        CancelCause::Removed => "its branch or project is gone".to_owned(),
    }
}

/// What there is to say of a job beyond its state.
pub(crate) fn detail(job: &StoredJob, reason: Option<&str>) -> Option<String> {
    if job.kept_from.is_some() {
        return Some("kept from an earlier try".to_owned());
    }
    match &job.phase {
        JobPhase::Cancelling { by, .. } => Some(format!("asked to end: {}", cause(by))),
        JobPhase::Finished { end, .. } => match end {
            JobEnd::Fault(text) => Some(format!("the platform failed, not the job: {}", line(text))),
            JobEnd::NeverRan(NeverRan::Skipped) => reason.map(line),
            JobEnd::NeverRan(NeverRan::Cancelled(by)) => {
                let before = "before it started";
                Some(match by {
                    CancelCause::Person(_) => format!("cancelled {} {before}", cause(by)),
                    by => format!("cancelled {before}: {}", cause(by)),
                })
            }
            JobEnd::NeverRan(NeverRan::Invalid(text)) => Some(line(text)),
            JobEnd::Concluded(_) => None,
        },
        _ => None,
    }
}

/// Since when a job runs, while it does.
pub(crate) fn runs_since(job: &StoredJob) -> Option<Moment> {
    match &job.phase {
        JobPhase::Running { .. } | JobPhase::Cancelling { .. } => job.started.map(moment),
        _ => None,
    }
}

/// Where a run is.
pub(crate) fn place(project: &Project, run: &StoredRun) -> RunPlace {
    RunPlace { owner: project.owner.clone(), name: project.name.clone(), run: run.id.0 }
}

/// What stands above a run and its jobs.
pub(crate) fn run_head(visit: &Visit, project: &Project, run: &StoredRun) -> RunHead {
    let project_href = visit.links.project(&project.owner, &project.name);
    let is_over = matches!(run.phase, RunPhase::Finished(_));
    RunHead {
        mark: run_mark(run.phase),
        word: run.phase.word(),
        title: line(&run.title),
        href: visit.links.run(&place(project, run)),
        project: line(&project.full_name()),
        workflow: line(&run.workflow),
        workflow_href: format!("{project_href}?workflow={}", super::links::part(&run.workflow)),
        project_href,
        number: run.number,
        event: line(&run.event),
        reference: reference(&run.reference),
        commit: line(&run.commit),
        commit_short: short(&run.commit),
        actor: line(&run.actor),
        created: moment(run.attempt_created),
        since: run.started.filter(|_| !is_over).map(moment),
        took: took(run.started, run.finished),
        cancelled: run.cancelled.as_ref().map(|asked| cause(&asked.by)),
    }
}
