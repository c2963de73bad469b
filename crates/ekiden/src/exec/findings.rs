//! Findings of invalid workflows, as `exec` shows them before it refuses to run.

use crate::failure::Failure;
use crate::style::Palette;
use workflow::diagnostic::{Colours, Diagnostic, Severity, render};
use workflow::plan::{FileReference, Files, Plan};

/// The failure that an invalid workflow becomes: every error with its place and the line it is about.
pub(crate) fn refuse(path: &str, files: &Files, diagnostics: &[Diagnostic]) -> Failure {
    let errors: Vec<&Diagnostic> = diagnostics.iter().filter(|finding| finding.severity == Severity::Error).collect();
    let shown: Vec<String> = errors.iter().map(|finding| show(finding, path, files)).collect();
    let plural = if errors.len() == 1 { "" } else { "s" };
    Failure::invalid(format!("{path} is invalid: {} error{plural}\n\n{}\n", errors.len(), shown.join("\n\n")))
        .fix(format!("ekiden lint {path}"))
}

/// One finding.
pub(crate) fn show(finding: &Diagnostic, path: &str, files: &Files) -> String {
    let colours = match Palette::stderr() {
        Palette::Colored => Colours::Ansi,
        Palette::Plain => Colours::None,
    };
    match files.get(finding.span.file) {
        Some(file) => render(finding, &named(&file.reference), file.text.as_deref().unwrap_or_default(), colours),
        None => format!("{path}: {}", finding.message),
    }
}

/// One finding in one line, for what does not stop a run.
pub(crate) fn line(finding: &Diagnostic, plan: &Plan) -> String {
    let file = plan.files.get(finding.span.file);
    let name = file.map_or_else(|| plan.root.workflow.path.clone(), |file| named(&file.reference));
    format!("{name}:{}:{}: {}", finding.span.line, finding.span.column, finding.message)
}

fn named(reference: &FileReference) -> String {
    match reference {
        FileReference::Local(path) => path.clone(),
        remote @ FileReference::Remote(_) => remote.to_string(),
    }
}
