//! The states of graphs, jobs and cells.

use super::scope::{Ancestors, JobScope};
use super::{ConcurrencyGroup, Origin, ReadyJob, SecretsView};
use crate::expr::{Object, Value};
use crate::plan::{Graph, Plan};
use domain::{Conclusion, JobId};
use std::sync::Arc;

/// A graph of the plan, held.
#[derive(Debug, Clone)]
pub(super) enum GraphHandle {
    Root(Arc<Plan>),
    Callee(Arc<Graph>),
}

impl GraphHandle {
    pub(super) const fn origin(&self) -> Origin {
        match self {
            Self::Root(_) => Origin::Event,
            Self::Callee(_) => Origin::Call,
        }
    }
}

impl std::ops::Deref for GraphHandle {
    type Target = Graph;

    fn deref(&self) -> &Graph {
        match self {
            Self::Root(plan) => &plan.root,
            Self::Callee(graph) => graph,
        }
    }
}

/// A cell: which graph, which of its jobs, which configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CellAt {
    pub(super) graph: usize,
    pub(super) job: usize,
    pub(super) cell: usize,
}

/// One use of a workflow within the run.
#[derive(Debug)]
pub(super) struct GraphState {
    pub(super) handle: GraphHandle,
    /// The cell that called it.
    pub(super) caller: Option<CellAt>,
    /// What stands before the ids and names of its jobs: empty, or `call / `.
    pub(super) id_prefix: String,
    pub(super) name_prefix: String,
    /// `github`, `vars` and `inputs`.
    pub(super) scope: JobScope,
    pub(super) secrets: SecretsView,
    pub(super) concurrency: Vec<ConcurrencyGroup>,
    pub(super) course: Course,
    pub(super) jobs: Vec<JobState>,
    /// For each job, those that need it directly.
    pub(super) dependants: Vec<Vec<usize>>,
    /// How many jobs have not ended.
    pub(super) open: usize,
}

/// Whether a graph goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    Going,
    /// What its condition lets go on goes on.
    Cancelled,
    /// Nothing begins any more.
    Ended,
}

impl Course {
    pub(super) const fn is_cancelled(self) -> bool {
        matches!(self, Self::Cancelled | Self::Ended)
    }
}

/// A job of a graph.
#[derive(Debug)]
pub(super) struct JobState {
    pub(super) phase: Phase,
    /// How many direct needs have not ended.
    pub(super) waits_for: usize,
}

#[derive(Debug)]
pub(super) enum Phase {
    Waiting,
    Open(Box<Expansion>),
    Ended(JobEnd),
}

/// How a job ended, and what those after it must know.
#[derive(Debug, Clone)]
pub(super) struct JobEnd {
    pub(super) result: Conclusion,
    pub(super) outputs: Value,
    /// Whether it and all its ancestors succeeded.
    pub(super) all_succeeded: bool,
    /// Whether it or one of its ancestors failed.
    pub(super) any_failed: bool,
}

/// A job whose matrix was expanded.
#[derive(Debug)]
pub(super) struct Expansion {
    pub(super) cells: Vec<Cell>,
    pub(super) fail_fast: FailFast,
    pub(super) max_parallel: usize,
    /// Cells that are ready, running or calling.
    pub(super) active: usize,
    /// Cells that have not ended.
    pub(super) open: usize,
    /// No held cell stands before this index.
    pub(super) next: usize,
    /// Of ended cells: a later non-empty output wins.
    pub(super) outputs: Object,
    pub(super) ancestors: Arc<Ancestors>,
    /// What its `if` saw, for a second look when the run is cancelled.
    pub(super) scope: JobScope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailFast {
    On,
    Off,
    /// It has cancelled the siblings.
    Tripped,
}

/// One configuration of a job.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) id: JobId,
    pub(super) name: String,
    pub(super) tolerance: Tolerance,
    pub(super) state: CellState,
}

/// `continue-on-error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tolerance {
    None,
    Failure,
}

#[derive(Debug)]
pub(super) enum CellState {
    /// It waits for its turn.
    Held(Work),
    /// It was given out; told to end or not.
    Active(Order),
    /// It waits for the end of the graph that it called.
    Calling(usize),
    /// As its dependants see it.
    Ended(Conclusion),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Run,
    Cancel,
}

/// What a cell does when its turn comes.
#[derive(Debug)]
pub(super) enum Work {
    Run(Box<ReadyJob>),
    Call(Box<Call>),
}

/// A call of a reusable workflow, evaluated.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) graph: Arc<Graph>,
    pub(super) scope: JobScope,
    pub(super) secrets: SecretsView,
    pub(super) concurrency: Vec<ConcurrencyGroup>,
}
