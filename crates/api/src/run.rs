//! Runs: one execution of a workflow for one event.

use crate::status::Status;
use crate::user::{Repository, User};
use crate::when;
use domain::{Conclusion, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// Its number on this server.
    pub id: i64,
    /// Where its route is.
    pub url: String,
    /// The route of the attempt before; none for the first.
    pub previous_attempt_url: Option<String>,
    /// Where people see it.
    pub html_url: String,
    /// What people see first.
    pub display_title: String,
    /// `FILE@REF`, such as `build.yml@refs/heads/main`.
    pub path: String,
    /// What caused it.
    pub event: String,
    /// Which try of it this is, from 1.
    pub run_attempt: i64,
    /// Its number within the project, from 1.
    pub run_number: i64,
    /// The number of its project.
    #[serde(default)]
    pub repository_id: i64,
    /// The commit.
    pub head_sha: String,
    /// The branch, where it is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub head_branch: String,
    /// Where it is.
    pub status: Status,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "success")]
    pub conclusion: Option<Conclusion>,
    /// Who caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<User>,
    /// Who caused this try of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_actor: Option<User>,
    /// Its project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Repository>,
    /// Always empty: projects have no pull requests.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub pull_requests: Vec<serde_json::Value>,
    /// When it was made (ours).
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// When its first job started.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When its last job ended.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub completed_at: Option<Timestamp>,
    /// Why it could have no jobs (ours): its workflow file is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// Some runs, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunList {
    /// Those of this page.
    pub workflow_runs: Vec<Run>,
    /// How many there are on all pages.
    pub total_count: i64,
}

/// Which runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RunQuery {
    /// Those of an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Those of a branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Those of one of these states or conclusions; may be given more than once.
    #[serde(default)]
    pub status: Vec<String>,
    /// Those that somebody caused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Those of a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_sha: Option<String>,
}
