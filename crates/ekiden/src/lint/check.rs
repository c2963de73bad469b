//! Checks files, two threads' worth at once: reading and parsing are most of the time, and each file stands alone.

use super::Target;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use workflow::diagnostic::Diagnostic;
use workflow::plan::{FileReference, Files};
use workflow::yaml::FileId;

/// Larger files are refused before they are read.
const MOST_BYTES: u64 = 16 << 20;

/// A finding with the file it stands in: its own, or a reusable workflow that it calls.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    /// The file, as the user names it.
    pub(crate) file: PathBuf,
    /// Its text; empty when it could not be read.
    pub(crate) text: std::sync::Arc<str>,
    /// What was found in it, in the order of the file.
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
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(targets.len() / 8 + 1).min(8);
    let mut done: Vec<(usize, Checked)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            // A thread that panicked has printed why; its files are missing from the result.
            done.extend(other.join().unwrap_or_default());
        }
        done
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, checked)| checked).collect()
}

fn one(target: &Target) -> Checked {
    let file = target.file();
    let text = match read(&file) {
        Ok(text) => text,
        Err(problem) => {
            let finding = unreadable(problem);
            return Checked { file, text: "".into(), diagnostics: vec![finding] };
        }
    };
    let text: std::sync::Arc<str> = text.into();
    let diagnostics = match target {
        Target::Action(_) => workflow::lint::action(&file.to_string_lossy(), &text),
        Target::Loose(_) => workflow::lint::workflow(&file.to_string_lossy(), &text, &|_| workflow::lint::Callee::Unknown),
        Target::Workflow { root, path } => {
            workflow::lint::workflow(path, &text, &|reference: &FileReference| callee(root, reference))
        }
    };
    Checked { file, text, diagnostics }
}
