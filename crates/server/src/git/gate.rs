//! Who may fetch what: the question that the git routes ask of the rooms that know tokens and projects.

use crate::access::Origin;
use async_trait::async_trait;
use domain::Secret;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Asker {
    /// The token that is shown. The user name of a request says nothing.
    pub password: Option<Secret>,
    /// From where.
    pub origin: Origin,
}

/// Knows tokens and projects.
#[async_trait]
pub trait Gate: Send + Sync + std::fmt::Debug {
    /// Where the repository of a project is (a path or a URL), for whoever shows a job's token, or a person's.
    ///
    /// # Errors
    /// What the client is told instead.
    async fn repository(&self, owner: &str, name: &str, asker: &Asker) -> Result<String, Refusal>;
}

/// Why there is nothing to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody said who asks, or what was said opens nothing.
    Unknown,
    /// There is no such project, or not for this token.
    Missing,
    /// It cannot be told now.
    Failed(String),
}
