//! A runner as a forge knows it: identity, labels, what it can do. Used by `protocol` at its border, by the agent and by the server.

use crate::Secret;
use serde::{Deserialize, Serialize};

/// A runner's number at its forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunnerId(pub i64);

impl std::fmt::Display for RunnerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The public name under which a runner signs its calls: a UUID in most cases, never interpreted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunnerUuid(pub String);

impl std::fmt::Display for RunnerUuid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a runner shows with every call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerKey {
    /// Who it is.
    pub uuid: RunnerUuid,
    /// The proof.
    pub token: Secret,
}

/// How long a registration lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunnerLife {
    /// Until somebody removes it.
    Lasting,
    /// For one task; the forge forgets the runner then.
    Ephemeral,
}

/// What a forge thinks that a runner does now; it rarely says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunnerStatus {
    /// Not said.
    Unsaid,
    /// Online, without work.
    Idle,
    /// At work.
    Active,
    /// Not heard of.
    Offline,
    /// A number that has no name here.
    Other(i32),
}

/// Something that a runner can do beyond the first protocol.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RunnerCapability {
    /// Goes on reporting while it cancels, so that post steps run (Gitea from 1.27).
    Cancelling,
    /// One that has no name here; handed on as it came.
    Other(String),
}

impl RunnerCapability {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Cancelling => "cancelling",
            Self::Other(word) => word,
        }
    }

    /// Reads the word on the wire.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        if word == "cancelling" { Self::Cancelling } else { Self::Other(word.to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::RunnerCapability;

    #[test]
    fn a_capability_keeps_its_word() {
        for word in ["cancelling", "reporting_steps", ""] {
            assert_eq!(RunnerCapability::from_word(word).as_str(), word);
        }
        assert_eq!(RunnerCapability::from_word("cancelling"), RunnerCapability::Cancelling);
    }
}
