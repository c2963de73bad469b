//! Workflow files of a project's default branch, and what starts one by hand.

use crate::when;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A workflow file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Workflow {
    /// The file's name.
    pub id: String,
    /// Its `name:`, else the file's.
    pub name: String,
    /// Its path in the repository.
    pub path: String,
    /// Whether events start it.
    pub state: WorkflowState,
    /// The time of the commit that was looked at.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// The same.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Option<Timestamp>,
    /// Where its route is.
    pub url: String,
    /// Where people see it.
    pub html_url: String,
    /// Always empty: there are no badges yet.
    #[serde(default)]
    pub badge_url: String,
    /// Always the start of 1970.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub deleted_at: Option<Timestamp>,
    /// The events that start it (ours).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// What is wrong with it (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// Whether events start a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowState {
    /// They do.
    Active,
    /// Somebody said that they do not.
    DisabledManually,
}

/// The workflows of a project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkflowList {
    /// All of them.
    pub workflows: Vec<Workflow>,
    /// How many there are.
    pub total_count: i64,
}

/// Starts a workflow by hand.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Dispatch {
    /// A branch or a tag, short or whole.
    #[serde(default, rename = "ref")]
    pub reference: String,
    /// What `inputs` it is given; texts, numbers and booleans.
    #[serde(default, deserialize_with = "none_is_empty")]
    #[schema(value_type = Object)]
    pub inputs: serde_json::Map<String, serde_json::Value>,
    /// Whether the answer names the run in Forgejo's shape; Gitea's clients ask by `return_run_details`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub return_run_info: bool,
}

/// Programs in Go write a map that was never made as `null`.
fn none_is_empty<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<serde_json::Map<String, serde_json::Value>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// The run that a dispatch made, as Forgejo says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunInfo {
    /// Its number.
    pub id: i64,
    /// Its number within the project.
    pub run_number: i64,
    /// The ids of its jobs in the workflow.
    pub jobs: Vec<String>,
}

/// The run that a dispatch made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunDetails {
    /// Its number.
    pub workflow_run_id: i64,
    /// Its route.
    pub run_url: String,
    /// Where people see it.
    pub html_url: String,
}
