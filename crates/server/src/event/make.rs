//! One run of one workflow: planned, its first jobs decided, written, told to the dispatcher.

use super::files::{Planned, planned};
use super::{EventError, Occasion};
use crate::plane::Plane;
use crate::run::{self, GroupFacts, RunFacts, StoredFile};
use crate::task;
use source::CommitId;
use std::sync::Arc;
use store::{NewRun, Project, RunCause, StoredRun};
use workflow::diagnostic::{Diagnostic, Severity};
use workflow::expr::Value;
use workflow::plan::{Files, Parses, Plan, PlanOutcome};
use workflow::run::{run_name, workflow_concurrency};

/// More faults than this are not told one by one.
const FAULTS: usize = 20;
/// So many characters of a run's title are kept, as with Gitea.
const TITLE: usize = 255;

/// A workflow file that an occasion starts.
#[derive(Debug)]
pub(super) struct Started {
    /// Its path.
    pub(super) path: String,
    /// Its text, with what was parsed of it; or why there is none.
    pub(super) files: Result<(Files, Parses), String>,
    /// The `inputs` context.
    pub(super) inputs: Value,
    /// What is done with its run.
    pub(super) cause: RunCause,
}

/// Makes the run. A workflow that cannot be used makes one that has failed.
pub(super) async fn make(
    plane: &Plane,
    project: &Project,
    occasion: &Occasion,
    commit: &CommitId,
    started: Started,
) -> Result<StoredRun, EventError> {
    let Started { path, files, inputs, cause } = started;
    let reserved = plane.store.reserve_run(project.id).await?;
    let planned = match files {
        Ok(files) => Ok(planned(plane, project, commit, &path, files).await?),
        Err(why) => Err(why),
    };
    let name = match &planned {
        Ok(Planned { outcome: PlanOutcome::Ready(plan), .. }) => plan.root.workflow.name.as_ref(),
        _ => None,
    };
    let name = name.map_or_else(|| path.clone(), |name| name.value.clone());
    let vars = task::variables(plane, project.id).await?;
    let mut facts = RunFacts {
        files: Vec::new(),
        root: path.clone(),
        github: occasion.github(&plane.site, project, (&name, &path), reserved),
        vars: serde_json::to_value(vars).unwrap_or_default(),
        inputs: inputs.to_json(),
        group: None,
    };
    let now = plane.now();
    let mut title = occasion.subject.clone();
    let first = match planned {
        Err(why) => Err(format!("{path}: {why}")),
        Ok(Planned { files, outcome }) => {
            facts.files = files.iter().map(|(_, file)| StoredFile::of(file)).collect();
            match outcome {
                PlanOutcome::Ready(plan) => {
                    begin(*plan, &mut facts, &mut title).map(|plan| run::first(plan, &facts, now))
                }
                PlanOutcome::Invalid(found) => Err(faults(&files, &found)),
                PlanOutcome::NeedsFiles(_) => Err(format!("{path}: a file that it calls cannot be had")),
            }
        }
    };
    let (jobs, live) = match first {
        Ok(first) => (Ok(first.jobs), Some(first.live)),
        Err(fault) => (Err(fault), None),
    };
    let new = NewRun {
        project: project.id,
        workflow: path,
        title: cut(if title.is_empty() { name } else { title }),
        event: occasion.event.clone(),
        reference: occasion.reference.clone(),
        commit: occasion.commit.clone(),
        actor: occasion.actor.clone(),
        facts: serde_json::to_value(&facts).unwrap_or_default(),
        jobs,
    };
    let (stored, numbers) = plane.store.create_reserved_run(reserved, &new, &cause, now).await?;
    plane.counts.run(&new.event);
    new.jobs.iter().flatten().for_each(|job| plane.counts.made(&job.phase));
    if let Some(live) = live {
        plane.runs.keep(&stored, live);
    }
    if !numbers.is_empty() {
        let jobs = plane.store.jobs(stored.id, stored.attempt).await?;
        plane.queue.jobs(jobs.into_iter().filter(|job| job.phase.end().is_none()).collect());
    }
    Ok(stored)
}

/// A title is one line of a list: what a commit or a `run-name` has beyond that is left out.
fn cut(title: String) -> String {
    match title.char_indices().nth(TITLE) {
        None => title,
        Some(_) => title.chars().take(TITLE - 1).chain(['…']).collect(),
    }
}

/// What of the plan is asked before its machine starts: the run's name and its group.
fn begin(plan: Plan, facts: &mut RunFacts, title: &mut String) -> Result<Arc<Plan>, String> {
    let inputs = facts.inputs();
    if let Some(name) = run_name(&plan, &inputs)? {
        *title = name;
    }
    facts.group = workflow_concurrency(&plan, &inputs)?.map(|group| GroupFacts::of(&group, None));
    Ok(Arc::new(plan))
}

/// The errors of files, each with its place and what helps.
fn faults(files: &Files, found: &[Diagnostic]) -> String {
    let errors = found.iter().filter(|found| found.severity == Severity::Error);
    let line = |found: &Diagnostic| {
        let file = files.get(found.span.file).map(|file| file.reference.to_string()).unwrap_or_default();
        let help = found.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{file}:{}:{}: {}{help}", found.span.line, found.span.column, found.message)
    };
    let mut lines: Vec<String> = errors.map(line).collect();
    let more = lines.len().saturating_sub(FAULTS);
    lines.truncate(FAULTS);
    if more > 0 {
        lines.push(format!("and {more} more; `ekiden lint` shows all"));
    }
    lines.join("\n")
}
