//! What a runner says of its task, and what becomes of it. Called by `tasks` and by the server's runner service.

use crate::following::FreshEnd;
use crate::news::{By, Change};
use crate::tasks::StoredTask;
use domain::control::{JobChange, JobNumber, JobPhase, JobRefusal, RunId, Tolerance};
use domain::{JobId, RunnerId, TaskId, Timestamp};
use std::collections::BTreeMap;

/// A runner that says nothing new is noted as heard of so often, milliseconds.
const HEARD_EVERY: u64 = 5000;

/// So many bytes the outputs of a run's jobs have together, with their names (`execution-semantics` 4.8).
pub(crate) const OUTPUTS_OF_RUN: usize = 50 * 1024 * 1024;
/// So many outputs a job has.
const OUTPUTS: usize = 1000;

/// What a runner says of its task.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// Who says it.
    pub runner: RunnerId,
    /// Of which task.
    pub task: TaskId,
    /// Its run, where it is known, as of a [`Taker`](crate::Taker).
    pub run: Option<RunId>,
    /// How its steps stand, in the server's words.
    pub steps: &'a serde_json::Value,
    /// What happens to its job.
    pub change: Option<&'a JobChange>,
    /// What the job says to those that need it, as far as it is known. What was said first stays.
    pub outputs: &'a BTreeMap<String, String>,
}

/// How a task and its job stand after a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// The task, as it is kept now.
    pub task: StoredTask,
    /// Its job.
    pub job: JobNumber,
    /// Its run.
    pub run: RunId,
    /// Its id within the run.
    pub id: JobId,
    /// What its failure means to the run.
    pub tolerance: Tolerance,
    /// Where the job was.
    pub before: JobPhase,
    /// Where the job is: with another lease, or over, where `refused` says so.
    pub after: JobPhase,
    /// What the job says to those that need it.
    pub outputs: BTreeMap<String, String>,
    /// Outputs of the report that were not kept: the job has too many, or the run has no room for them.
    pub left_out: Vec<String>,
    /// Why the change had no place: nothing of the report was kept.
    pub refused: Option<JobRefusal>,
    /// The end that the report made.
    pub ended: Option<FreshEnd>,
}

/// What is to be done with a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It says nothing new, or has no place.
    Nothing,
    /// The task alone is written.
    Note {
        /// Whether its steps are elsewhere.
        has_news: bool,
    },
    /// The job changes.
    Change,
}

impl Reported {
    /// Whether the lease of the task was the one that counted.
    fn is_out(&self) -> bool {
        self.before.lease().is_some_and(|lease| lease.task == self.task.id)
    }

    /// How many bytes of outputs the job would have.
    pub(crate) fn outputs_with(&self, report: &Report<'_>) -> usize {
        let new = report.outputs.iter().filter(|(name, _)| !self.outputs.contains_key(*name));
        self.outputs.iter().chain(new).map(|(name, value)| name.len() + value.len()).sum()
    }

    /// Applies a report to what was read, and says what of it is to be written: nothing where it is refused, which is told. `others`: bytes of outputs that the
    /// other jobs of the run have.
    pub(crate) fn apply(&mut self, report: &Report<'_>, others: usize, now: Timestamp) -> Step {
        let change = report.change.cloned();
        match change.map_or_else(|| Ok(self.before.clone()), |change| self.before.after(change)) {
            Ok(after) => self.after = after,
            Err(refusal) => self.refused = Some(refusal),
        }
        if !self.is_out() {
            // Without a change too: the task has no say any more.
            let over = self.before.end().map(|end| JobRefusal::Finished { conclusion: end.conclusion() });
            self.refused.get_or_insert(over.unwrap_or(JobRefusal::StaleLease { task: self.task.id }));
        }
        if self.refused.is_some() {
            return Step::Nothing;
        }
        let known = self.outputs.len();
        let own: usize = self.outputs.iter().map(|(name, value)| name.len() + value.len()).sum();
        let mut room = OUTPUTS_OF_RUN.saturating_sub(others + own);
        for (name, value) in report.outputs {
            let size = name.len() + value.len();
            if self.outputs.contains_key(name) {
                continue;
            }
            if size > room || self.outputs.len() >= OUTPUTS {
                self.left_out.push(name.clone());
            } else {
                room -= size;
                self.outputs.insert(name.clone(), value.clone());
            }
        }
        let has_news = self.task.steps != *report.steps;
        let is_due = now.0.saturating_sub(self.task.heard.0) >= HEARD_EVERY;
        if self.after != self.before || self.outputs.len() > known {
            Step::Change
        } else if has_news || is_due {
            Step::Note { has_news }
        } else {
            Step::Nothing
        }
    }

    pub(crate) fn news(&self) -> Vec<Change> {
        if self.refused.is_some() {
            return Vec::new();
        }
        let is_free = self.before.lease().is_some() && self.after.lease().is_none();
        let runner = is_free.then_some(self.task.runner);
        vec![Change::Task { job: self.job, run: self.run, runner, by: By::Here }]
    }
}
