//! Secrets and variables of a scope.

use crate::when;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A secret, without its value: that is never said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Secret {
    /// Upper case.
    pub name: String,
    /// What people write about it.
    #[serde(default)]
    pub description: String,
    /// Since when there is one of this name.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Option<Timestamp>,
}

/// Gitea's clients send `null` for what they leave out.
fn text_or_null<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Option::<String>::deserialize(from).map(Option::unwrap_or_default)
}

/// Sets a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetSecret {
    /// Its value.
    pub data: String,
    /// What people write about it.
    #[serde(default, deserialize_with = "text_or_null")]
    pub description: String,
}

impl std::fmt::Debug for SetSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetSecret").field("description", &self.description).finish_non_exhaustive()
    }
}

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Variable {
    /// The number of its owner; 0 where it is a project's or the instance's.
    pub owner_id: i64,
    /// The number of its project; 0 where it is an owner's or the instance's.
    pub repo_id: i64,
    /// Upper case.
    pub name: String,
    /// Its value.
    pub data: String,
    /// What people write about it.
    #[serde(default)]
    pub description: String,
}

/// Makes a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateVariable {
    /// Its value.
    pub value: String,
    /// What people write about it.
    #[serde(default, deserialize_with = "text_or_null")]
    pub description: String,
}

/// Changes a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateVariable {
    /// Its new name; empty: as before.
    #[serde(default, deserialize_with = "text_or_null")]
    pub name: String,
    /// Its value.
    pub value: String,
    /// What people write about it.
    #[serde(default, deserialize_with = "text_or_null")]
    pub description: String,
}
