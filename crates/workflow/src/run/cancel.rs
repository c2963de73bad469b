//! Stopping: a run that somebody cancels, and the siblings of a configuration that failed (`execution-semantics` 4.6).

use super::Decision;
use super::machine::Run;
use super::scope::JobScope;
use super::state::{CellAt, CellState, Course, Order, Phase};
use crate::expr::{Object, Value};
use domain::{Conclusion, JobId};
use std::sync::Arc;

impl Run {
    /// Cancels a graph and all that it calls. Jobs whose `if` still holds with `cancelled()` true go on; the others end. Jobs that
    /// wait for their needs are judged when those have ended.
    pub(super) fn cancel_graph(&mut self, graph: usize, reason: &str) {
        if self.graphs[graph].course.is_cancelled() {
            return;
        }
        self.graphs[graph].course = Course::Cancelled;
        for job in 0..self.graphs[graph].jobs.len() {
            let goes_on = self.goes_on(graph, job);
            let Phase::Open(expansion) = &self.graphs[graph].jobs[job].phase else { continue };
            for cell in 0..expansion.cells.len() {
                let at = CellAt { graph, job, cell };
                match self.cell_mut(at).map(|cell| &cell.state) {
                    Some(CellState::Calling(callee)) => {
                        let callee = *callee;
                        self.cancel_graph(callee, reason);
                    }
                    Some(_) if !goes_on => self.cancel_cell(at, reason),
                    _ => {}
                }
            }
            self.advance_open(graph, job);
        }
    }

    /// Ends a graph and all that it calls, whatever conditions say: what was not given out at once, the rest by its driver.
    pub(super) fn end_all(&mut self, graph: usize, reason: &str) {
        if self.graphs[graph].course == Course::Ended {
            return;
        }
        self.graphs[graph].course = Course::Ended;
        let workflow = Arc::clone(&self.graphs[graph].handle.workflow);
        for (job, file) in workflow.jobs.iter().enumerate() {
            match &self.graphs[graph].jobs[job].phase {
                Phase::Ended(_) => {}
                Phase::Waiting => {
                    let (id, name) = self.unexpanded(graph, file);
                    self.decisions.push(Decision::Cancelled { job: id, name, reason: reason.to_owned() });
                    self.end_job(graph, job, Conclusion::Cancelled, Value::object(Object::new()));
                }
                Phase::Open(expansion) => {
                    for cell in 0..expansion.cells.len() {
                        let at = CellAt { graph, job, cell };
                        match self.cell_mut(at).map(|cell| &cell.state) {
                            Some(CellState::Calling(callee)) => {
                                let callee = *callee;
                                self.end_all(callee, reason);
                            }
                            _ => self.cancel_cell(at, reason),
                        }
                    }
                    self.advance_open(graph, job);
                }
            }
        }
    }

    /// A call around a job gave way in its group.
    pub(super) fn give_way(&mut self, job: &JobId, group: &str) {
        let Some(at) = self.cells.get(job).copied() else { return };
        let held =
            self.graphs[at.graph].concurrency.iter().find(|held| held.group.to_lowercase() == group.to_lowercase());
        // None: the group is the job's own, and nothing but the job ends.
        let Some(call) = held.and_then(|held| held.held_by.as_ref()).and_then(|call| self.cells.get(call)).copied()
        else {
            return;
        };
        if let Some(CellState::Calling(callee)) = self.cell_mut(call).map(|cell| &cell.state) {
            let callee = *callee;
            self.end_all(callee, &format!("a newer one of the concurrency group {group} came"));
        }
    }

    /// Whether the `if` of an expanded job holds although it was cancelled.
    fn goes_on(&self, graph: usize, job: usize) -> bool {
        let state = &self.graphs[graph];
        let Phase::Open(expansion) = &state.jobs[job].phase else { return false };
        let Some(file) = state.handle.workflow.jobs.get(job) else { return false };
        let mut ancestors = expansion.ancestors.as_ref().clone();
        ancestors.cancelled = true;
        let scope = JobScope { ancestors: Arc::new(ancestors), ..expansion.scope.clone() };
        file.condition.evaluate_condition(&scope).unwrap_or(false)
    }

    /// Ends a cell: at once when it was held, by its driver when it was given out, with its graph when it calls one.
    pub(super) fn cancel_cell(&mut self, at: CellAt, reason: &str) {
        let Phase::Open(expansion) = &mut self.graphs[at.graph].jobs[at.job].phase else { return };
        let Some(cell) = expansion.cells.get_mut(at.cell) else { return };
        match cell.state {
            CellState::Held(_) => {
                cell.state = CellState::Ended(Conclusion::Cancelled);
                expansion.open -= 1;
                let (job, name) = (cell.id.clone(), cell.name.clone());
                self.decisions.push(Decision::Cancelled { job, name, reason: reason.to_owned() });
            }
            CellState::Active(Order::Run) => {
                cell.state = CellState::Active(Order::Cancel);
                let job = cell.id.clone();
                self.decisions.push(Decision::Cancel { job, reason: reason.to_owned() });
            }
            CellState::Calling(callee) => self.cancel_graph(callee, reason),
            CellState::Active(Order::Cancel) | CellState::Ended(_) => {}
        }
    }

    fn advance_open(&mut self, graph: usize, job: usize) {
        if matches!(self.graphs[graph].jobs[job].phase, Phase::Open(_)) {
            self.advance(graph, job);
        }
    }
}
