//! Lists of runs: of all projects, of one.

use super::fault::Fault;
use super::fill::{file, html, moment, place, reference, run_mark, short, took};
use super::pairs::Pairs;
use super::text::line;
use super::view::{Choice, Filter, Heading, Here, RunRow, RunsPage, WorkflowRow};
use super::visit::Visit;
use crate::event;
use crate::place::without_password;
use axum::extract::Path;
use axum::response::Response;
use domain::Conclusion;
use domain::control::{RunId, RunPhase, Scope};
use std::time::Duration;
use store::{Project, RunFilter, StoredRun, WorkflowState};

/// So many on a page.
const PAGE: u32 = 50;
/// A repository that does not answer is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(3);

const PHASES: [RunPhase; 8] = [
    RunPhase::Blocked,
    RunPhase::Waiting,
    RunPhase::Running,
    RunPhase::Cancelling,
    RunPhase::Finished(Conclusion::Success),
    RunPhase::Finished(Conclusion::Failure),
    RunPhase::Finished(Conclusion::Cancelled),
    RunPhase::Finished(Conclusion::Skipped),
];

/// `/`
pub(crate) async fn all(visit: Visit, asked: Pairs) -> Response {
    let done = list(&visit, &asked).await;
    visit.answer(done)
}

/// `/{owner}/{name}`
pub(crate) async fn project(visit: Visit, Path((owner, name)): Path<(String, String)>, asked: Pairs) -> Response {
    let done = of_project(&visit, &owner, &name, &asked).await;
    visit.answer(done)
}

async fn list(visit: &Visit, asked: &Pairs) -> Result<Response, Fault> {
    let projects = visit.projects().await?;
    let chosen = asked.get("project").unwrap_or_default();
    let shown: Vec<&Project> =
        projects.iter().filter(|project| chosen.is_empty() || project.full_name() == chosen).collect();
    let is_all = chosen.is_empty() && visit.person.scope == Scope::Instance;
    let (runs, older) = find(visit, &shown, is_all, asked).await?;
    let rows = runs.iter().filter_map(|run| {
        let project = projects.iter().find(|project| project.id == run.project)?;
        let href = visit.links.project(&project.owner, &project.name);
        Some(RunRow { project: Some((line(&project.full_name()), href)), ..row(visit, project, run) })
    });
    let choices = projects.iter().map(|project| {
        let value = project.full_name();
        Choice { chosen: value == chosen, value }
    });
    let action = visit.links.home();
    let page = RunsPage {
        frame: visit.live_frame("Runs", Here::Runs, None, ""),
        now: moment(visit.plane.now()),
        heading: None,
        filter: filter(asked, &action, choices.collect()),
        runs: rows.collect(),
        older: older.map(|before| older_href(&action, asked, before)),
        newest: newest_href(&action, asked),
    };
    html(&page)
}

async fn of_project(visit: &Visit, owner: &str, name: &str, asked: &Pairs) -> Result<Response, Fault> {
    let project = visit.project(owner, name).await?;
    let action = visit.links.project(&project.owner, &project.name);
    let (runs, older) = find(visit, &[&project], false, asked).await?;
    let page = RunsPage {
        frame: visit.live_frame(line(&project.full_name()), Here::Runs, None, ""),
        now: moment(visit.plane.now()),
        heading: Some(Heading {
            owner: line(&project.owner),
            name: line(&project.name),
            git: line(&without_password(&project.git)),
            workflows: workflows(visit, &project, &action).await,
        }),
        filter: filter(asked, &action, Vec::new()),
        runs: runs.iter().map(|run| row(visit, &project, run)).collect(),
        older: older.map(|before| older_href(&action, asked, before)),
        newest: newest_href(&action, asked),
    };
    html(&page)
}

/// The runs that are asked for, and where the next page begins.
async fn find(
    visit: &Visit,
    projects: &[&Project],
    is_all: bool,
    asked: &Pairs,
) -> Result<(Vec<StoredRun>, Option<RunId>), Fault> {
    let state = asked.get("state").and_then(|word| PHASES.into_iter().find(|phase| phase.word() == word));
    let reference = asked
        .get("branch")
        .map(|branch| if branch.starts_with("refs/") { branch.to_owned() } else { format!("refs/heads/{branch}") });
    let wanted = RunFilter {
        reference,
        phases: state.into_iter().collect(),
        before: asked.number("before").map(RunId),
        limit: PAGE + 1,
        ..RunFilter::default()
    };
    // A file's name alone may lie in any of the folders.
    let paths: Vec<Option<String>> = match asked.get("workflow") {
        None => vec![None],
        Some(path) if path.contains('/') => vec![Some(path.to_owned())],
        Some(name) => visit.plane.site.folders.iter().map(|folder| Some(format!("{folder}/{name}"))).collect(),
    };
    let scopes: Vec<_> = if is_all { vec![None] } else { projects.iter().map(|project| Some(project.id)).collect() };
    let mut runs = Vec::new();
    for project in &scopes {
        for workflow in &paths {
            let filter = RunFilter { project: *project, workflow: workflow.clone(), ..wanted.clone() };
            runs.extend(visit.plane.store.runs(&filter).await?);
        }
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.id));
    let more = runs.len() > PAGE as usize;
    runs.truncate(PAGE as usize);
    let older = runs.last().filter(|_| more).map(|run| run.id);
    Ok((runs, older))
}

fn older_href(action: &str, asked: &Pairs, before: RunId) -> String {
    format!("{action}?{}", asked.with("before", Some(&before.to_string())))
}

fn newest_href(action: &str, asked: &Pairs) -> Option<String> {
    asked.get("before").map(|_| format!("{action}?{}", asked.with("before", None)))
}

fn filter(asked: &Pairs, action: &str, projects: Vec<Choice>) -> Filter {
    let text = |name| line(asked.get(name).unwrap_or_default());
    let state = text("state");
    let is_on = ["project", "workflow", "branch", "state"].iter().any(|name| asked.get(name).is_some());
    let states = PHASES.map(|phase| Choice { value: phase.word().to_owned(), chosen: phase.word() == state });
    Filter {
        action: action.to_owned(),
        projects,
        workflow: text("workflow"),
        branch: text("branch"),
        states: states.into(),
        is_on,
    }
}

async fn workflows(visit: &Visit, project: &Project, action: &str) -> Result<Vec<WorkflowRow>, String> {
    let found = tokio::time::timeout(PATIENCE, event::workflows(&visit.plane, project)).await;
    let found = found.map_err(|_| "it does not answer".to_owned())?.map_err(|error| line(&error.to_string()))?;
    let may_start = visit.changes(project);
    let row = |file: event::WorkflowFile| WorkflowRow {
        href: format!("{action}?workflow={}", super::links::part(&file.path)),
        name: if file.name == file.path { super::fill::file(&file.path) } else { line(&file.name) },
        path: line(&file.path),
        triggers: line(&file.triggers.join(", ")),
        disabled: file.state == WorkflowState::Disabled,
        start: (may_start && file.inputs.is_some() && file.state == WorkflowState::Enabled)
            .then(|| visit.links.start(&project.owner, &project.name, &file.path)),
        fault: file.fault.as_deref().map(line),
    };
    Ok(found.into_iter().map(row).collect())
}

fn row(visit: &Visit, project: &Project, run: &StoredRun) -> RunRow {
    let attempt = run.attempt.get();
    RunRow {
        mark: run_mark(run.phase),
        word: run.phase.word(),
        href: visit.links.run(&place(project, run)),
        title: line(&run.title),
        project: None,
        workflow: file(&run.workflow),
        number: run.number,
        attempt: (attempt > 1).then_some(attempt),
        event: line(&run.event),
        reference: reference(&run.reference),
        commit: short(&run.commit),
        actor: line(&run.actor),
        created: moment(run.attempt_created),
        since: run.started.filter(|_| !matches!(run.phase, RunPhase::Finished(_))).map(moment),
        took: took(run.started, run.finished),
        fault: run.fault.as_deref().and_then(|fault| fault.lines().next()).map(line),
    }
}
