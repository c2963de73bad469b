//! Finding the person behind a token. Called by REST's guard, and by sessions.
//!
//! A text that is no token costs nothing, a wrong one a hash and one indexed read, a right one that was seen within the last seconds a hash. Of an
//! address that shows many wrong ones, further wrong ones are turned away before the database; who was let in before stays in.

use super::error::Denied;
use super::opens::UserOpens;
use super::origin::{Origin, Trust};
use super::person::{Actor, Person};
use crate::plane::Plane;
use domain::control::{TokenId, TokenPhase, TokenUse};
use domain::{Secret, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use store::{StoredToken, TokenHash, TokenKind};

/// So long what is known of a token is believed: a revocation works within five seconds (`security` R10).
const KNOWN: Duration = Duration::from_secs(4);
/// So long it is remembered that a token was good.
const GOOD: Duration = Duration::from_hours(1);
/// So many tokens are remembered.
const MANY: usize = 10_000;
/// That a token was used is written down so often.
const NOTED: Duration = Duration::from_secs(60);
/// So many wrong tokens may come from one address within [`WINDOW`].
const WRONG: u32 = 120;
const WINDOW: Duration = Duration::from_secs(60);

/// What is known of tokens that were shown, and of addresses that showed wrong ones.
#[derive(Debug, Default)]
pub struct Access {
    trust: Trust,
    known: Mutex<HashMap<TokenHash, Known>>,
    wrong: Mutex<HashMap<(Origin, Showing), Wrong>>,
}

#[derive(Debug, Clone)]
struct Known {
    person: Person,
    phase: TokenPhase,
    since: Instant,
}

/// What is shown where something is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Showing {
    /// A person's token.
    Person,
    /// A runner's key.
    Runner,
    /// A token that registers runners.
    Registration,
}

#[derive(Debug)]
struct Wrong {
    count: u32,
    since: Instant,
}

impl Access {
    /// Knows nobody yet.
    #[must_use]
    pub fn new(trust: Trust) -> Self {
        Self { trust, ..Self::default() }
    }

    /// Whom the server believes about where a call comes from.
    #[must_use]
    pub const fn trust(&self) -> Trust {
        self.trust
    }

    /// Who shows a person's token.
    ///
    /// # Errors
    /// When it is none, none of this server, or opens nothing.
    pub async fn person(&self, plane: &Plane, token: &Secret, origin: Origin) -> Result<Person, Denied> {
        match TokenUse::of(token.expose())? {
            TokenUse::User => {}
            TokenUse::Registration => return Err(Denied::Kind("registers runners")),
            TokenUse::Runner => return Err(Denied::Kind("signs a runner's calls")),
            TokenUse::Job => return Err(Denied::Kind("signs a job's calls")),
            TokenUse::Fleet | TokenUse::Hook => return Err(Denied::Kind("is a machine's")),
        }
        let hash = plane.keys.hash(token);
        match self.known(hash) {
            Some(known) if known.since.elapsed() < KNOWN => {
                known.phase.opens(plane.now()).map_err(Denied::Dead)?;
                return Ok(known.person);
            }
            // A token that was good lately is looked up again, whatever others show from there.
            Some(_) => {}
            None => self.may_try(origin)?,
        }
        let wrong = |denied| {
            lock(&self.known).remove(&hash);
            self.was_wrong(plane, origin, Showing::Person);
            denied
        };
        let stored = find(plane, TokenKind::User, token).await?.ok_or_else(|| wrong(Denied::Unknown))?;
        stored.phase.opens(plane.now()).map_err(|refusal| wrong(Denied::Dead(refusal)))?;
        let person = UserOpens::of(&stored).person(&stored);
        self.learn(hash, Known { person: person.clone(), phase: stored.phase, since: Instant::now() });
        note_use(plane, &stored);
        Ok(person)
    }

    /// Forgets what is known of a token: it was rotated or revoked here.
    pub(super) fn forget(&self, token: TokenId) {
        lock(&self.known).retain(|_, known| known.person.token != token);
    }

    fn known(&self, hash: TokenHash) -> Option<Known> {
        lock(&self.known).get(&hash).cloned()
    }

    fn learn(&self, hash: TokenHash, known: Known) {
        let mut all = lock(&self.known);
        if all.len() >= MANY {
            all.retain(|_, known| known.since.elapsed() < GOOD);
        }
        if all.len() < MANY {
            all.insert(hash, known);
        }
    }

    fn may_try(&self, origin: Origin) -> Result<(), Denied> {
        let wrong = lock(&self.wrong);
        match wrong.get(&(origin, Showing::Person)) {
            Some(wrong) if wrong.count >= WRONG && wrong.since.elapsed() < WINDOW => {
                Err(Denied::TooMany { seconds: (WINDOW.saturating_sub(wrong.since.elapsed())).as_secs() + 1 })
            }
            _ => Ok(()),
        }
    }

    /// Counts something wrong that was shown. Of an address that shows many it is written down, once in a while.
    pub(crate) fn was_wrong(&self, plane: &Plane, origin: Origin, showing: Showing) {
        if self.count_wrong(origin, showing) != WRONG {
            return;
        }
        tracing::warn!(%origin, showing = showing.word(), "many wrong tokens come from one address");
        let detail = serde_json::json!({ "count": WRONG, "within_s": WINDOW.as_secs() });
        let actor = Actor { name: "nobody".to_owned(), origin };
        let entry = actor.did("token.refuse", showing.word(), detail);
        let plane = plane.clone();
        tokio::spawn(async move {
            if let Err(error) = plane.store.note(plane.now(), &entry).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "refused tokens were not noted");
            }
        });
    }

    fn count_wrong(&self, origin: Origin, showing: Showing) -> u32 {
        let mut all = lock(&self.wrong);
        if all.len() >= MANY {
            all.retain(|_, wrong| wrong.since.elapsed() < WINDOW);
        }
        if all.len() >= MANY {
            return 0;
        }
        let wrong = all.entry((origin, showing)).or_insert(Wrong { count: 0, since: Instant::now() });
        if wrong.since.elapsed() >= WINDOW {
            *wrong = Wrong { count: 0, since: Instant::now() };
        }
        wrong.count = wrong.count.saturating_add(1);
        wrong.count
    }
}

impl Showing {
    const fn word(self) -> &'static str {
        match self {
            Self::Person => "tokens of persons",
            Self::Runner => "keys of runners",
            Self::Registration => "tokens that register runners",
        }
    }
}

/// The stored token of a text, whichever of the keys it was hashed with.
pub(super) async fn find(plane: &Plane, kind: TokenKind, token: &Secret) -> Result<Option<StoredToken>, Denied> {
    for hash in plane.keys.hashes(token) {
        if let Some(stored) = plane.store.token(kind, hash).await? {
            return Ok(Some(stored));
        }
    }
    Ok(None)
}

/// Writes down that a token was used, now and then, while the call goes on.
pub(super) fn note_use(plane: &Plane, stored: &StoredToken) {
    let now = plane.now();
    if now.since(stored.used.unwrap_or(Timestamp(0))) < NOTED {
        return;
    }
    let (plane, id) = (plane.clone(), stored.id);
    tokio::spawn(async move {
        if let Err(error) = plane.store.note_token_use(id, now).await {
            tracing::warn!(token = id.0, error = &error as &dyn std::error::Error, "the use of a token was not noted");
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind it is whole after every statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
