//! Tokens of people and of registrations, and what they may do. Ours.

use crate::when;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a token may do within its scope. Writing holds reading; [`Right::Admin`] holds all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Right {
    /// See workflows, runs, jobs, logs, artifacts and the queue.
    #[serde(rename = "read:runs")]
    ReadRuns,
    /// Start, cancel, re-run and delete runs; enable and disable workflows.
    #[serde(rename = "write:runs")]
    WriteRuns,
    /// See runners.
    #[serde(rename = "read:runners")]
    ReadRunners,
    /// Register, drain, disable and remove runners, and make tokens that register.
    #[serde(rename = "write:runners")]
    WriteRunners,
    /// See the names of secrets, and variables.
    #[serde(rename = "read:secrets")]
    ReadSecrets,
    /// Set and remove secrets and variables.
    #[serde(rename = "write:secrets")]
    WriteSecrets,
    /// Fetch the repositories of projects with git.
    #[serde(rename = "read:code")]
    ReadCode,
    /// Make and remove projects.
    #[serde(rename = "write:projects")]
    WriteProjects,
    /// See what was changed by whom.
    #[serde(rename = "read:audit")]
    ReadAudit,
    /// See, make, rotate and revoke tokens that may do no more than this one.
    #[serde(rename = "write:tokens")]
    WriteTokens,
    /// Everything.
    #[serde(rename = "admin")]
    Admin,
}

/// The text names no right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no right; there are {all}", all = Right::ALL.map(Right::word).join(", "))]
pub struct UnknownRight(String);

impl Right {
    /// All there are.
    pub const ALL: [Self; 11] = [
        Self::ReadRuns,
        Self::WriteRuns,
        Self::ReadRunners,
        Self::WriteRunners,
        Self::ReadSecrets,
        Self::WriteSecrets,
        Self::ReadCode,
        Self::WriteProjects,
        Self::ReadAudit,
        Self::WriteTokens,
        Self::Admin,
    ];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ReadRuns => "read:runs",
            Self::WriteRuns => "write:runs",
            Self::ReadRunners => "read:runners",
            Self::WriteRunners => "write:runners",
            Self::ReadSecrets => "read:secrets",
            Self::WriteSecrets => "write:secrets",
            Self::ReadCode => "read:code",
            Self::WriteProjects => "write:projects",
            Self::ReadAudit => "read:audit",
            Self::WriteTokens => "write:tokens",
            Self::Admin => "admin",
        }
    }

    /// Whether who has this right may do what needs `other`.
    #[must_use]
    pub fn holds(self, other: Self) -> bool {
        self == other
            || match self {
                Self::Admin => true,
                Self::WriteRuns => other == Self::ReadRuns,
                Self::WriteRunners => other == Self::ReadRunners,
                Self::WriteSecrets => other == Self::ReadSecrets,
                _ => false,
            }
    }
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

impl std::str::FromStr for Right {
    type Err = UnknownRight;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|right| right.word() == text).ok_or_else(|| UnknownRight(text.to_owned()))
    }
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// A person's, or a program's for a person.
    User,
    /// Registers runners.
    Registration,
    /// Signs a runner's calls; made by registering.
    Runner,
    /// A page's session; made by signing in.
    Session,
}

/// Where a token is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// It opens.
    Live,
    /// Another one took its place; it opens for a while still.
    Grace,
    /// It opens nothing.
    Dead,
}

/// A token, without its text: that is said once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its number.
    pub id: i64,
    /// What it is for.
    pub kind: TokenKind,
    /// How people call it.
    pub name: String,
    /// Where it opens: `instance`, `OWNER` or `OWNER/NAME`.
    pub scope: String,
    /// What it may do there.
    #[serde(default)]
    pub rights: Vec<Right>,
    /// The pool of the runners that it registers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The labels that runners registered with it may have; none: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The runner that signs with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner_id: Option<i64>,
    /// Whether it opens.
    pub state: TokenState,
    /// Why it does not, or what is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How often it opens still; none: as often as one likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses_left: Option<u32>,
    /// Until when; never ends where it is the start of 1970.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Who made it.
    pub made_by: String,
    /// When.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// When it was last seen to open something, to a minute or so.
    #[serde(with = "when", default)]
    #[schema(value_type = String, format = DateTime)]
    pub used_at: Option<Timestamp>,
}

/// Some tokens, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// Those of this page.
    pub tokens: Vec<Token>,
    /// How many there are on all pages.
    pub total_count: i64,
}

/// A token to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// `user` or `registration`.
    pub kind: TokenKind,
    /// How people will call it.
    pub name: String,
    /// Where it opens: `instance` where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// What a user's may do; no more than its maker may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rights: Vec<Right>,
    /// So many seconds it lives. Where it is not said: 15 minutes for one that registers, for ever for a user's; one that registers lives a year at most, none longer than the token that makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub expires_in_s: Option<u64>,
    /// How many runners it registers: one where it is not said, any number for 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
    /// The pool of the runners that it registers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The labels that they may have; none: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

/// Another one takes a token's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateToken {
    /// So many seconds the old one opens still; a day where it is not said, 30 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_s: Option<u64>,
}

/// A token that was just made. Its text is said once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeToken {
    /// The text.
    pub token: String,
    /// The rest.
    #[serde(flatten)]
    pub facts: Token,
}

impl std::fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeToken").field("facts", &self.facts).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Right;

    #[test]
    fn the_words_are_those_of_the_wire() {
        for right in Right::ALL {
            assert_eq!(serde_json::to_value(right).unwrap(), right.word());
            assert_eq!(right.word().parse(), Ok(right));
            assert!(Right::Admin.holds(right) && right.holds(right));
        }
        assert!(Right::WriteRuns.holds(Right::ReadRuns) && !Right::ReadRuns.holds(Right::WriteRuns));
        assert!(!Right::WriteTokens.holds(Right::Admin) && !Right::WriteSecrets.holds(Right::ReadRuns));
        let error = "write:everything".parse::<Right>().unwrap_err().to_string();
        assert!(error.starts_with("'write:everything' is no right; there are read:runs, write:runs"), "{error}");
    }
}
