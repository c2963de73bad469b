//! What each call carries, in our words: the arguments and answers of [`crate::Client`] and of [`crate::RunnerService`].

use domain::{
    RunnerCapability, RunnerId, RunnerKey, RunnerLife, RunnerStatus, RunnerUuid, Secret, Task, TaskPhase, TaskState,
    TasksVersion, Timestamp,
};
use std::collections::BTreeMap;

/// The answer to `Ping`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pong {
    /// "Hello, …!"
    pub greeting: String,
    /// The forge's clock, to the second, where it says (header `Date`).
    pub clock: Option<Timestamp>,
}

/// `Register`: a new runner asks for an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// How people will see it, at most 255 bytes.
    pub name: String,
    /// The registration token.
    pub token: Secret,
    /// The agent's version.
    pub version: String,
    /// Names of labels, without backend.
    pub labels: Vec<String>,
    /// For one task, or until it is removed.
    pub life: RunnerLife,
    /// What it can do.
    pub capabilities: Vec<RunnerCapability>,
}

/// A runner as a forge answers. After `Register` it has a token, after `Declare` it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runner {
    /// Its number.
    pub id: RunnerId,
    /// Its public name.
    pub uuid: RunnerUuid,
    /// Its key; empty in every answer but that of `Register`.
    pub token: Secret,
    /// How people see it.
    pub name: String,
    /// What it does now.
    pub status: RunnerStatus,
    /// Its agent's version.
    pub version: String,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// As the forge noted it; forges that know no ephemeral runners say `Lasting`.
    pub life: RunnerLife,
}

impl Runner {
    /// What this runner signs its calls with.
    #[must_use]
    pub fn key(&self) -> RunnerKey {
        RunnerKey { uuid: self.uuid.clone(), token: self.token.clone() }
    }
}

/// `Declare`: what the agent is today. Replaces what the forge had noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// The agent's version.
    pub version: String,
    /// Names of labels, without backend.
    pub labels: Vec<String>,
    /// What it can do.
    pub capabilities: Vec<RunnerCapability>,
}

/// The answer to `Declare`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The runner as noted now; `None` where the forge answered nothing.
    pub runner: Option<Runner>,
    /// What the forge can do (header `X-Gitea-Actions-Capabilities`), for jobs to see.
    pub capabilities: Vec<String>,
}

/// A key that makes `FetchTask` safe to repeat (Forgejo from v15): the same key gets the same tasks again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestKey(pub String);

/// `FetchTask` and `FetchSingleTask`: what an agent has room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// The count that the agent saw last; [`TasksVersion::UNKNOWN`] makes the forge look.
    pub version: TasksVersion,
    /// Which tasks.
    pub want: Want,
    /// Sent as `x-runner-request-key`.
    pub key: Option<RequestKey>,
}

/// Which tasks an agent wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// The next one. The only form that Gitea knows.
    One,
    /// Up to so many (Forgejo from v14; others read it as one).
    UpTo(i64),
    /// The attempt of a job with this handle (`FetchSingleTask`, Forgejo from v15); `None`: any.
    Handle(Option<String>),
}

/// The answer to a fetch.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetched {
    /// None, one, or for a Forgejo that was asked for several, several.
    pub tasks: Vec<Task>,
    /// The forge's count; [`TasksVersion::UNKNOWN`] from one that does not count.
    pub version: TasksVersion,
}

/// `UpdateTask`: how a task stands; its heartbeat too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// With all steps, always.
    pub state: TaskState,
    /// Outputs that the forge has not acknowledged.
    pub outputs: BTreeMap<String, String>,
}

/// The answer to a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The forge's own view: a result here while the task runs means "stop". This is the only way in which a cancellation arrives.
    pub phase: TaskPhase,
    /// Names of all outputs that are stored.
    pub stored_outputs: Vec<String>,
}
