//! Tasks, their states and results.

use super::value;
use crate::pb::runner as pb;
use buffa::EnumValue;
use domain::{Conclusion, Secret, Task, TaskId, TaskNeed, TaskPhase, TaskResult, TaskState, TaskStep, Timestamp};

pub(super) fn result_to_wire(from: TaskResult) -> EnumValue<pb::TaskResult> {
    match from {
        TaskResult::Concluded(Conclusion::Success) => EnumValue::Known(pb::TaskResult::RESULT_SUCCESS),
        TaskResult::Concluded(Conclusion::Failure) => EnumValue::Known(pb::TaskResult::RESULT_FAILURE),
        TaskResult::Concluded(Conclusion::Cancelled) => EnumValue::Known(pb::TaskResult::RESULT_CANCELLED),
        TaskResult::Concluded(Conclusion::Skipped) => EnumValue::Known(pb::TaskResult::RESULT_SKIPPED),
        TaskResult::Other(number) => EnumValue::Unknown(number),
    }
}

/// `None`: no result yet.
pub(super) fn result_from_wire(from: EnumValue<pb::TaskResult>) -> Option<TaskResult> {
    Some(match from {
        EnumValue::Known(pb::TaskResult::RESULT_UNSPECIFIED) => return None,
        EnumValue::Known(pb::TaskResult::RESULT_SUCCESS) => TaskResult::Concluded(Conclusion::Success),
        EnumValue::Known(pb::TaskResult::RESULT_FAILURE) => TaskResult::Concluded(Conclusion::Failure),
        EnumValue::Known(pb::TaskResult::RESULT_CANCELLED) => TaskResult::Concluded(Conclusion::Cancelled),
        EnumValue::Known(pb::TaskResult::RESULT_SKIPPED) => TaskResult::Concluded(Conclusion::Skipped),
        EnumValue::Unknown(number) => TaskResult::Other(number),
    })
}

pub(crate) fn task_to_wire(from: Task) -> pb::Task {
    pb::Task {
        id: from.id.0,
        workflow_payload: Some(from.workflow),
        context: Some(value::object_to_wire(from.context)).into(),
        secrets: from.secrets.into_iter().map(|(name, secret)| (name, secret.expose().to_owned())).collect(),
        needs: from
            .needs
            .into_iter()
            .map(|(job, need)| {
                let result = need.result.map_or_else(Default::default, result_to_wire);
                (job, pb::TaskNeed { outputs: need.outputs, result })
            })
            .collect(),
        vars: from.vars,
        ..Default::default()
    }
}

pub(crate) fn task_from_wire(from: pb::Task) -> Task {
    Task {
        id: TaskId(from.id),
        workflow: from.workflow_payload.unwrap_or_default(),
        context: from.context.into_option().map(value::object_from_wire).unwrap_or_default(),
        secrets: from.secrets.into_iter().map(|(name, secret)| (name, Secret::new(secret))).collect(),
        vars: from.vars,
        needs: from
            .needs
            .into_iter()
            .map(|(job, need)| (job, TaskNeed { result: result_from_wire(need.result), outputs: need.outputs }))
            .collect(),
    }
}

/// The three fields of the wire that say where a task or step is.
struct WirePhase {
    result: EnumValue<pb::TaskResult>,
    started: Option<Timestamp>,
    stopped: Option<Timestamp>,
}

impl WirePhase {
    fn of(phase: TaskPhase) -> Self {
        match phase {
            TaskPhase::Waiting => Self { result: EnumValue::default(), started: None, stopped: None },
            TaskPhase::Running { started } => {
                Self { result: EnumValue::default(), started: Some(started), stopped: None }
            }
            TaskPhase::Ended { result, started, stopped } => {
                Self { result: result_to_wire(result), started, stopped: Some(stopped) }
            }
        }
    }

    fn read(self) -> TaskPhase {
        match (result_from_wire(self.result), self.started) {
            (Some(result), started) => {
                TaskPhase::Ended { result, started, stopped: self.stopped.unwrap_or(Timestamp(0)) }
            }
            (None, Some(started)) => TaskPhase::Running { started },
            (None, None) => TaskPhase::Waiting,
        }
    }
}

pub(crate) fn state_to_wire(from: TaskState) -> pb::TaskState {
    let phase = WirePhase::of(from.phase);
    pb::TaskState {
        id: from.id.0,
        result: phase.result,
        started_at: phase.started.map(value::moment_to_wire).into(),
        stopped_at: phase.stopped.map(value::moment_to_wire).into(),
        steps: from.steps.into_iter().map(step_to_wire).collect(),
    }
}

pub(crate) fn state_from_wire(from: pb::TaskState) -> TaskState {
    let phase = WirePhase {
        result: from.result,
        started: from.started_at.as_option().map(value::moment_from_wire),
        stopped: from.stopped_at.as_option().map(value::moment_from_wire),
    };
    TaskState {
        id: TaskId(from.id),
        phase: phase.read(),
        steps: from.steps.into_iter().filter_map(step_from_wire).collect(),
    }
}

fn step_to_wire(from: TaskStep) -> pb::StepState {
    let phase = WirePhase::of(from.phase);
    pb::StepState {
        id: i64::from(from.index),
        result: phase.result,
        started_at: phase.started.map(value::moment_to_wire).into(),
        stopped_at: phase.stopped.map(value::moment_to_wire).into(),
        log_index: value::signed(from.log_index),
        log_length: value::signed(from.log_length),
    }
}

fn step_from_wire(from: pb::StepState) -> Option<TaskStep> {
    let phase = WirePhase {
        result: from.result,
        started: from.started_at.as_option().map(value::moment_from_wire),
        stopped: from.stopped_at.as_option().map(value::moment_from_wire),
    };
    Some(TaskStep {
        index: u32::try_from(from.id).ok()?,
        phase: phase.read(),
        log_index: value::unsigned(from.log_index),
        log_length: value::unsigned(from.log_length),
    })
}
