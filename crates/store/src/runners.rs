//! Runners: registered, heard of, changed, removed. Called by the server's runner service, its runner routes and its sweeps.

use crate::audit::AuditEntry;
use crate::database::{change, read};
use crate::news::Change;
use crate::tokens::{StoredToken, TokenHash};
use crate::{Store, StoreError};
use domain::control::{RunnerChange, RunnerPhase, Scope, TokenId, TokenPhase};
use domain::{RunnerCapability, RunnerId, RunnerUuid, Timestamp};
use std::collections::HashMap;
use std::time::Duration;

/// So many are noted by one write.
const HEARD: usize = 500;
/// So many keys are looked up by one statement.
const KEYS: usize = 500;

/// A runner to be. Where it belongs, and to which pool, is the registration token's to say.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRunner {
    /// Its public name, made by the server.
    pub uuid: RunnerUuid,
    /// How people call it.
    pub name: String,
    /// The pool that the token named.
    pub pool: Option<String>,
    /// Its labels.
    pub labels: Vec<String>,
    /// Its program's version.
    pub version: String,
    /// What it can do beyond the first protocol.
    pub capabilities: Vec<RunnerCapability>,
    /// How it begins.
    pub phase: RunnerPhase,
    /// The key that it will sign with.
    pub key: TokenHash,
    /// What the key opens, in the server's words; the keys that take its place open the same.
    pub opens: serde_json::Value,
}

/// A runner as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRunner {
    /// Its number.
    pub id: RunnerId,
    /// Its public name.
    pub uuid: RunnerUuid,
    /// How people call it.
    pub name: String,
    /// Whose jobs it takes.
    pub scope: Scope,
    /// Its pool.
    pub pool: Option<String>,
    /// Its labels.
    pub labels: Vec<String>,
    /// Its program's version.
    pub version: String,
    /// What it can do beyond the first protocol.
    pub capabilities: Vec<RunnerCapability>,
    /// What it does, and whether it may.
    pub phase: RunnerPhase,
    /// Since when it is one.
    pub created: Timestamp,
}

/// What a runner says of itself at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerFacts {
    /// Its labels: they replace those that it had.
    pub labels: Vec<String>,
    /// Its program's version.
    pub version: String,
    /// What it can do beyond the first protocol.
    pub capabilities: Vec<RunnerCapability>,
}

/// How a runner's key stands, and its runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStanding {
    /// Whose key.
    pub runner: RunnerId,
    /// What the runner does, and whether it may.
    pub phase: RunnerPhase,
    /// The key's life as it was last written; [`TokenPhase::at`] says what it is now.
    pub key: TokenPhase,
}

impl Store {
    /// Makes a runner with a registration token: the token's use and the runner happen together or not at all.
    ///
    /// # Errors
    /// When the token is dead; of many who share its last use one wins.
    pub async fn register(
        &self,
        token: TokenId,
        runner: &NewRunner,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<StoredRunner, StoreError> {
        Ok(change!(self, runners::register(token, runner, now, audit), |made| {
            vec![Change::Runner(made.id), Change::Token(token)]
        }))
    }

    /// The runner that signs with a key, and the key. Dead keys are found too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn runner_of_key(&self, key: TokenHash) -> Result<Option<(StoredRunner, StoredToken)>, StoreError> {
        Ok(read!(self, runners::of_key(key)))
    }

    /// How keys of runners stand, all in few statements. A key that there is not, or that cannot be read, is left out; dead ones are not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn key_standings(&self, keys: &[TokenHash]) -> Result<HashMap<TokenHash, KeyStanding>, StoreError> {
        let mut standings = HashMap::with_capacity(keys.len());
        for keys in keys.chunks(KEYS) {
            standings.extend(read!(self, runners::key_standings(keys)));
        }
        Ok(standings)
    }

    /// The runner of a number.
    ///
    /// # Errors
    /// When there is none.
    pub async fn runner(&self, id: RunnerId) -> Result<StoredRunner, StoreError> {
        Ok(read!(self, runners::by_id(id)))
    }

    /// The runners of a scope, those of its parts left out; `None`: all there are. By number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn runners(&self, scope: Option<Scope>) -> Result<Vec<StoredRunner>, StoreError> {
        Ok(read!(self, runners::of_scope(scope)))
    }

    /// The runners that were not heard of after `since`, and those that were, by a clock that was set back, after `now`. By number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn quiet_runners(&self, since: Timestamp, now: Timestamp) -> Result<Vec<StoredRunner>, StoreError> {
        Ok(read!(self, runners::quiet(since, now)))
    }

    /// Notes what a runner says of itself.
    ///
    /// # Errors
    /// When there is no such runner.
    pub async fn declare(&self, id: RunnerId, facts: &RunnerFacts) -> Result<(), StoreError> {
        change!(self, runners::declare(id, facts), |()| vec![Change::Runner(id)]);
        Ok(())
    }

    /// Changes what a runner does or may do, and gives it as it is then. What people do comes with an audit entry.
    ///
    /// # Errors
    /// When there is no such runner, or the change has no place.
    pub async fn change_runner(
        &self,
        id: RunnerId,
        change: RunnerChange,
        now: Timestamp,
        audit: Option<&AuditEntry>,
    ) -> Result<RunnerPhase, StoreError> {
        let (_, phase) = change!(self, runners::change_audited(id, change, now, audit), |(before, after)| {
            // That it was heard of once more is no news.
            let is_news = !matches!(change, RunnerChange::Heard(_)) || before.standing() != after.standing();
            if is_news { vec![Change::Runner(id)] } else { Vec::new() }
        });
        Ok(phase)
    }

    /// Notes when runners were last heard of, all in few writes. A runner that is none any more is nothing to note.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hear(&self, heard: &[(RunnerId, Timestamp)]) -> Result<(), StoreError> {
        for heard in heard.chunks(HEARD) {
            change!(self, runners::hear(heard), |others| others.iter().copied().map(Change::Runner).collect());
        }
        Ok(())
    }

    /// Gives a runner a new key; those it has open for `grace` still.
    ///
    /// # Errors
    /// When there is no such runner.
    pub async fn rotate_key(
        &self,
        id: RunnerId,
        key: TokenHash,
        grace: Duration,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        change!(self, runners::rotate_key(id, key, grace, now, audit), |()| vec![Change::Runner(id)]);
        Ok(())
    }

    /// Forgets a runner and its keys.
    ///
    /// # Errors
    /// When there is none.
    pub async fn remove_runner(&self, id: RunnerId, now: Timestamp, audit: &AuditEntry) -> Result<(), StoreError> {
        change!(self, runners::remove(id, now, audit), |()| vec![Change::Runner(id)]);
        Ok(())
    }
}
