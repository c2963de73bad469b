//! A workflow file.

use super::entries::{Entries, text};
use super::permissions::permissions;
use super::schema::WORKFLOW;
use super::{Parsed, Reading, concurrency, job, trigger};
use crate::diagnostic::code;
use crate::lint::{self, LocalActions};
use crate::model::Workflow;
use crate::template::Template;
use crate::yaml::{Anchor, FileId, Limits};

/// Parses a workflow file within the reference's budgets. `path` is what the model calls the file.
#[must_use]
pub fn workflow(file: FileId, path: &str, source: &str) -> Parsed<Workflow> {
    workflow_within(file, path, source, &Limits::default()).0
}

/// Parses a workflow file within budgets; also says how many bytes it counts for against the budget of a run.
pub(crate) fn workflow_within(file: FileId, path: &str, source: &str, limits: &Limits) -> (Parsed<Workflow>, usize) {
    workflow_seen(file, path, source, limits, |_, _| {})
}

/// As [`workflow`], with the warnings of the linter among the findings; they are there for a file with faults too. `local` gives
/// what is known of the actions of its repository.
#[must_use]
pub fn linted_workflow(file: FileId, path: &str, source: &str, local: &LocalActions<'_>) -> Parsed<Workflow> {
    let mut warnings = Vec::new();
    let (mut parsed, _) = workflow_seen(file, path, source, &Limits::default(), |root, unused| {
        warnings = lint::warnings(source, root, unused, local);
    });
    // What is refused at a place need not be warned of there.
    warnings.retain(|warning| parsed.diagnostics.iter().all(|fault| fault.span != warning.span));
    parsed.diagnostics.extend(warnings);
    parsed.diagnostics.sort_by_key(|finding| finding.span.start);
    parsed
}

fn workflow_seen(
    file: FileId,
    path: &str,
    source: &str,
    limits: &Limits,
    look: impl FnOnce(&Template, &[Anchor]),
) -> (Parsed<Workflow>, usize) {
    super::document(file, source, limits, &WORKFLOW, look, |root, reading| model(file, path, root, reading))
}

/// The model of a tree that has the shape.
pub(super) fn model(file: FileId, path: &str, root: Template, reading: &mut Reading<'_>) -> Workflow {
    let span = root.span;
    let mut entries = Entries::of(root);
    let on = entries.take("on");
    if on.is_none() {
        let message = "No event starts this workflow: 'on' is missing";
        reading.findings.check(code::MISSING_KEY, span, message);
    }
    Workflow {
        file,
        path: path.to_owned(),
        name: entries.get("name").and_then(text),
        run_name: entries.take("run-name"),
        on_span: on.as_ref().map_or(span, |on| on.span),
        on: on.map(|on| trigger::triggers(on, reading)).unwrap_or_default(),
        permissions: entries.take("permissions").and_then(permissions),
        env: entries.take("env"),
        defaults: entries.take("defaults").map(concurrency::defaults).unwrap_or_default(),
        concurrency: entries.take("concurrency").and_then(|group| concurrency::concurrency(group, reading.findings)),
        jobs: entries.take("jobs").map(|jobs| job::jobs(jobs, reading)).unwrap_or_default(),
    }
}
