//! Tokens of every kind, as hashes. Called by the server's interceptors, its token routes, and its first start.

use crate::audit::AuditEntry;
use crate::database::{change, read};
use crate::news::Change;
use crate::{Store, StoreError};
use domain::control::{Scope, TokenChange, TokenId, TokenPhase};
use domain::{RunnerId, Timestamp};
use std::time::Duration;

/// What is left of a token after hashing with the server's pepper.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Makes runners.
    Registration,
    /// Signs the calls of one runner.
    Runner,
    /// A person's, or a program's for a person.
    User,
    /// A page's session.
    Session,
}

impl TokenKind {
    const ALL: [Self; 4] = [Self::Registration, Self::Runner, Self::User, Self::Session];

    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Runner => "runner",
            Self::User => "user",
            Self::Session => "session",
        }
    }
}

/// A token to be.
#[derive(Debug, Clone, PartialEq)]
pub struct NewToken {
    /// What it is for.
    pub kind: TokenKind,
    /// What is kept of it.
    pub hash: TokenHash,
    /// How people call it.
    pub name: String,
    /// What it opens beyond its kind, in the server's words: rights, pool, labels.
    pub opens: serde_json::Value,
    /// Where it opens.
    pub scope: Scope,
    /// Its life.
    pub phase: TokenPhase,
    /// Who made it.
    pub by: String,
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredToken {
    /// Its number.
    pub id: TokenId,
    /// How people call it.
    pub name: String,
    /// What it opens beyond its kind.
    pub opens: serde_json::Value,
    /// Where it opens.
    pub scope: Scope,
    /// The runner that signs with it, of a runner's token.
    pub runner: Option<RunnerId>,
    /// Its life as it was last written; [`TokenPhase::at`] says what it is now.
    pub phase: TokenPhase,
    /// Who made it.
    pub by: String,
    /// When.
    pub created: Timestamp,
    /// When it was last seen to open something, to the minute or so.
    pub used: Option<Timestamp>,
}

/// What is noted of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationAudit {
    /// That the new token was made.
    pub made: AuditEntry,
    /// That the old one was rotated.
    pub rotated: AuditEntry,
}

/// Whether a token of a person may go, of those that other persons have and the time: the caller knows what they open.
pub type MayGo = fn(&StoredToken, &[StoredToken], Timestamp) -> bool;

impl Store {
    /// Keeps a new token.
    ///
    /// # Errors
    /// When there is one of this hash.
    pub async fn add_token(&self, token: &NewToken, now: Timestamp, audit: &AuditEntry) -> Result<TokenId, StoreError> {
        Ok(change!(self, tokens::add_audited(token, now, audit), |id| vec![Change::Token(*id)]))
    }

    /// The token of a hash; `None` where there is none of this kind. Dead ones are found too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn token(&self, kind: TokenKind, hash: TokenHash) -> Result<Option<StoredToken>, StoreError> {
        Ok(read!(self, tokens::by_hash(kind, hash)))
    }

    /// The token of a number, and its kind; `None` where there is none. Dead ones are found too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn token_by_id(&self, id: TokenId) -> Result<Option<(TokenKind, StoredToken)>, StoreError> {
        Ok(read!(self, tokens::by_id(id)))
    }

    /// The tokens of a kind, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tokens(&self, kind: TokenKind) -> Result<Vec<StoredToken>, StoreError> {
        Ok(read!(self, tokens::all(kind)))
    }

    /// Changes a token's life, and gives it as it is then.
    ///
    /// # Errors
    /// When there is no such token, or the change has no place in its life.
    pub async fn change_token(
        &self,
        id: TokenId,
        change: TokenChange,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<TokenPhase, StoreError> {
        Ok(change!(self, tokens::change_audited(id, change, now, audit), |_| vec![Change::Token(id)]))
    }

    /// Puts a new token in the place of one, which opens for a grace still: both or neither. The new one's life is what the old one had left.
    ///
    /// # Errors
    /// When there is no such token, it is dead or in its grace, or there is one of the new one's hash.
    pub async fn rotate_token(
        &self,
        id: TokenId,
        grace: Duration,
        new: &NewToken,
        now: Timestamp,
        audit: &RotationAudit,
    ) -> Result<(TokenId, TokenPhase), StoreError> {
        let news = |made: &(TokenId, TokenPhase)| vec![Change::Token(made.0), Change::Token(id)];
        Ok(change!(self, tokens::rotate(id, grace, new, now, audit), news))
    }

    /// Revokes a token of a person that may go. Of many that go at the same time, each is asked about with those that are left then.
    ///
    /// # Errors
    /// [`StoreError::Last`] when it may not go, or when there is no such token.
    pub async fn revoke_token(
        &self,
        id: TokenId,
        may_go: MayGo,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<TokenPhase, StoreError> {
        Ok(change!(self, tokens::revoke(id, may_go, now, audit), |_| vec![Change::Token(id)]))
    }

    /// Notes that a token opened something. For people to see; it counts no use.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_token_use(&self, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
        change!(self, tokens::note_use(id, now));
        Ok(())
    }
}
