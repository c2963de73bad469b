//! What planning gives.

use super::{FileReference, Files};
use crate::diagnostic::Diagnostic;
use crate::model::{Permissions, Workflow};
use std::sync::Arc;

/// A workflow and the reusable workflows it calls, resolved and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The files; spans of the plan name them.
    pub files: Files,
    /// The workflow that was asked for.
    pub root: Graph,
    /// Findings that do not stop it: warnings.
    pub warnings: Vec<Diagnostic>,
}

/// One use of a workflow: the root, or a call of a reusable one.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// The workflow; shared by all its uses.
    pub workflow: Arc<Workflow>,
    /// What planning found out about each entry of `workflow.jobs`, at the same index.
    pub jobs: Vec<PlannedJob>,
}

/// What planning found out about one job.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedJob {
    /// Direct needs: indices into the jobs of the same graph.
    pub needs: Vec<usize>,
    /// All jobs that must end before this one, direct or not: indices, ascending.
    pub ancestors: Vec<usize>,
    /// What the file asks for after workflow and job are joined and callers have bounded it; absent: the repository's default.
    pub permissions: Option<Permissions>,
    /// The reusable workflow it calls; absent for a job with steps.
    pub callee: Option<Arc<Graph>>,
}

/// What planning came to.
#[derive(Debug, Clone, PartialEq)]
pub enum PlanOutcome {
    /// It can run.
    Ready(Box<Plan>),
    /// These files are called and were not given: add each to the [`Files`] (or say that it cannot be had) and plan again.
    NeedsFiles(Vec<FileReference>),
    /// The files are at fault; at least one diagnostic is an error. Their spans name files of the [`Files`] given.
    Invalid(Vec<Diagnostic>),
}
