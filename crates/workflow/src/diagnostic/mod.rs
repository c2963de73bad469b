//! What is wrong with a file, where, and what would be right. `parse`, `plan` and the linter make them; `lint` and `exec` show them
//! through [`render`].

pub mod code;
mod render;

pub use render::{Colours, render};

use crate::yaml::Span;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file works, but not as its author thinks.
    Warning,
    /// GitHub would refuse the file; so do we.
    Error,
}

/// One finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// A stable code, such as `unknown-key`; listed in `docs/lint.md`.
    pub code: &'static str,
    /// How grave.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What would be right ("did you mean 'runs-on'?"), when known.
    pub help: Option<String>,
    /// Where.
    pub span: Span,
}
