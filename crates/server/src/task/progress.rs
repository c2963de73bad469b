//! How the steps of a task stand and what it said so far: what is kept in the task's row of what its runner reports. Written by `runner`, read by routes
//! and pages.

use domain::{Conclusion, TaskPhase, TaskResult, TaskState, TaskStep, Timestamp};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Progress {
    /// Each step of the document, in its order.
    pub steps: Vec<StepProgress>,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct StepProgress {
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stopped: Option<Timestamp>,
    /// How.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub conclusion: Option<Conclusion>,
    /// The row of the log where its own begin.
    pub row: u64,
    /// How many rows are its own.
    pub rows: u64,
}

impl Progress {
    /// What a task's row says; nothing where it says nothing that can be read.
    #[must_use]
    pub fn of(task: &store::StoredTask) -> Self {
        Self::deserialize(&task.steps).unwrap_or_default()
    }

    /// Takes a report in of a job with so many steps, where that is known. One that comes late takes nothing away.
    pub fn take(&mut self, state: &TaskState, steps: Option<NonZeroUsize>) {
        let most = steps.map_or(MOST_STEPS, |steps| steps.get().min(MOST_STEPS));
        let last = state.steps.iter().map(|step| step.index as usize + 1).max().unwrap_or_default();
        // Every report lists all steps; one that comes late must not take any away.
        self.steps.resize(self.steps.len().max(last.min(most)), StepProgress::default());
        for step in &state.steps {
            if let Some(own) = self.steps.get_mut(step.index as usize) {
                own.take(step);
            }
        }
    }
}

/// A document has fewer steps than this.
const MOST_STEPS: usize = 10_000;

impl StepProgress {
    fn take(&mut self, step: &TaskStep) {
        match step.phase {
            TaskPhase::Waiting => return,
            TaskPhase::Running { started } => self.started = self.started.or(Some(started)),
            TaskPhase::Ended { result, started, stopped } => {
                self.started = self.started.or(started);
                self.stopped = Some(stopped);
                self.conclusion = Some(match result {
                    TaskResult::Concluded(conclusion) => conclusion,
                    TaskResult::Other(_) => Conclusion::Failure,
                });
            }
        }
        self.row = self.row.max(step.log_index);
        self.rows = self.rows.max(step.log_length);
    }
}

#[cfg(test)]
mod tests {
    use super::{NonZeroUsize, Progress};
    use domain::{Conclusion, TaskId, TaskPhase, TaskResult, TaskState, TaskStep, Timestamp};

    fn state(steps: Vec<TaskStep>) -> TaskState {
        TaskState { id: TaskId(1), phase: TaskPhase::Running { started: Timestamp(1) }, steps }
    }

    fn step(index: u32, phase: TaskPhase, rows: u64) -> TaskStep {
        TaskStep { index, phase, log_index: 3, log_length: rows }
    }

    #[test]
    fn a_report_that_comes_late_takes_nothing_away() {
        let mut progress = Progress::default();
        let ended = TaskPhase::Ended {
            result: TaskResult::Concluded(Conclusion::Failure),
            started: Some(Timestamp(2)),
            stopped: Timestamp(5),
        };
        progress.take(&state(vec![step(1, ended, 9)]), None);
        let before = progress.clone();
        let late =
            state(vec![step(0, TaskPhase::Waiting, 0), step(1, TaskPhase::Running { started: Timestamp(3) }, 4)]);
        progress.take(&late, None);
        assert_eq!(progress, before);
        assert_eq!((progress.steps.len(), progress.steps[1].rows), (2, 9));
        assert_eq!(progress.steps[1].conclusion, Some(Conclusion::Failure));
    }

    #[test]
    fn a_step_far_away_takes_no_memory() {
        let mut progress = Progress::default();
        progress.take(&state(vec![step(u32::MAX, TaskPhase::Waiting, 0)]), None);
        assert!(progress.steps.len() <= 10_000);
    }

    #[test]
    fn steps_that_the_job_does_not_have_are_not_made_up() {
        let mut progress = Progress::default();
        let begun = |index| step(index, TaskPhase::Running { started: Timestamp(3) }, 1);
        progress.take(&state(vec![begun(0), begun(7000)]), NonZeroUsize::new(2));
        assert_eq!((progress.steps.len(), progress.steps[0].rows, progress.steps[1].rows), (2, 1, 0));
    }
}
