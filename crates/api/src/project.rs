//! Projects: git repositories whose workflows run here. Ours: Gitea has repositories instead.

use crate::when;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Project {
    /// Its number.
    pub id: i64,
    /// Its owner's name.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// `owner/name`
    pub full_name: String,
    /// Where its repository is: a path of the server's machine or a URL.
    pub git: String,
    /// Where people see it.
    #[serde(default)]
    pub html_url: String,
    /// Since when it is one.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Option<Timestamp>,
}

/// A project to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// Its owner's name; made where there is none of it.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Where its repository is: a path of the server's machine or a URL.
    pub git: String,
}

/// All projects that the token sees, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectList {
    /// Those of this page.
    pub projects: Vec<Project>,
    /// How many there are on all pages.
    pub total_count: i64,
}
