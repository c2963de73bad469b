//! How a task and its steps stand, and which rows of the log are whose. Pure; called by `reporter`.

use super::settings::PayloadStep;
use domain::{
    Conclusion, JobEventKind, StepPhase, StepRef, TaskId, TaskPhase, TaskResult, TaskState, TaskStep, Timestamp,
};
use std::time::Duration;

/// What will be reported.
#[derive(Debug)]
pub(super) struct Board {
    task: TaskId,
    started: Timestamp,
    steps: Vec<Step>,
    /// For each step of the job in the order of its numbers from the first main one: which step of the file it belongs to.
    owners: Vec<usize>,
    main: Main,
}

/// Where the numbers of the main steps begin: after the set-up and the pre steps, which come first.
#[derive(Debug, Clone, Copy)]
enum Main {
    /// The first main step will have this number, unless more comes before it.
    Expected(u32),
    /// It has this one.
    From(u32),
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
    /// How many of its parts have not ended: one, or as many as a `parallel` holds.
    open: u32,
    worst: Conclusion,
}

impl Board {
    pub(super) fn new(task: TaskId, steps: &[PayloadStep], started: Timestamp) -> Self {
        let width = |step: &PayloadStep| match step {
            PayloadStep::Plain | PayloadStep::Background => 1,
            PayloadStep::Parallel(count) => *count,
        };
        let owners = steps.iter().enumerate().flat_map(|(at, step)| std::iter::repeat_n(at, width(step) as usize));
        let fresh = |step: &PayloadStep| Step {
            phase: TaskPhase::Waiting,
            log_index: 0,
            log_length: 0,
            open: width(step),
            worst: Conclusion::Skipped,
        };
        Self {
            task,
            started,
            owners: owners.collect(),
            steps: steps.iter().map(fresh).collect(),
            main: Main::Expected(0),
        }
    }

    /// Whose the rows of a step are.
    pub(super) fn owner(&self, step: StepRef) -> Owner {
        let Main::From(first) = self.main else { return Owner::Job };
        let place = step.0.checked_sub(first).and_then(|at| self.owners.get(at as usize));
        place.map_or(Owner::Job, |at| Owner::Step(*at))
    }

    /// Notes where a step is.
    fn place(&mut self, step: StepRef, phase: StepPhase) -> Owner {
        match (phase, self.main) {
            (StepPhase::SetUp | StepPhase::Pre, Main::Expected(next)) => {
                self.main = Main::Expected(next.max(step.0 + 1));
                Owner::Job
            }
            (StepPhase::Main, Main::Expected(next)) => {
                self.main = Main::From(next.min(step.0));
                self.owner(step)
            }
            (StepPhase::Main, Main::From(_)) => self.owner(step),
            _ => Owner::Job,
        }
    }

    /// Takes what changes the state; `rows`: how many the log has. Answers whether there is something to report.
    pub(super) fn note(&mut self, at: Timestamp, kind: &JobEventKind, rows: u64) -> bool {
        match kind {
            JobEventKind::StepStarted { step, phase, .. } => {
                let Owner::Step(place) = self.place(*step, *phase) else { return false };
                self.begin(place, at, rows)
            }
            JobEventKind::StepFinished { step, phase, conclusion, micros, .. } => {
                let Owner::Step(place) = self.place(*step, *phase) else { return false };
                self.finish(place, at, *conclusion, Duration::from_micros(*micros), rows);
                true
            }
            _ => false,
        }
    }

    fn begin(&mut self, place: usize, at: Timestamp, rows: u64) -> bool {
        let step = &mut self.steps[place];
        if step.phase != TaskPhase::Waiting {
            return false;
        }
        step.phase = TaskPhase::Running { started: at };
        step.log_index = rows;
        true
    }

    fn finish(&mut self, place: usize, at: Timestamp, conclusion: Conclusion, took: Duration, rows: u64) {
        let step = &mut self.steps[place];
        step.open = step.open.saturating_sub(1);
        if conclusion != Conclusion::Skipped {
            let so_far = if step.worst == Conclusion::Skipped { Conclusion::Success } else { step.worst };
            step.worst = so_far.merge(conclusion);
        }
        if step.open > 0 {
            return;
        }
        let result = TaskResult::Concluded(step.worst);
        let started = match step.phase {
            TaskPhase::Running { started } => Some(started),
            TaskPhase::Waiting if step.worst == Conclusion::Skipped => None,
            _ => Some(Timestamp(at.0.saturating_sub(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)))),
        };
        if step.phase == TaskPhase::Waiting {
            step.log_index = rows;
        }
        step.phase = TaskPhase::Ended { result, started, stopped: at };
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

    /// The state while the job runs.
    pub(super) fn running(&self) -> TaskState {
        self.state(TaskPhase::Running { started: self.started })
    }

    /// The state at the end: what has not ended ends with it, as `rest` for what never began.
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
