//! A workflow file.

use super::{Concurrency, Defaults, Job, Permissions, Trigger};
use crate::template::Template;
use crate::yaml::{FileId, Span, Spanned};

/// One workflow file that was found to be valid.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// Which file.
    pub file: FileId,
    /// Its path in the repository, such as `.github/workflows/ci.yml`.
    pub path: String,
    /// `name`; absent means the path.
    pub name: Option<Spanned<String>>,
    /// `run-name`.
    pub run_name: Option<Template>,
    /// `on`, in the order of the file.
    pub on: Vec<Trigger>,
    /// Where the value of `on` stands.
    pub on_span: Span,
    /// `permissions`.
    pub permissions: Option<Permissions>,
    /// `env`: a mapping, or an expression that gives one.
    pub env: Option<Template>,
    /// `defaults.run`.
    pub defaults: Defaults,
    /// `concurrency`.
    pub concurrency: Option<Concurrency>,
    /// `jobs`, in the order of the file.
    pub jobs: Vec<Job>,
}
