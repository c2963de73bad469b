//! How a task and its steps stand, and which rows of the log are whose. Pure; called by `reporter`.

use super::backlog::Shift;
use super::record::{Ended, Record, StepRecord};
use domain::{Conclusion, JobEventKind, StepRef, TaskId, TaskPhase, TaskResult, TaskState, TaskStep, Timestamp};
use std::collections::HashMap;
use std::time::Duration;

/// What will be reported.
#[derive(Debug)]
pub(super) struct Board {
    task: TaskId,
    started: Timestamp,
    steps: Vec<Step>,
    /// Which step of the file a step of the job belongs to.
    places: HashMap<StepRef, usize>,
}

/// Whose a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// A step of the file, by its place.
    Step(usize),
    /// The job: set-up, pre and post steps, its end.
    Job,
}

#[derive(Debug, Clone)]
struct Step {
    phase: TaskPhase,
    log_index: u64,
    log_length: u64,
    /// How many of its parts run: of a `parallel` there may be several.
    open: u32,
    /// The conclusions of its parts so far.
    worst: Conclusion,
}

impl Board {
    pub(super) fn new(task: TaskId, steps: u32, started: Timestamp) -> Self {
        let fresh =
            Step { phase: TaskPhase::Waiting, log_index: 0, log_length: 0, open: 0, worst: Conclusion::Skipped };
        Self { task, started, steps: vec![fresh; steps as usize], places: HashMap::new() }
    }

    /// Whose the rows of a step are.
    pub(super) fn owner(&self, step: StepRef) -> Owner {
        self.places.get(&step).map_or(Owner::Job, |place| Owner::Step(*place))
    }

    fn place(&mut self, step: StepRef, index: Option<u32>) -> Option<usize> {
        // What the forge has no step for is the job's.
        let place = index.map(|index| index as usize).filter(|place| *place < self.steps.len())?;
        self.places.insert(step, place);
        Some(place)
    }

    /// Takes what changes the state; `rows`: how many the log has. Answers whether there is something to report.
    pub(super) fn note(&mut self, at: Timestamp, kind: &JobEventKind, rows: u64) -> bool {
        match kind {
            JobEventKind::StepStarted { step, index, .. } => {
                let Some(place) = self.place(*step, *index) else { return false };
                self.begin(place, at, rows);
                true
            }
            JobEventKind::StepFinished { step, index, conclusion, micros, .. } => {
                let is_known = self.places.contains_key(step);
                let Some(place) = self.place(*step, *index) else { return false };
                if !is_known && *conclusion != Conclusion::Skipped {
                    let took = u64::try_from(Duration::from_micros(*micros).as_millis()).unwrap_or(u64::MAX);
                    self.begin(place, Timestamp(at.0.saturating_sub(took)), rows);
                }
                self.finish(place, at, *conclusion, rows);
                true
            }
            _ => false,
        }
    }

    fn begin(&mut self, place: usize, at: Timestamp, rows: u64) {
        let step = &mut self.steps[place];
        step.open += 1;
        let started = match step.phase {
            TaskPhase::Running { .. } => return,
            TaskPhase::Waiting | TaskPhase::Ended { started: None, .. } => at,
            // The next part of a `parallel` whose first parts are over already.
            TaskPhase::Ended { started: Some(started), .. } => started,
        };
        if step.log_length == 0 {
            step.log_index = rows;
        }
        step.phase = TaskPhase::Running { started };
    }

    fn finish(&mut self, place: usize, at: Timestamp, conclusion: Conclusion, rows: u64) {
        let step = &mut self.steps[place];
        let started = match step.phase {
            TaskPhase::Running { started } => Some(started),
            TaskPhase::Ended { started, .. } => started,
            TaskPhase::Waiting => {
                step.log_index = rows;
                None
            }
        };
        if conclusion != Conclusion::Skipped {
            step.open = step.open.saturating_sub(1);
            let so_far = if step.worst == Conclusion::Skipped { Conclusion::Success } else { step.worst };
            step.worst = so_far.merge(conclusion);
        }
        if step.open == 0 {
            step.phase = TaskPhase::Ended { result: TaskResult::Concluded(step.worst), started, stopped: at };
        }
    }

    /// Gives rows that were just added to whose they are; `from`: the first of them.
    pub(super) fn said(&mut self, owner: Owner, from: u64, rows: u64) {
        if let Owner::Step(place) = owner {
            let step = &mut self.steps[place];
            if step.log_length == 0 {
                step.log_index = from;
            }
            step.log_length = from + rows - step.log_index;
        }
    }

    /// Rows have new numbers.
    pub(super) fn shift(&mut self, shift: Shift) {
        for step in &mut self.steps {
            let end = shift.moved(step.log_index + step.log_length);
            step.log_index = shift.moved(step.log_index);
            step.log_length = end - step.log_index;
        }
    }

    /// What another process needs to know to end this task; `rows`: how many the log has.
    pub(super) fn record(&self, rows: u64) -> Record {
        let step = |step: &Step| {
            let (began, ended) = match step.phase {
                TaskPhase::Waiting => (None, None),
                TaskPhase::Running { started } => (Some(started), None),
                TaskPhase::Ended { started, stopped, .. } => {
                    (started, Some(Ended { conclusion: step.worst, at: stopped }))
                }
            };
            StepRecord { began, ended, log_index: step.log_index, log_length: step.log_length }
        };
        Record { started: self.started, rows, steps: self.steps.iter().map(step).collect(), end: None }
    }

    /// The board that a record was made of.
    pub(super) fn of_record(task: TaskId, record: &Record) -> Self {
        let step = |step: &StepRecord| Step {
            phase: match (step.began, &step.ended) {
                (None, None) => TaskPhase::Waiting,
                (Some(started), None) => TaskPhase::Running { started },
                (started, Some(Ended { conclusion, at })) => {
                    TaskPhase::Ended { result: TaskResult::Concluded(*conclusion), started, stopped: *at }
                }
            },
            log_index: step.log_index,
            log_length: step.log_length,
            open: 0,
            worst: step.ended.as_ref().map_or(Conclusion::Skipped, |ended| ended.conclusion),
        };
        let steps = record.steps.iter().map(step).collect();
        Self { task, started: record.started, steps, places: HashMap::new() }
    }

    /// The state while the job runs.
    pub(super) fn running(&self) -> TaskState {
        self.state(TaskPhase::Running { started: self.started })
    }

    /// The state at the end: what has not ended ends with it.
    pub(super) fn ended(&mut self, at: Timestamp, conclusion: Conclusion) -> TaskState {
        for step in &mut self.steps {
            let (started, result) = match (step.phase, conclusion) {
                (TaskPhase::Ended { .. }, _) => continue,
                (TaskPhase::Running { started }, Conclusion::Success | Conclusion::Skipped) => {
                    (Some(started), Conclusion::Success)
                }
                (TaskPhase::Running { started }, conclusion) => (Some(started), conclusion),
                (TaskPhase::Waiting, Conclusion::Cancelled) => (None, Conclusion::Cancelled),
                (TaskPhase::Waiting, _) => (None, Conclusion::Skipped),
            };
            step.phase = TaskPhase::Ended { result: TaskResult::Concluded(result), started, stopped: at };
        }
        let result = TaskResult::Concluded(conclusion);
        self.state(TaskPhase::Ended { result, started: Some(self.started), stopped: at })
    }

    fn state(&self, phase: TaskPhase) -> TaskState {
        let steps = (0_u32..).zip(&self.steps).map(|(index, step)| TaskStep {
            index,
            phase: step.phase,
            log_index: step.log_index,
            log_length: step.log_length,
        });
        TaskState { id: self.task, phase, steps: steps.collect() }
    }
}

#[cfg(test)]
mod tests;
