//! Runners and what registers them.

use crate::when;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A runner. `uuid` and what follows are ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Runner {
    /// Its number.
    pub id: i64,
    /// How people call it.
    pub name: String,
    /// `online` or `offline`.
    #[schema(example = "online")]
    pub status: String,
    /// Whether it has a task.
    pub busy: bool,
    /// Whether somebody said that it shall take no tasks.
    pub disabled: bool,
    /// Whether it is for one task.
    pub ephemeral: bool,
    /// Its labels.
    #[serde(default)]
    pub labels: Vec<RunnerLabel>,
    /// Its public name on the wire.
    #[serde(default)]
    pub uuid: String,
    /// Its program's version.
    #[serde(default)]
    pub version: String,
    /// Its pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Whose jobs it takes: `instance`, `OWNER` or `OWNER/NAME`.
    #[serde(default)]
    pub scope: String,
    /// Whether it may take tasks.
    #[serde(default)]
    pub admission: Admission,
    /// How many tasks it takes at the same time.
    #[serde(default)]
    pub capacity: i64,
    /// The tasks that it has.
    #[serde(default)]
    pub tasks: Vec<i64>,
    /// When it was last heard of, or since when it is not.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub last_online: Option<Timestamp>,
    /// Since when it is one.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Option<Timestamp>,
}

/// Whether a runner may take tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// It may.
    #[default]
    Open,
    /// It ends those that it has, and takes no more.
    Draining,
    /// It takes none until somebody enables it.
    Disabled,
    /// It is no runner any more.
    Removed,
}

/// A label of a runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunnerLabel {
    /// Its place, from 0.
    pub id: i64,
    /// The label.
    pub name: String,
    /// Always `custom`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// Some runners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunnerList {
    /// Those of this page.
    pub runners: Vec<Runner>,
    /// How many there are on all pages.
    pub total_count: i64,
}

/// Changes a runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct EditRunner {
    /// Whether it shall take no tasks. Needed.
    pub disabled: Option<bool>,
}

/// What registers runners in a scope.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistrationToken {
    /// The token.
    pub token: String,
    /// Until when it registers (ours).
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

impl std::fmt::Debug for RegistrationToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistrationToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Gives a runner another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRunnerKey {
    /// So many seconds its present key opens still; a day where it is not said, 30 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_s: Option<u64>,
}

/// The new key of a runner. It is said once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunnerKey {
    /// The runner's number.
    pub id: i64,
    /// Its public name on the wire.
    pub uuid: String,
    /// The key.
    pub token: String,
}

impl std::fmt::Debug for RunnerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunnerKey").field("id", &self.id).field("uuid", &self.uuid).finish_non_exhaustive()
    }
}
