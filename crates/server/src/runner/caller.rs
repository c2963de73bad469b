//! Who calls: a runner's uuid and key (`security` R5, R6: hashed, found by the hash, so that no comparison takes a time that says anything). What was
//! found is believed for a few seconds.

use super::lookups::is_as_before;
use super::service::{Runners, refused};
use crate::access::{Origin, Showing};
use domain::control::{Admission, Contact, RunnerChange, TokenPhase, TokenUse};
use domain::{RunnerId, Timestamp};
use protocol::{Caller, Code, Refusal};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{StoredRunner, TokenHash};

/// So long a key that was good is taken as good: a revocation works within 5 s.
pub(super) const BELIEVED: Duration = Duration::from_secs(2);
/// A runner is noted as heard of this often at most.
const HEARD: Duration = Duration::from_secs(20);
/// So many are remembered.
const MOST: usize = 20_000;

/// How soon it must be known who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
    /// Whoever leaves a question open has time until others ask too.
    IfItDoesNotWait,
    Great,
}

/// Callers that were known a moment ago.
#[derive(Debug, Default)]
pub(super) struct Callers(Mutex<HashMap<TokenHash, Known>>);

#[derive(Debug, Clone)]
struct Known {
    runner: Arc<StoredRunner>,
    at: Timestamp,
    heard: Timestamp,
}

impl Callers {
    fn get(&self, hash: TokenHash, now: Timestamp) -> Option<Arc<StoredRunner>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(&hash)?;
        (known.at <= now && now.since(known.at) < BELIEVED).then(|| Arc::clone(&known.runner))
    }

    /// Whose key it was a while ago, when it was good.
    fn knew(&self, hash: TokenHash) -> Option<Arc<StoredRunner>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&hash).map(|known| Arc::clone(&known.runner))
    }

    /// Remembers a caller; says whether it is time to note that it was heard of.
    fn put(&self, hash: TokenHash, runner: &Arc<StoredRunner>, now: Timestamp) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.retain(|_, known| now.since(known.at) < HEARD);
        }
        let heard = all.get(&hash).map(|known| known.heard);
        let is_due = heard.is_none_or(|heard| heard > now || now.since(heard) >= HEARD);
        let heard = if is_due { now } else { heard.unwrap_or(now) };
        all.insert(hash, Known { runner: Arc::clone(runner), at: now, heard });
        is_due
    }

    /// Forgets what is known of a runner: it changed.
    pub(super) fn forget(&self, runner: RunnerId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, known| known.runner.id != runner);
    }
}

fn unknown() -> Refusal {
    // The words that agents of Gitea know as final.
    Refusal::new(
        Code::Unauthenticated,
        "unregistered runner: the key is not known here, or was revoked; register this runner again",
    )
}

impl Runners {
    /// From where a call comes.
    pub(super) fn origin(&self, caller: &Caller) -> Origin {
        Origin::told(self.plane.access.trust(), caller.peer, caller.forwarded.as_deref())
    }

    /// The runner that calls. It is noted as heard of.
    pub(super) async fn caller(&self, caller: &Caller) -> Result<Arc<StoredRunner>, Refusal> {
        self.found(caller, Haste::IfItDoesNotWait).await
    }

    async fn found(&self, caller: &Caller, haste: Haste) -> Result<Arc<StoredRunner>, Refusal> {
        let found = self.look(caller, haste).await;
        if let Err(refusal) = &found
            && refusal.code == Code::Unauthenticated
        {
            self.plane.access.was_wrong(&self.plane, self.origin(caller), Showing::Runner);
        }
        found
    }

    /// Looks the key of a runner up that was believed a while ago. While the database is away, it is believed still.
    pub(super) async fn anew(&self, caller: &Caller) -> Result<(), Refusal> {
        match self.found(caller, Haste::Great).await {
            Err(refusal) if refusal.code == Code::Unauthenticated => Err(refusal),
            _ => Ok(()),
        }
    }

    async fn look(&self, caller: &Caller, haste: Haste) -> Result<Arc<StoredRunner>, Refusal> {
        let key = caller.key.as_ref().ok_or_else(unknown)?;
        // A text that is no key costs nothing.
        if TokenUse::of(key.token.expose()).ok() != Some(TokenUse::Runner) {
            return Err(unknown());
        }
        let now = self.plane.now();
        for hash in self.plane.keys.hashes(&key.token) {
            if let Some(runner) = self.callers.get(hash, now) {
                return if runner.uuid == key.uuid { Ok(runner) } else { Err(unknown()) };
            }
            let knew = self.callers.knew(hash);
            if haste == Haste::IfItDoesNotWait
                && caller.wait.is_some()
                && let Some(runner) = knew.as_ref().filter(|runner| runner.uuid == key.uuid)
                && let Some(standing) = self.lookups.find(&self.plane.store, hash).await?
                && is_as_before(&standing, runner.id, runner.phase.admission(), now)
            {
                if self.callers.put(hash, runner, now) {
                    self.heard.note(&self.plane.store, runner.id, now);
                }
                return Ok(Arc::clone(runner));
            }
            // Who was known lately does not wait among strangers.
            let _place = if knew.is_some() { None } else { self.strangers.acquire().await.ok() };
            let Some((runner, token)) = self.plane.store.runner_of_key(hash).await.map_err(refused)? else { continue };
            if runner.uuid != key.uuid {
                return Err(unknown());
            }
            if let TokenPhase::Dead { .. } = token.phase.at(now) {
                return Err(unknown());
            }
            if runner.phase.admission() == Admission::Removed {
                return Err(Refusal::new(Code::Unauthenticated, "runner has been removed; register it again"));
            }
            return self.known(hash, Arc::new(runner), now).await;
        }
        Err(unknown())
    }

    async fn known(
        &self,
        hash: TokenHash,
        runner: Arc<StoredRunner>,
        now: Timestamp,
    ) -> Result<Arc<StoredRunner>, Refusal> {
        if !self.callers.put(hash, &runner, now) {
            return Ok(runner);
        }
        if let Contact::Online(_) = runner.phase.contact() {
            // Nobody waits to hear that it is there still.
            self.heard.note(&self.plane.store, runner.id, now);
            return Ok(runner);
        }
        let phase = self.plane.store.change_runner(runner.id, RunnerChange::Heard(now), now, None).await;
        let runner = Arc::new(StoredRunner { phase: phase.map_err(refused)?, ..(*runner).clone() });
        self.callers.put(hash, &runner, now);
        self.plane.queue.runner((*runner).clone());
        Ok(runner)
    }
}
