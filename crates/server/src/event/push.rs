//! `push`: a branch or a tag moved.

use super::files::{blocking, workflow_texts};
use super::make::{Started, make};
use super::occasion::repository;
use super::workflows::disabled;
use super::{EventError, Occasion};
use crate::plane::Plane;
use serde_json::{Value as Json, json};
use source::CommitId;
use source::project::{ProjectError, WorkflowText};
use std::sync::Arc;
use store::{Project, PushId, RefChange, RefMove, RunCause, StoreError, StoredRun};
use workflow::diagnostic::code;
use workflow::event::{Match, starts};
use workflow::expr::Value;
use workflow::plan::{FileReference, Files, Parses};

/// So many commits stand in a payload, as with GitHub.
const COMMITS: usize = 20;

/// What git knows of a push.
struct Push {
    before: Option<CommitId>,
    commit: CommitId,
    facts: Arc<source::repository::Commit>,
    commits: Vec<source::repository::Commit>,
    changed: Option<Vec<String>>,
    branch: Option<String>,
    is_forced: bool,
}

/// Makes the runs of a push. A ref that is gone starts nothing. Of a push that is noted ([`store::Push`]) only the runs are made that are not there yet, so that it can
/// be tried again.
///
/// # Errors
/// When the repository or the store cannot be read. Runs that were made by then stay.
pub async fn push(
    plane: &Plane,
    project: &Project,
    change: &RefChange,
    actor: Option<&str>,
    noted: Option<PushId>,
) -> Result<Vec<StoredRun>, EventError> {
    let (before, after) = match &change.to {
        RefMove::Made(after) => (None, after),
        RefMove::Moved { before, after } => (Some(before), after),
        RefMove::Gone(_) => return Ok(Vec::new()),
    };
    let Ok(commit) = CommitId::parse(after) else { return Ok(Vec::new()) };
    let before = before.and_then(|before| CommitId::parse(before).ok());
    let texts = {
        let (git, wanted) = (project.git.clone(), commit.clone());
        blocking(plane, move |projects| projects.bring(&git, &wanted)).await?;
        workflow_texts(plane, project, &commit).await?
    };
    let (git, name) = (project.git.clone(), change.name.clone());
    // Where a new branch begins costs a walk over its commits.
    let is_filtered = texts.iter().any(|text| text.text.as_ref().is_ok_and(|text| text.contains("paths")));
    let known = blocking(plane, move |projects| facts(projects, &git, (&name, before), commit, is_filtered)).await?;
    let actor = actor.map_or_else(|| known.facts.committer.name.clone(), str::to_owned);
    let message = known.facts.message.clone();
    let occasion = Occasion {
        event: "push".to_owned(),
        payload: payload(plane, project, &change.name, &known, &actor),
        reference: change.name.clone(),
        commit: known.commit.to_string(),
        subject: message.lines().next().unwrap_or_default().to_owned(),
        actor,
        changed_files: known.changed.clone(),
        message: Some(message),
    };
    let is_default = known.branch.as_ref() == Some(&change.name);
    if is_default {
        super::read_schedules(plane, project).await?;
    }
    // Said once, by the push that brings it.
    let is_brought = |path: &String| is_default && known.changed.as_ref().is_none_or(|changed| changed.contains(path));
    let event = occasion.event();
    let disabled = disabled(plane, project).await?;
    let cause = noted.map_or(RunCause::Call, RunCause::Push);
    let made = match noted {
        Some(push) => plane.store.workflows_of_push(push).await?,
        None => Vec::new(),
    };
    let mut runs = Vec::new();
    for text in texts.iter().filter(|text| !disabled.contains(&text.path) && !made.contains(&text.path)) {
        let fault = || super::schedule::fault(text).or_else(|| unknown_event(text));
        let fault = if is_brought(&text.path) { fault() } else { None };
        let started = match fault {
            Some(why) => Some(failed(text, why, &cause)),
            None => started(text, &event, &cause),
        };
        let Some(started) = started else { continue };
        match make(plane, project, &occasion, &known.commit, started).await {
            Ok(run) => runs.push(run),
            // Another server makes the runs of this push too, and was faster with this one.
            Err(EventError::Store(StoreError::Present { what: "run", .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(runs)
}

/// A workflow that the event starts. One that cannot be read is started, so that somebody sees why.
fn started(text: &WorkflowText, event: &workflow::event::Event, cause: &RunCause) -> Option<Started> {
    let source = match &text.text {
        Ok(source) => source,
        Err(why) => return Some(failed(text, why.to_string(), cause)),
    };
    let (path, inputs, cause) = (text.path.clone(), Value::default(), cause.clone());
    let (mut files, mut parses) = (Files::new(), Parses::default());
    let root = FileReference::Local(path.clone());
    files.insert(root.clone(), Arc::clone(source));
    let workflow = parses.parse(&files, &root).and_then(|parsed| parsed.value);
    match workflow.map_or(Match::Starts, |workflow| starts(&workflow, event)) {
        Match::Starts => Some(Started { path, files: Ok((files, parses)), inputs, cause }),
        // Whether it starts nobody can say.
        Match::Wrong { filter, why } => {
            Some(failed(text, format!("the filter '{filter}' cannot be used: {why}"), &cause))
        }
        Match::OtherEvent | Match::HeldBack { .. } => None,
    }
}

/// Why a workflow never starts, where no forge has any of its events.
fn unknown_event(text: &WorkflowText) -> Option<String> {
    let (mut files, root) = (Files::new(), FileReference::Local(text.path.clone()));
    files.insert(root.clone(), Arc::clone(text.text.as_ref().ok()?));
    let parsed = Parses::default().parse(&files, &root)?;
    let mut unknown = parsed.diagnostics.iter().filter(|found| found.code == code::UNKNOWN_EVENT);
    let first = unknown.next()?;
    let is_all = unknown.count() + 1 == parsed.value?.on.len();
    let help = first.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
    is_all.then(|| format!("{}{help}", first.message))
}

/// A workflow whose run only says why it cannot be used.
fn failed(text: &WorkflowText, why: String, cause: &RunCause) -> Started {
    Started { path: text.path.clone(), files: Err(why), inputs: Value::default(), cause: cause.clone() }
}

fn facts(
    projects: &source::project::Projects,
    git: &str,
    (name, before): (&str, Option<CommitId>),
    commit: CommitId,
    is_filtered: bool,
) -> Result<Push, ProjectError> {
    let facts = projects.commit(git, &commit)?;
    let commits = projects.commits_between(git, before.as_ref(), &commit, COMMITS)?;
    let base = match &before {
        Some(before) => Some(before.clone()),
        None if is_filtered && name.starts_with("refs/heads/") => projects.base_of_new(git, name, &commit)?,
        None => None,
    };
    let changed = projects.changed_files(git, base.as_ref(), &commit)?;
    let is_forced = before.as_ref().map_or(Ok(false), |before| projects.is_forced(git, before, &commit))?;
    let branch = projects.refs(git)?.default_branch.clone();
    Ok(Push { before, commit, facts, commits, changed, branch, is_forced })
}

fn payload(plane: &Plane, project: &Project, reference: &str, push: &Push, actor: &str) -> Json {
    let url = format!("{}/{}", plane.site.url, project.full_name());
    let zeros = "0".repeat(push.commit.as_str().len());
    let before = push.before.as_ref().map_or(zeros.as_str(), CommitId::as_str);
    let short = |id: &str| id.get(..12).unwrap_or(id).to_owned();
    json!({
        "ref": reference,
        "before": before,
        "after": push.commit.as_str(),
        "created": push.before.is_none(),
        "deleted": false,
        "forced": push.is_forced,
        "base_ref": null,
        "compare": format!("{url}/compare/{}...{}", short(before), short(push.commit.as_str())),
        "commits": push.commits.iter().map(|commit| commit.payload(&url)).collect::<Vec<_>>(),
        "head_commit": push.facts.payload(&url),
        "repository": repository(&plane.site, project, push.branch.as_deref()),
        "pusher": { "name": actor, "email": push.facts.committer.email },
        "sender": { "login": actor },
    })
}
