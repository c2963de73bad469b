//! Checks files, several at once: each stands alone, and reading and parsing are most of the time.

use super::Target;
use super::spread::Spread;
use crate::planning::plan_with;
use crate::workflows::MANIFESTS;
use source::text::{read_local, read_text};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use workflow::diagnostic::{Colours, Diagnostic, Severity, code, render};
use workflow::model::{Action, JobKind, Workflow};
use workflow::parse::LocalActions;
use workflow::plan::{FileReference, Files, Parses, PlanOutcome};
use workflow::yaml::{FileId, Span};

/// What stands for a file that nobody looked for: findings about its absence are left out.
const NOT_LOOKED_FOR: &str = "not looked for";
/// Below this many files a second thread costs more than it brings.
const FILES_A_THREAD: usize = 8;

/// A file and what was found in it.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    /// The file, as the user names it.
    pub(crate) file: PathBuf,
    /// What was found, in the order of the file.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The same with excerpts of the file, each followed by an empty line; empty when nobody asked for it.
    pub(crate) shown: String,
}

/// Whether findings are to be shown with excerpts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Excerpts {
    /// No: somebody else makes something of them.
    None,
    /// Yes.
    Shown(Colours),
}

/// Checks all targets; the results are in their order.
pub(crate) fn check(targets: &[Target], excerpts: Excerpts) -> Vec<Checked> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(target) = targets.get(index) else { return done };
            done.push((index, one(target, excerpts)));
        }
    };
    let wanted = targets.len().div_ceil(FILES_A_THREAD);
    let mut spread = if wanted > 1 { Spread::new() } else { None };
    let threads = spread.as_ref().map_or(1, Spread::processors).min(wanted).max(1);
    let mut done: Vec<(usize, Checked)> = std::thread::scope(|scope| {
        let start = |_| match &mut spread {
            Some(spread) => spread.start(|| scope.spawn(work)),
            None => scope.spawn(work),
        };
        let others: Vec<_> = (1..threads).map(start).collect();
        // From here on the threads find their places themselves.
        drop(spread);
        let mut done = work();
        for other in others {
            match other.join() {
                Ok(part) => done.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, checked)| checked).collect()
}

fn one(target: &Target, excerpts: Excerpts) -> Checked {
    let file = target.file();
    let (text, diagnostics) = match read_text(&file) {
        Ok(text) => {
            let found = findings(target, &text);
            (text, found)
        }
        Err(why) => ("".into(), vec![unreadable(&why)]),
    };
    let mut shown = String::new();
    if let Excerpts::Shown(colours) = excerpts {
        let path = file.to_string_lossy();
        for finding in &diagnostics {
            shown.push_str(&render(finding, &path, &text, colours));
            shown.push_str("\n\n");
        }
    }
    Checked { file, diagnostics, shown }
}

fn findings(target: &Target, text: &Arc<str>) -> Vec<Diagnostic> {
    match target {
        Target::Action(_) => workflow::parse::action(FileId::default(), text).diagnostics,
        Target::Loose(path) => {
            workflow(&path.to_string_lossy(), text, &|_| None, &mut |_| Err(NOT_LOOKED_FOR.to_owned()))
        }
        Target::Workflow { root, path } => {
            workflow(path, text, &|uses| manifest(root, uses), &mut |reference| match reference {
                FileReference::Local(path) => read_local(root, path),
                FileReference::Remote(_) => Err(NOT_LOOKED_FOR.to_owned()),
            })
        }
    }
}

/// The manifest of an action of the repository. One that is not there may be brought by a step.
fn manifest(root: &Path, uses: &str) -> Option<Action> {
    let text = MANIFESTS.iter().find_map(|name| read_local(root, &format!("{uses}/{name}")).ok())?;
    workflow::parse::action(FileId::default(), &text).value
}

fn workflow(
    path: &str,
    text: &Arc<str>,
    local: &LocalActions<'_>,
    get: &mut dyn FnMut(&FileReference) -> Result<Arc<str>, String>,
) -> Vec<Diagnostic> {
    let own = FileId::default();
    let parsed = workflow::parse::linted_workflow(own, path, text, local);
    let mut found = parsed.diagnostics;
    // Only calls can be wrong beyond what one file shows.
    let calls = |workflow: &Workflow| workflow.jobs.iter().any(|job| matches!(job.kind, JobKind::Reusable(_)));
    if parsed.value.as_ref().is_some_and(calls) {
        let mut files = Files::new();
        files.insert(FileReference::Local(path.to_owned()), Arc::clone(text));
        let planned = match plan_with(&mut files, &mut Parses::default(), path, get) {
            PlanOutcome::Ready(plan) => plan.warnings,
            PlanOutcome::Invalid(diagnostics) => diagnostics,
            PlanOutcome::NeedsFiles(_) => Vec::new(),
        };
        // What is wrong in a called file is reported where that file is checked.
        let here = planned.into_iter().filter(|finding| {
            // The form of a reference is the parser's to judge; it lets expressions be.
            finding.span.file == own
                && finding.code != code::BAD_USES
                && !(finding.code == code::MISSING_FILE && finding.message.contains(NOT_LOOKED_FOR))
        });
        for finding in here {
            if !found.contains(&finding) {
                found.push(finding);
            }
        }
        found.sort_by_key(|finding| finding.span.start);
    }
    found
}

fn unreadable(why: &str) -> Diagnostic {
    Diagnostic {
        code: "unreadable",
        severity: Severity::Error,
        message: format!("the file cannot be read: {why}"),
        help: None,
        span: Span { line: 1, column: 1, ..Span::default() },
    }
}
