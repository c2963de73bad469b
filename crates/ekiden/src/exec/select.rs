//! Which workflows run: those that `-W` names, or those that the event starts. What does not run is told, with its reason.

use super::event::{Occasion, is_pull_request};
use super::facts::Facts;
use super::findings::refuse;
use super::session::{WorkflowFile, get_file};
use crate::failure::Failure;
use crate::planning::plan_with;
use crate::style::note;
use source::text::read_local;
use source::{CommitId, Store, Uncommitted};
use std::collections::BTreeSet;
use std::sync::Arc;
use workflow::diagnostic::{Diagnostic, Severity};
use workflow::event::{Event, Match, starts};
use workflow::model::{TriggerKind, Workflow};
use workflow::plan::{FileReference, Files, Parses, Plan, PlanOutcome};

/// A file of the repository that was parsed.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// The file.
    pub(crate) file: WorkflowFile,
    files: Files,
    parses: Parses,
    /// What it says.
    pub(crate) workflow: Arc<Workflow>,
}

/// Reads and parses all files. Every error of every file is reported at once.
pub(crate) fn parse(files: Vec<WorkflowFile>) -> Result<Vec<Candidate>, Failure> {
    let mut good = Vec::new();
    let mut bad: Option<Failure> = None;
    for file in files {
        let text = match read_local(&file.root, &file.path) {
            Ok(text) => text,
            Err(why) => {
                join(&mut bad, Failure::invalid(format!("could not read {}: {why}", file.path)));
                continue;
            }
        };
        let (mut files, mut parses) = (Files::new(), Parses::default());
        let reference = FileReference::Local(file.path.clone());
        files.insert(reference.clone(), text);
        // The file was just given.
        let Some(parsed) = parses.parse(&files, &reference) else { continue };
        match parsed.value {
            Some(workflow) if !has_errors(&parsed.diagnostics) => {
                good.push(Candidate { file, files, parses, workflow });
            }
            _ => join(&mut bad, refuse(&file.path, &files, &parsed.diagnostics)),
        }
    }
    bad.map_or(Ok(good), Err)
}

fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|finding| finding.severity == Severity::Error)
}

/// Several invalid files make one failure.
fn join(all: &mut Option<Failure>, next: Failure) {
    match all {
        None => *all = Some(next),
        Some(all) => {
            all.what.push_str("\n\n");
            all.what.push_str(&next.what);
            all.facts.extend(next.facts);
            all.fixes.extend(next.fixes);
        }
    }
}

/// Plans candidates, with the workflows that they call.
pub(crate) fn plan(
    candidates: Vec<Candidate>,
    store: &dyn Fn() -> Result<Arc<Store>, Failure>,
) -> Result<Vec<Plan>, Failure> {
    let mut plans = Vec::new();
    let mut bad: Option<Failure> = None;
    for candidate in candidates {
        let Candidate { file: WorkflowFile { root, path }, mut files, mut parses, .. } = candidate;
        let (root, path) = (&root, &path);
        match plan_with(&mut files, &mut parses, path, &mut |reference| get_file(root, store, reference)) {
            PlanOutcome::Ready(plan) => plans.push(*plan),
            PlanOutcome::Invalid(diagnostics) => join(&mut bad, refuse(path, &files, &diagnostics)),
            // Every file that it asks for is given or said to be missing.
            PlanOutcome::NeedsFiles(wanted) => {
                let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
                join(&mut bad, Failure::platform(format!("{path} asks again and again for {}", wanted.join(", "))));
            }
        }
    }
    bad.map_or(Ok(plans), Err)
}

/// The parts of the plans that `--job` picks; plans that have none of the jobs fall away.
pub(crate) fn pick(plans: Vec<Plan>, ids: &[String]) -> Result<Vec<Plan>, Failure> {
    if ids.is_empty() {
        return Ok(plans);
    }
    let known: Vec<String> =
        plans.iter().flat_map(|plan| plan.root.workflow.jobs.iter().map(|job| job.id.value.clone())).collect();
    for id in ids {
        if !known.iter().any(|known| known.eq_ignore_ascii_case(id)) {
            let failure = Failure::not_found(format!("there is no job '{id}'"))
                .fact(format!("the workflows that would run have: {}", known.join(", ")));
            return Err(match crate::text::nearest(id, known.iter().map(String::as_str)) {
                Some(meant) => failure.fix(format!("ekiden exec -j {meant}")),
                None => failure.fix("ekiden exec --list"),
            });
        }
    }
    let mut picked = Vec::new();
    for plan in plans {
        let has = |id: &String| plan.root.workflow.jobs.iter().any(|job| job.id.eq_ignore_ascii_case(id));
        let of_this: Vec<String> = ids.iter().filter(|id| has(id)).cloned().collect();
        if !of_this.is_empty() {
            picked.push(plan.pick(&of_this).map_err(|error| Failure::not_found(error.to_string()))?);
        }
    }
    Ok(picked)
}

/// The event when none is named: `push`, or what a workflow that was named can be started by.
pub(crate) fn usual_event(candidates: &[Candidate], named: bool) -> String {
    if !named {
        return "push".to_owned();
    }
    let events: Vec<&str> = candidates
        .iter()
        .flat_map(|candidate| candidate.workflow.on.iter().map(|trigger| trigger.event.value.as_str()))
        .filter(|event| *event != "workflow_call")
        .collect();
    match events.as_slice() {
        [] => "push".to_owned(),
        events if events.contains(&"push") => "push".to_owned(),
        [first, ..] => (*first).to_owned(),
    }
}

/// The candidates that the event starts. Those that a filter holds back are named; when nothing is left, that is the failure.
pub(crate) fn started(
    candidates: Vec<Candidate>,
    occasion: &Occasion,
    facts: &Facts,
) -> Result<Vec<Candidate>, Failure> {
    let event = Event {
        name: occasion.name.clone(),
        payload: occasion.payload.clone(),
        reference: occasion.reference.clone(),
        changed_files: if candidates.iter().any(|candidate| looks_at_paths(&candidate.workflow, &occasion.name)) {
            changed_files(occasion, facts)?
        } else {
            None
        },
        head_message: None,
    };
    let (mut good, mut held, mut events) = (Vec::new(), Vec::new(), BTreeSet::new());
    for candidate in candidates {
        events.extend(candidate.workflow.on.iter().map(|trigger| trigger.event.value.clone()));
        match starts(&candidate.workflow, &event) {
            Match::Starts => good.push(candidate),
            Match::OtherEvent => {}
            Match::HeldBack { filter, why } => {
                held.push(format!("{} is held back by its filter '{filter}': {why}", candidate.file.path));
            }
            Match::Wrong { filter, why } => {
                held.push(format!("the filter '{filter}' of {} cannot be used: {why}", candidate.file.path));
            }
        }
    }
    if !good.is_empty() {
        held.iter().for_each(note);
        return Ok(good);
    }
    let events: Vec<String> = events.into_iter().collect();
    let mut failure = Failure::not_found(format!("nothing to run: no workflow is started by {}", occasion.name));
    failure.facts = held;
    failure = failure.fact(format!("events that start something here: {}", events.join(", ")));
    let others = || events.iter().map(String::as_str).filter(|event| *event != occasion.name);
    let meant = crate::text::nearest(&occasion.name, others());
    Err(match meant.or_else(|| others().find(|event| *event != "workflow_call")) {
        Some(event) => failure.fix(format!("ekiden exec {event}, or ekiden exec -W FILE whatever its filters")),
        None => failure.fix("ekiden exec -W FILE runs a file whatever its filters"),
    })
}

fn looks_at_paths(workflow: &Workflow, event: &str) -> bool {
    workflow.on.iter().any(|trigger| {
        trigger.event.value == event && matches!(&trigger.kind, TriggerKind::Event { paths: Some(_), .. })
    })
}

/// What changed, for `paths` filters; `None` when that cannot be known, and then the workflow runs.
fn changed_files(occasion: &Occasion, facts: &Facts) -> Result<Option<Vec<String>>, Failure> {
    let commit = |pointer: &str| {
        let text = occasion.payload.pointer(pointer)?.as_str()?;
        CommitId::parse(text).ok().filter(|_| !text.bytes().all(|byte| byte == b'0'))
    };
    let failed =
        |error: source::ChangesError| Failure::platform("could not find out which files changed").cause(&error);
    let (base, head) = if is_pull_request(&occasion.name) {
        let (Some(base), Some(head)) = (commit("/pull_request/base/sha"), commit("/pull_request/head/sha")) else {
            return Ok(None);
        };
        (facts.repository.merge_base(&base, &head).map_err(failed)?, head)
    } else {
        let Some(head) = commit("/after") else { return Ok(None) };
        (commit("/before"), head)
    };
    facts.repository.changed_files(base.as_ref(), &head, Uncommitted::Count).map_err(failed)
}
