//! The run: its graphs, and the queue of what follows from what.

use super::scope::{JobScope, job_entry};
use super::state::{
    CellAt, CellState, Course, FailFast, GraphHandle, GraphState, JobEnd, JobState, Order, Phase, Tolerance, Work,
};
use super::{ConcurrencyGroup, Decision, EndedNeed, RunChange, RunInputs, SecretsView, WantedCell};
use crate::expr::{Object, Value};
use crate::matrix::CellPlace;
use crate::plan::Plan;
use domain::{Conclusion, JobId};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// One run of a plan. See the module's text.
#[derive(Debug)]
pub struct Run {
    pub(super) graphs: Vec<GraphState>,
    pub(super) cells: HashMap<JobId, CellAt>,
    pub(super) decisions: Vec<Decision>,
    /// Which configurations run; empty: all.
    pub(super) wanted: Vec<WantedCell>,
    /// Which configuration the only one of a document is.
    pub(super) place: Option<CellPlace>,
    todo: VecDeque<Todo>,
    conclusion: Option<Conclusion>,
}

/// How many jobs a run may have, configurations and called workflows counted.
pub(super) const MAX_JOBS: usize = 10_000;

/// What is still to be looked at.
#[derive(Debug)]
enum Todo {
    /// All needs of a job have ended.
    Start { graph: usize, job: usize },
    /// A job has ended.
    JobEnded { graph: usize, job: usize },
    /// All jobs of a graph have ended. Comes after the ends of its jobs.
    GraphEnded { graph: usize },
}

/// Where a graph hangs.
pub(super) struct Opening {
    pub(super) handle: GraphHandle,
    pub(super) caller: Option<CellAt>,
    pub(super) id_prefix: String,
    pub(super) name_prefix: String,
    pub(super) scope: JobScope,
    pub(super) secrets: SecretsView,
    pub(super) concurrency: Vec<ConcurrencyGroup>,
    pub(super) course: Course,
}

impl Run {
    /// Starts a run: gives it and its first decisions.
    #[must_use]
    pub fn start(plan: Arc<Plan>, inputs: RunInputs) -> (Self, Vec<Decision>) {
        let RunInputs { github, vars, inputs, cells: wanted, place } = inputs;
        let mut run = Self {
            graphs: Vec::new(),
            cells: HashMap::new(),
            decisions: Vec::new(),
            wanted,
            place,
            todo: VecDeque::new(),
            conclusion: None,
        };
        let inputs = if matches!(inputs, Value::Null) { Value::object(Object::new()) } else { inputs };
        run.open(Opening {
            handle: GraphHandle::Root(plan),
            caller: None,
            id_prefix: String::new(),
            name_prefix: String::new(),
            scope: JobScope { github, vars, inputs, ..JobScope::default() },
            secrets: SecretsView::ALL,
            concurrency: Vec::new(),
            course: Course::Going,
        });
        let decisions = run.settle();
        (run, decisions)
    }

    /// As [`Run::start`], with jobs of the plan's own file that have ended elsewhere: of these nothing is decided.
    #[must_use]
    pub fn start_after(plan: Arc<Plan>, inputs: RunInputs, ended: Vec<EndedNeed>) -> (Self, Vec<Decision>) {
        let names: Vec<String> = ended.iter().map(|need| need.id.clone()).collect();
        let (mut run, mut all) = Self::start(plan, inputs);
        for EndedNeed { id, result, outputs } in ended {
            all.extend(run.apply(RunChange::Ended { job: JobId::new(id), conclusion: result, outputs }));
        }
        all.retain(|decision| !matches!(decision, Decision::Ready(ready) if names.iter().any(|name| name == ready.id.as_str())));
        (run, all)
    }

    /// How a job of the plan's own file ended, once it has; that of all its configurations together.
    #[must_use]
    pub fn root_end(&self, id: &str) -> Option<(Conclusion, BTreeMap<String, String>)> {
        let root = self.graphs.first()?;
        let at = root.handle.workflow.jobs.iter().position(|job| job.id.value == id)?;
        let Phase::Ended(end) = &root.jobs.get(at)?.phase else { return None };
        let Value::Object(outputs) = &end.outputs else { return Some((end.result, BTreeMap::new())) };
        let outputs = outputs.entries().map(|(name, value)| (name.to_string(), value.to_text().into_owned()));
        Some((end.result, outputs.collect()))
    }

    /// Takes in what happened; gives what follows. A change that does not fit (an unknown job, an end that came already) changes
    /// nothing.
    pub fn apply(&mut self, change: RunChange) -> Vec<Decision> {
        match change {
            RunChange::Started { .. } => {}
            RunChange::Ended { job, conclusion, outputs } => self.job_ended(&job, conclusion, outputs),
            RunChange::CancelRequested => {
                if self.conclusion.is_none() {
                    self.cancel_graph(0, "the run was cancelled");
                }
            }
            RunChange::EndRequested => {
                if self.conclusion.is_none() {
                    self.end_all(0, "the run was ended");
                }
            }
            RunChange::GaveWay { job, group } => self.give_way(&job, &group),
        }
        self.settle()
    }

    /// How the run ended, once it has.
    #[must_use]
    pub const fn conclusion(&self) -> Option<Conclusion> {
        self.conclusion
    }

    /// Works off what follows.
    fn settle(&mut self) -> Vec<Decision> {
        while let Some(todo) = self.todo.pop_front() {
            match todo {
                Todo::Start { graph, job } => self.start_job(graph, job),
                Todo::JobEnded { graph, job } => self.after_job(graph, job),
                Todo::GraphEnded { graph } => self.end_graph(graph),
            }
        }
        std::mem::take(&mut self.decisions)
    }

    /// Opens a graph and queues its first jobs.
    pub(super) fn open(&mut self, opening: Opening) -> usize {
        let Opening { handle, caller, id_prefix, name_prefix, scope, secrets, concurrency, course } = opening;
        let graph = self.graphs.len();
        let mut dependants = vec![Vec::new(); handle.jobs.len()];
        let mut jobs = Vec::with_capacity(handle.jobs.len());
        for (job, planned) in handle.jobs.iter().enumerate() {
            for need in &planned.needs {
                dependants[*need].push(job);
            }
            if planned.needs.is_empty() {
                self.todo.push_back(Todo::Start { graph, job });
            }
            jobs.push(JobState { phase: Phase::Waiting, waits_for: planned.needs.len() });
        }
        let open = jobs.len();
        if open == 0 {
            self.todo.push_back(Todo::GraphEnded { graph });
        }
        self.graphs.push(GraphState {
            handle,
            caller,
            id_prefix,
            name_prefix,
            scope,
            secrets,
            concurrency,
            course,
            jobs,
            dependants,
            open,
        });
        graph
    }

    /// Ends a job: those that need it may start.
    pub(super) fn end_job(&mut self, graph: usize, job: usize, result: Conclusion, outputs: Value) {
        let needs = &self.graphs[graph].handle.jobs[job].needs;
        let (mut all_succeeded, mut any_failed) = (result == Conclusion::Success, result == Conclusion::Failure);
        for need in needs {
            if let Phase::Ended(end) = &self.graphs[graph].jobs[*need].phase {
                all_succeeded &= end.all_succeeded;
                any_failed |= end.any_failed;
            }
        }
        let state = &mut self.graphs[graph];
        state.jobs[job].phase = Phase::Ended(JobEnd { result, outputs, all_succeeded, any_failed });
        state.open -= 1;
        let all_ended = state.open == 0;
        self.todo.push_back(Todo::JobEnded { graph, job });
        if all_ended {
            self.todo.push_back(Todo::GraphEnded { graph });
        }
    }

    fn after_job(&mut self, graph: usize, job: usize) {
        for dependant in self.graphs[graph].dependants[job].clone() {
            let waiting = &mut self.graphs[graph].jobs[dependant];
            waiting.waits_for -= 1;
            if waiting.waits_for == 0 {
                self.todo.push_back(Todo::Start { graph, job: dependant });
            }
        }
    }

    /// All jobs of a graph have ended.
    fn end_graph(&mut self, graph: usize) {
        let state = &self.graphs[graph];
        let cancelled = state.course.is_cancelled();
        let conclusion = joined(state.jobs.iter().filter_map(result_of), cancelled);
        match state.caller {
            None => {
                self.conclusion = Some(conclusion);
                self.decisions.push(Decision::Finished { conclusion });
            }
            Some(at) => {
                let (conclusion, outputs) = self.call_outputs(graph, at, conclusion);
                self.leave_groups(graph, at);
                self.end_cell(at, conclusion, outputs);
            }
        }
    }

    /// The groups of a call are free when its last job has ended.
    fn leave_groups(&mut self, graph: usize, at: CellAt) {
        let Some(call) = self.cell_mut(at).map(|cell| cell.id.clone()) else { return };
        if self.graphs[graph].concurrency.iter().any(|group| group.held_by.as_ref() == Some(&call)) {
            self.decisions.push(Decision::CallEnded { call });
        }
    }

    fn job_ended(&mut self, id: &JobId, conclusion: Conclusion, outputs: BTreeMap<String, String>) {
        let Some(at) = self.cells.get(id).copied() else { return };
        let Some(cell) = self.cell_mut(at) else { return };
        if !matches!(cell.state, CellState::Active(_)) {
            return;
        }
        let conclusion = match (cell.tolerance, conclusion) {
            (Tolerance::Failure, Conclusion::Failure) => Conclusion::Success,
            (_, conclusion) => conclusion,
        };
        self.end_cell(at, conclusion, outputs.into_iter().collect());
    }

    pub(super) fn cell_mut(&mut self, at: CellAt) -> Option<&mut super::state::Cell> {
        match &mut self.graphs[at.graph].jobs[at.job].phase {
            Phase::Open(expansion) => expansion.cells.get_mut(at.cell),
            _ => None,
        }
    }

    /// Ends a cell that was ready, running or calling.
    pub(super) fn end_cell(&mut self, at: CellAt, conclusion: Conclusion, outputs: Object) {
        let Phase::Open(expansion) = &mut self.graphs[at.graph].jobs[at.job].phase else { return };
        expansion.cells[at.cell].state = CellState::Ended(conclusion);
        expansion.active -= 1;
        expansion.open -= 1;
        for (key, value) in outputs.entries() {
            // The last configuration to end with something to say wins.
            if value.is_truthy() || !expansion.outputs.contains_key(key) {
                expansion.outputs.insert(Arc::clone(key), value.clone());
            }
        }
        if conclusion == Conclusion::Failure {
            self.trip_fail_fast(at);
        }
        self.advance(at.graph, at.job);
    }

    /// A configuration failed: the others are cancelled, unless `fail-fast` is off.
    pub(super) fn trip_fail_fast(&mut self, at: CellAt) {
        let Phase::Open(expansion) = &mut self.graphs[at.graph].jobs[at.job].phase else { return };
        if expansion.fail_fast == FailFast::On && expansion.open > 0 {
            expansion.fail_fast = FailFast::Tripped;
            let reason = format!("'{}' failed, and fail-fast is on", expansion.cells[at.cell].name);
            for cell in 0..expansion.cells.len() {
                self.cancel_cell(CellAt { cell, ..at }, &reason);
            }
        }
    }

    /// Gives turns to held cells, and ends the job when no cell is open.
    pub(super) fn advance(&mut self, graph: usize, job: usize) {
        while let Some((cell, work)) = self.next_work(graph, job) {
            match work {
                Work::Run(ready) => self.decisions.push(Decision::Ready(ready)),
                Work::Call(call) => self.call(CellAt { graph, job, cell }, *call),
            }
        }
        let Phase::Open(expansion) = &mut self.graphs[graph].jobs[job].phase else { return };
        if expansion.open == 0 {
            let ends = expansion.cells.iter().filter_map(|cell| match cell.state {
                CellState::Ended(conclusion) => Some(conclusion),
                _ => None,
            });
            let result = joined(ends, false);
            let outputs = Value::object(std::mem::take(&mut expansion.outputs));
            self.end_job(graph, job, result, outputs);
        }
    }

    /// The next held cell, when there is room for it.
    fn next_work(&mut self, graph: usize, job: usize) -> Option<(usize, Work)> {
        let Phase::Open(expansion) = &mut self.graphs[graph].jobs[job].phase else { return None };
        if expansion.active >= expansion.max_parallel {
            return None;
        }
        while let Some(cell) = expansion.cells.get_mut(expansion.next) {
            let at = expansion.next;
            expansion.next += 1;
            if let CellState::Held(_) = cell.state
                && let CellState::Held(work) = std::mem::replace(&mut cell.state, CellState::Active(Order::Run))
            {
                expansion.active += 1;
                return Some((at, work));
            }
        }
        None
    }

    /// `needs` of a job: its direct needs.
    pub(super) fn needs_of(&self, graph: usize, job: usize) -> Value {
        let state = &self.graphs[graph];
        let mut needs = Object::new();
        for need in &state.handle.jobs[job].needs {
            if let Phase::Ended(end) = &state.jobs[*need].phase {
                let id = state.handle.workflow.jobs[*need].id.value.as_str();
                needs.insert(id, job_entry(end.result, end.outputs.clone()));
            }
        }
        Value::object(needs)
    }
}

fn result_of(job: &JobState) -> Option<Conclusion> {
    match &job.phase {
        Phase::Ended(end) => Some(end.result),
        _ => None,
    }
}

/// Failure if any failed, else cancelled if any was, else success; all skipped is skipped.
pub(super) fn joined(ends: impl Iterator<Item = Conclusion>, cancelled: bool) -> Conclusion {
    let (mut failure, mut stopped, mut success, mut skipped) = (false, cancelled, false, false);
    for end in ends {
        match end {
            Conclusion::Failure => failure = true,
            Conclusion::Cancelled => stopped = true,
            Conclusion::Success => success = true,
            Conclusion::Skipped => skipped = true,
        }
    }
    match () {
        () if failure => Conclusion::Failure,
        () if stopped => Conclusion::Cancelled,
        () if skipped && !success => Conclusion::Skipped,
        () => Conclusion::Success,
    }
}
