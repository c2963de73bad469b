//! What a token opens beyond its kind, as the store keeps it. Used by whoever makes, reads or shows tokens.

use super::label::bare_label;
use super::person::{Person, Rights};
use api::Right;
use domain::control::{Expiry, TokenPhase, Uses};
use domain::{Timestamp, control::TokenRefusal};
use serde::{Deserialize, Serialize};
use store::{StoredToken, TokenKind};

/// What a person's token opens, and a session's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UserOpens {
    /// What it may do.
    #[serde(default)]
    pub rights: Vec<Right>,
    /// What a session is for; none for a person's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionUse>,
}

/// What a session's token is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionUse {
    /// It begins one, once.
    Link {
        /// The token of the person whose it will be.
        token: i64,
    },
    /// It is one.
    Page {
        /// The token of the person whose it is.
        token: i64,
    },
}

/// What a token that registers runners says of them. The runner service asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Registration {
    /// Their pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// The labels that they may have; none: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// What its text is drawn from, of one that is said more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<Seed>,
}

/// What the text of a token is drawn from; with the master key, and only with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seed {
    /// The number of the master key.
    pub(super) key: u32,
    /// Random.
    pub(super) salt: String,
}

impl Registration {
    /// What a stored token says. One that cannot be read says nothing: it registers into no pool.
    #[must_use]
    pub fn of(token: &StoredToken) -> Self {
        serde_json::from_value(token.opens.clone()).unwrap_or_default()
    }

    /// What the key of a runner keeps of it: what the runner may say of itself later.
    pub(crate) fn of_runner(&self) -> serde_json::Value {
        let kept = Self { pool: self.pool.clone(), labels: self.labels.clone(), seed: None };
        serde_json::to_value(kept).unwrap_or_default()
    }

    /// The first of these labels that a runner may not have.
    #[must_use]
    pub fn refuses<'a>(&self, labels: &'a [String]) -> Option<&'a str> {
        if self.labels.is_empty() {
            return None;
        }
        let may = |label: &str| self.labels.iter().any(|may| bare_label(may) == bare_label(label));
        labels.iter().map(String::as_str).find(|label| !may(label))
    }
}

impl UserOpens {
    /// What a stored token says. One that cannot be read opens nothing.
    #[must_use]
    pub fn of(token: &StoredToken) -> Self {
        serde_json::from_value(token.opens.clone()).unwrap_or_default()
    }

    /// Who shows such a token.
    #[must_use]
    pub fn person(self, token: &StoredToken) -> Person {
        Person {
            token: token.id,
            name: token.name.clone(),
            rights: Rights::of(self.rights),
            scope: token.scope,
            ends: token.phase.ends(),
        }
    }
}

/// The life of a token in words, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenView {
    /// Whether it opens.
    pub state: api::TokenState,
    /// Why it does not.
    pub detail: Option<String>,
    /// How often still.
    pub uses_left: Option<u32>,
    /// Until when.
    pub expires: Option<Timestamp>,
}

impl TokenView {
    /// The words for a life as it is now.
    #[must_use]
    pub fn of(phase: TokenPhase, now: Timestamp) -> Self {
        let view = |state, detail, uses_left, expires| Self { state, detail, uses_left, expires };
        match phase.at(now) {
            TokenPhase::Live { uses, expires } => {
                let uses = match uses {
                    Uses::Unlimited => None,
                    Uses::Left(left) => Some(left.get()),
                };
                let expires = match expires {
                    Expiry::Never => None,
                    Expiry::At(end) => Some(end),
                };
                view(api::TokenState::Live, None, uses, expires)
            }
            TokenPhase::Grace { until } => view(api::TokenState::Grace, Some("rotated".to_owned()), None, Some(until)),
            TokenPhase::Dead { cause, at } => {
                view(api::TokenState::Dead, Some(TokenRefusal::Dead(cause).to_string()), None, Some(at))
            }
        }
    }
}

/// The word for a kind, as people read it: a token that …
pub(super) const fn kind_words(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Registration => "registers runners",
        TokenKind::Runner => "signs a runner's calls",
        TokenKind::User => "is a person's",
        TokenKind::Session => "is a page's session",
    }
}

#[cfg(test)]
mod tests {
    use super::Registration;

    #[test]
    fn labels_are_bound_by_their_names() {
        let bound = |labels: &[&str]| Registration {
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            ..Registration::default()
        };
        let labels = ["linux:host".to_owned(), "gpu".to_owned()];
        assert_eq!(bound(&[]).refuses(&labels), None);
        assert_eq!(bound(&["linux", "gpu", "x"]).refuses(&labels), None);
        assert_eq!(bound(&["linux"]).refuses(&labels), Some("gpu"));
        let other = |label: &str| bound(&["linux"]).refuses(&[label.to_owned()]).is_some();
        assert!(!other("linux:docker://node:20") && !other("linux:lxc://debian:12"));
        assert!(
            other("linux:gpu") && other("linux:hosted") && other("linux:") && other(":host") && other("linux:x:host")
        );
    }
}
