//! How REST says that something did not happen: one shape for all.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a call did nothing. `message` and `url` are Gitea's, the rest is ours.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// What failed, and the fact.
    pub message: String,
    /// Where the API is described.
    #[serde(default)]
    pub url: String,
    /// What helps, where something does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}
