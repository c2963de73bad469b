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
    /// The forge that hears of its runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forge: Option<ProjectForge>,
    /// Who may clone it from the server.
    #[serde(default)]
    pub readers: Readers,
}

/// Who may clone a project from the server. People whose token may read its code always may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Readers {
    /// Its own jobs.
    #[default]
    Own,
    /// Jobs of all projects: it holds actions.
    Jobs,
    /// Whoever reaches the server, also without a token.
    Anyone,
}

/// Who is to be able to clone a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetReaders {
    /// From now on.
    pub readers: Readers,
}

/// The forge that hears of a project's runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectForge {
    /// The repository's page there.
    pub url: String,
    /// `gitea` (Forgejo too) or `github`.
    pub kind: String,
}

/// A forge to be told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetForge {
    /// The repository's page there: `https://HOST/OWNER/NAME`.
    pub url: String,
    /// `gitea`, `forgejo` or `github`; where it is not said, `github.com` is GitHub and all else Gitea or Forgejo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// A token of the forge that may write statuses of commits. It is kept sealed, and never said again.
    pub token: String,
}

impl std::fmt::Debug for SetForge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetForge").field("url", &self.url).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Where a forge sends its pushes to a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hook {
    /// The address to write into the forge's settings of the repository.
    pub url: String,
    /// When its secret was made; the start of 1970 where it has none: then no push is taken.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub secret_made_at: Option<Timestamp>,
}

/// What a forge is told that sent a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Heard {
    /// What is done now.
    pub message: String,
}

/// A webhook with a new secret. It is said once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeHook {
    /// What the forge signs with: HMAC-SHA256, in one of the headers of GitHub, Gitea and Forgejo.
    pub secret: String,
    /// The rest.
    #[serde(flatten)]
    pub hook: Hook,
}

impl std::fmt::Debug for MadeHook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeHook").field("hook", &self.hook).finish_non_exhaustive()
    }
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
