//! Jobs, their steps, and the tasks that they were given out as.

use crate::status::Status;
use crate::when;
use domain::{Conclusion, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A job: one cell of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its number on this server.
    pub id: i64,
    /// Where its route is.
    pub url: String,
    /// Where people see it.
    pub html_url: String,
    /// Its run.
    pub run_id: i64,
    /// The route of its run.
    pub run_url: String,
    /// The name that people see.
    pub name: String,
    /// Its project, `owner/name` (ours).
    #[serde(default)]
    pub project: String,
    /// What `runs-on` asks for.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Of which try of the run.
    pub run_attempt: i64,
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
    /// Who has or had it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub runner_id: i64,
    /// How people call that runner.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub runner_name: String,
    /// Its steps, as far as its runner named them.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// When it was made.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// When it started.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub completed_at: Option<Timestamp>,
    /// What there is to say of its state beyond the words (ours): what keeps it back, why it never ran, which platform fault ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// A step of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Its place, from 0.
    pub number: i64,
    /// Where it is.
    pub status: Status,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "success")]
    pub conclusion: Option<Conclusion>,
    /// When it started.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub completed_at: Option<Timestamp>,
}

/// Some jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobList {
    /// Those of this page.
    pub jobs: Vec<Job>,
    /// How many there are on all pages.
    pub total_count: i64,
}

/// A job as it was given to a runner: Gitea's older list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// The number of the lease.
    pub id: i64,
    /// The name of its job.
    pub name: String,
    /// The branch or tag.
    pub head_branch: String,
    /// The commit.
    pub head_sha: String,
    /// The number of its run within the project.
    pub run_number: i64,
    /// What caused it.
    pub event: String,
    /// What people see first of the run.
    pub display_title: String,
    /// Gitea's inner word: `waiting`, `running`, `success`, …
    pub status: String,
    /// The file of its workflow.
    pub workflow_id: String,
    /// Where people see its run.
    pub url: String,
    /// When it was given.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// When it was last heard of.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Option<Timestamp>,
    /// When it started.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub run_started_at: Option<Timestamp>,
}

/// Some tasks, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskList {
    /// Those of this page. The key is Gitea's.
    pub workflow_runs: Vec<Task>,
    /// How many there are on all pages.
    pub total_count: i64,
}
