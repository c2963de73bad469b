//! The border between the generated messages and our own words: the only place that knows both. Called by `client` and `server`.
//!
//! Both directions of a message stand together. What the wire can say and our words cannot is settled here: negative numbers count as 0,
//! moments are cut to milliseconds, steps with impossible numbers are left out as the forges do.

mod task;
mod value;

use crate::call::{Declaration, Declared, Fetch, Fetched, Registration, Report, Reported, RequestKey, Runner, Want};
use crate::pb::runner as pb;
use crate::quirks;
use buffa::EnumValue;
use domain::{
    LogBatch, LogEnd, LogRow, RunnerCapability, RunnerId, RunnerLife, RunnerStatus, RunnerUuid, Secret, TaskId,
    TasksVersion,
};

pub(crate) use task::{state_from_wire, state_to_wire, task_from_wire, task_to_wire};
pub(crate) use value::{moment_of, moment_to_wire, unsigned};

fn life_from_wire(ephemeral: bool) -> RunnerLife {
    if ephemeral { RunnerLife::Ephemeral } else { RunnerLife::Lasting }
}

fn capabilities_from_wire(words: Vec<String>) -> Vec<RunnerCapability> {
    words.iter().map(|word| RunnerCapability::from_word(word)).collect()
}

fn capabilities_to_wire(capabilities: Vec<RunnerCapability>) -> Vec<String> {
    capabilities.iter().map(|capability| capability.as_str().to_owned()).collect()
}

pub(crate) fn registration_to_wire(from: Registration) -> pb::RegisterRequest {
    pb::RegisterRequest {
        name: from.name,
        token: from.token.expose().to_owned(),
        version: from.version,
        labels: from.labels,
        ephemeral: from.life == RunnerLife::Ephemeral,
        capabilities: capabilities_to_wire(from.capabilities),
        ..Default::default()
    }
}

pub(crate) fn registration_from_wire(from: pb::RegisterRequest) -> Registration {
    Registration {
        name: from.name,
        token: Secret::new(from.token),
        version: from.version,
        labels: quirks::labels_of_old_agents(from.labels, from.agent_labels, from.custom_labels),
        life: life_from_wire(from.ephemeral),
        capabilities: capabilities_from_wire(from.capabilities),
    }
}

pub(crate) fn runner_to_wire(from: Runner) -> pb::Runner {
    pb::Runner {
        id: from.id.0,
        uuid: from.uuid.0,
        token: from.token.expose().to_owned(),
        name: from.name,
        status: match from.status {
            RunnerStatus::Unsaid => EnumValue::Known(pb::RunnerStatus::RUNNER_STATUS_UNSPECIFIED),
            RunnerStatus::Idle => EnumValue::Known(pb::RunnerStatus::RUNNER_STATUS_IDLE),
            RunnerStatus::Active => EnumValue::Known(pb::RunnerStatus::RUNNER_STATUS_ACTIVE),
            RunnerStatus::Offline => EnumValue::Known(pb::RunnerStatus::RUNNER_STATUS_OFFLINE),
            RunnerStatus::Other(number) => EnumValue::Unknown(number),
        },
        version: from.version,
        labels: from.labels,
        ephemeral: from.life == RunnerLife::Ephemeral,
        ..Default::default()
    }
}

pub(crate) fn runner_from_wire(from: pb::Runner) -> Runner {
    Runner {
        id: RunnerId(from.id),
        uuid: RunnerUuid(from.uuid),
        token: Secret::new(from.token),
        name: from.name,
        status: match from.status {
            EnumValue::Known(pb::RunnerStatus::RUNNER_STATUS_UNSPECIFIED) => RunnerStatus::Unsaid,
            EnumValue::Known(pb::RunnerStatus::RUNNER_STATUS_IDLE) => RunnerStatus::Idle,
            EnumValue::Known(pb::RunnerStatus::RUNNER_STATUS_ACTIVE) => RunnerStatus::Active,
            EnumValue::Known(pb::RunnerStatus::RUNNER_STATUS_OFFLINE) => RunnerStatus::Offline,
            EnumValue::Unknown(number) => RunnerStatus::Other(number),
        },
        version: from.version,
        labels: quirks::labels_of_old_agents(from.labels, from.agent_labels, from.custom_labels),
        life: life_from_wire(from.ephemeral),
    }
}

pub(crate) fn declaration_to_wire(from: Declaration) -> pb::DeclareRequest {
    pb::DeclareRequest {
        version: from.version,
        labels: from.labels,
        capabilities: capabilities_to_wire(from.capabilities),
    }
}

pub(crate) fn declaration_from_wire(from: pb::DeclareRequest) -> Declaration {
    Declaration { version: from.version, labels: from.labels, capabilities: capabilities_from_wire(from.capabilities) }
}

pub(crate) fn declared_from_wire(from: pb::DeclareResponse, capabilities: Vec<String>) -> Declared {
    Declared { runner: from.runner.into_option().map(runner_from_wire), capabilities }
}

pub(crate) fn fetch_to_wire(version: TasksVersion, capacity: Option<i64>) -> pb::FetchTaskRequest {
    pb::FetchTaskRequest { tasks_version: version.0, task_capacity: capacity }
}

pub(crate) fn fetch_from_wire(from: pb::FetchTaskRequest, key: Option<RequestKey>) -> Fetch {
    Fetch { version: TasksVersion(from.tasks_version), want: from.task_capacity.map_or(Want::One, Want::UpTo), key }
}

/// Forgejo 14.0.0 and 14.0.1 may fill `additional_tasks` alone, so all of them are read.
pub(crate) fn fetched_from_wire(from: pb::FetchTaskResponse) -> Fetched {
    let first = from.task.into_option().into_iter();
    Fetched {
        tasks: first.chain(from.additional_tasks).map(task_from_wire).collect(),
        version: TasksVersion(from.tasks_version),
    }
}

pub(crate) fn fetched_to_wire(from: Fetched) -> pb::FetchTaskResponse {
    let mut tasks = from.tasks.into_iter().map(task_to_wire);
    pb::FetchTaskResponse {
        task: tasks.next().into(),
        tasks_version: from.version.0,
        additional_tasks: tasks.collect(),
    }
}

pub(crate) fn single_from_wire(from: pb::FetchSingleTaskResponse) -> Fetched {
    Fetched {
        tasks: from.task.into_option().into_iter().map(task_from_wire).collect(),
        version: TasksVersion(from.tasks_version),
    }
}

pub(crate) fn single_to_wire(from: Fetched) -> pb::FetchSingleTaskResponse {
    pb::FetchSingleTaskResponse {
        tasks_version: from.version.0,
        task: from.tasks.into_iter().next().map(task_to_wire).into(),
    }
}

pub(crate) fn report_to_wire(from: Report) -> pb::UpdateTaskRequest {
    pb::UpdateTaskRequest { state: Some(state_to_wire(from.state)).into(), outputs: from.outputs }
}

/// `None` when the report names no task.
pub(crate) fn report_from_wire(from: pb::UpdateTaskRequest) -> Option<Report> {
    Some(Report { state: state_from_wire(from.state.into_option()?), outputs: from.outputs })
}

pub(crate) fn reported_to_wire(task: TaskId, from: &Reported) -> pb::UpdateTaskResponse {
    // The forges fill number and result alone.
    let state = pb::TaskState {
        id: task.0,
        result: from.phase.result().map_or_else(Default::default, task::result_to_wire),
        ..Default::default()
    };
    pb::UpdateTaskResponse { state: Some(state).into(), sent_outputs: from.stored_outputs.clone() }
}

pub(crate) fn reported_from_wire(from: pb::UpdateTaskResponse) -> Reported {
    let phase = from.state.into_option().map(|state| state_from_wire(state).phase);
    Reported { phase: phase.unwrap_or(domain::TaskPhase::Waiting), stored_outputs: from.sent_outputs }
}

pub(crate) fn batch_to_wire(from: LogBatch) -> pb::UpdateLogRequest {
    pb::UpdateLogRequest {
        task_id: from.task.0,
        index: value::signed(from.index),
        rows: from
            .rows
            .into_iter()
            .map(|row| pb::LogRow { time: Some(value::moment_to_wire(row.at)).into(), content: row.content })
            .collect(),
        no_more: from.end == LogEnd::Last,
    }
}

/// From the bytes that came: a row is copied once.
pub(crate) fn batch_from_wire(from: &pb::__buffa::view::UpdateLogRequestView<'_>) -> LogBatch {
    let row = |row: &pb::__buffa::view::LogRowView<'_>| LogRow {
        at: row.time.as_option().map_or(domain::Timestamp(0), |time| value::moment_of(time.seconds, time.nanos)),
        content: row.content.to_owned(),
    };
    LogBatch {
        task: TaskId(from.task_id),
        index: value::unsigned(from.index),
        rows: from.rows.iter().map(row).collect(),
        end: if from.no_more { LogEnd::Last } else { LogEnd::Open },
    }
}

/// The moment in a header `Date`; `None` where it is none.
pub(crate) fn clock_from_header(date: &str) -> Option<domain::Timestamp> {
    let since = httpdate::parse_http_date(date).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok().map(domain::Timestamp)
}

/// Rows that the forge has.
pub(crate) fn acknowledged_from_wire(from: &pb::UpdateLogResponse) -> u64 {
    value::unsigned(from.ack_index)
}

pub(crate) fn acknowledged_to_wire(rows: u64) -> pb::UpdateLogResponse {
    pb::UpdateLogResponse { ack_index: value::signed(rows) }
}

#[cfg(test)]
mod tests;
