//! Which server this is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The Gitea whose Actions routes this server answers like. Gitea's clients read it as the server's own version and refuse older ones.
pub const GITEA_LEVEL: &str = "1.27.3";

/// The answer of `/api/v1/version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// `GITEA+ekiden-OURS`: what Gitea's clients compare, and ours behind the `+`, which they leave out.
    pub version: String,
    /// Our version; only our servers say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ekiden: Option<String>,
}

impl Version {
    /// That of a server of this version of ours.
    #[must_use]
    pub fn of(ekiden: &str) -> Self {
        Self { version: format!("{GITEA_LEVEL}+ekiden-{ekiden}"), ekiden: Some(ekiden.to_owned()) }
    }
}
