//! People and repositories, as far as a server without either knows them: the part of Gitea's shapes that clients of Actions read.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Somebody who caused a run or owns a project: a name, nothing more is known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The number of an owner; 0 for who owns nothing here.
    pub id: i64,
    /// The name.
    pub login: String,
    /// The name again, under its older key.
    #[serde(default)]
    pub username: String,
    /// The name as it is shown.
    #[serde(default)]
    pub full_name: String,
    /// Always empty: no addresses are kept.
    #[serde(default)]
    pub email: String,
    /// Where the owner's projects are shown.
    #[serde(default)]
    pub html_url: String,
    /// Whether the token may do everything everywhere.
    #[serde(default)]
    pub is_admin: bool,
}

impl User {
    /// Somebody of whom nothing but a name is known.
    #[must_use]
    pub fn named(login: impl Into<String>) -> Self {
        let login = login.into();
        Self { username: login.clone(), full_name: login.clone(), login, ..Self::default() }
    }
}

/// The project of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Repository {
    /// Its number.
    pub id: i64,
    /// Its owner.
    #[serde(default)]
    pub owner: User,
    /// Its name.
    pub name: String,
    /// `owner/name`
    pub full_name: String,
    /// Always true: a token is needed to see it.
    #[serde(default)]
    pub private: bool,
    /// Where its routes are.
    #[serde(default)]
    pub url: String,
    /// Where people see it.
    #[serde(default)]
    pub html_url: String,
    /// Where it is cloned from: this server.
    #[serde(default)]
    pub clone_url: String,
    /// The branch whose workflows are listed; empty while it is not known.
    #[serde(default)]
    pub default_branch: String,
}
