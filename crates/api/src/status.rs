//! Where a run, a job or a step is, in the words of Gitea's API.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where something is. How it ended is its conclusion. (Gitea's own pages say `waiting` for what is `queued` here, and `blocked` for what is `waiting`.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It waits for a runner.
    Queued,
    /// Something keeps it back: jobs that it needs, an approval, its concurrency group.
    Waiting,
    /// A runner has it.
    InProgress,
    /// It is over.
    Completed,
}

impl Status {
    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}
