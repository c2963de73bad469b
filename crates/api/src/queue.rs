//! Why jobs wait. Ours.

use crate::status::Status;
use crate::when;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a job waits, or what it does instead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    /// Where it is.
    pub status: Status,
    /// One sentence.
    pub text: String,
    /// One of thirteen words, of a job that waits: `no_matching_label`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What helps, where something does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The rules before it, all of which hold.
    #[serde(default)]
    pub passed: Vec<String>,
    /// Its place among the jobs with the same labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// How long it will probably wait still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
}

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Position {
    /// From 1.
    pub place: u64,
    /// So many are there.
    pub of: u64,
}

/// How long a job will probably wait, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Estimate {
    /// If jobs take what half of them take.
    pub p50_s: f64,
    /// If they take what nine of ten take.
    pub p90_s: f64,
}

/// What waits, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    /// How many jobs wait.
    pub total_count: i64,
    /// How many for which reason, of all jobs that wait on this server.
    pub reasons: Vec<ReasonCount>,
    /// Those of this page that the token sees, the oldest first.
    pub jobs: Vec<QueuedJob>,
}

/// How many jobs wait for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonCount {
    /// The reason's word.
    pub reason: String,
    /// How many.
    pub jobs: u64,
}

/// A job that waits for a runner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueuedJob {
    /// Its number.
    pub id: i64,
    /// Its run.
    pub run_id: i64,
    /// `owner/name`
    pub project: String,
    /// The name that people see.
    pub name: String,
    /// What `runs-on` asks for.
    pub labels: Vec<String>,
    /// Since when it waits.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub queued_at: Option<Timestamp>,
    /// Why; none in the moment in which it gets a runner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}
