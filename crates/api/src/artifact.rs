//! Artifacts: files that jobs leave behind.

use crate::when;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Artifact {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub size_in_bytes: i64,
    /// Its route.
    pub url: String,
    /// Where its bytes are.
    pub archive_download_url: String,
    /// Whether its bytes are gone.
    pub expired: bool,
    /// When it was made.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// When its bytes go.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// Some artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactList {
    /// Those of this page.
    pub artifacts: Vec<Artifact>,
    /// How many there are on all pages.
    pub total_count: i64,
}
