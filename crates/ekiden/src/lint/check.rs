//! Checks files, several at once: each stands alone, and reading and parsing are most of the time.

use super::Target;
use crate::planning::{plan_with, read_local, read_text};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use workflow::diagnostic::{Diagnostic, Severity, code};
use workflow::model::{JobKind, Workflow};
use workflow::plan::{FileReference, Files, PlanOutcome};
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
    /// Its text; empty when it could not be read.
    pub(crate) text: Arc<str>,
    /// What was found, in the order of the file.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Checks all targets; the results are in their order.
pub(crate) fn check(targets: &[Target]) -> Vec<Checked> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(target) = targets.get(index) else { return done };
            done.push((index, one(target)));
        }
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = processors.min(targets.len().div_ceil(FILES_A_THREAD)).max(1);
    let mut done: Vec<(usize, Checked)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
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

fn one(target: &Target) -> Checked {
    let file = target.file();
    let text = match read_text(&file) {
        Ok(text) => text,
        Err(why) => return Checked { file, text: "".into(), diagnostics: vec![unreadable(&why)] },
    };
    let diagnostics = match target {
        Target::Action(_) => workflow::parse::action(FileId::default(), &text).diagnostics,
        Target::Loose(path) => workflow(&path.to_string_lossy(), &text, &mut |_| Err(NOT_LOOKED_FOR.to_owned())),
        Target::Workflow { root, path } => workflow(path, &text, &mut |reference| match reference {
            FileReference::Local(path) => read_local(root, path),
            FileReference::Remote(_) => Err(NOT_LOOKED_FOR.to_owned()),
        }),
    };
    Checked { file, text, diagnostics }
}

fn workflow(
    path: &str,
    text: &Arc<str>,
    get: &mut dyn FnMut(&FileReference) -> Result<Arc<str>, String>,
) -> Vec<Diagnostic> {
    let mut files = Files::new();
    let own = files.insert(FileReference::Local(path.to_owned()), Arc::clone(text));
    let parsed = workflow::parse::linted_workflow(own, path, text);
    let mut found = parsed.diagnostics;
    // Only calls can be wrong beyond what one file shows.
    let calls = |workflow: &Workflow| workflow.jobs.iter().any(|job| matches!(job.kind, JobKind::Reusable(_)));
    if parsed.value.as_ref().is_some_and(calls) {
        let planned = match plan_with(&mut files, path, get) {
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
