//! Who changed what, from where.

use crate::when;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its place in the order of all.
    pub id: i64,
    /// When.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub at: Option<Timestamp>,
    /// Who: `token 3 (deploy)`.
    pub actor: String,
    /// From where: an address, or `here` for the machine itself.
    pub origin: String,
    /// What was done: `runner.remove`.
    pub action: String,
    /// To what: `runner 5 (build-1)`.
    pub object: String,
    /// What else there is to say.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub detail: serde_json::Value,
}

/// Some changes, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Audit {
    /// Those of this page.
    pub entries: Vec<AuditEntry>,
}

/// Which changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Those before this entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
    /// Those since this moment, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Those whose action begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
