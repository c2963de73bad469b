//! A runner comes: `Register` with a registration token, `Declare` at each start.

use super::service::{Runners, refused};
use crate::access::{self, LabelFault, Showing};
use crate::keys;
use domain::control::{RunnerPhase, RunnerStanding, TokenPhase, TokenUse, Work};
use domain::{RunnerLife, RunnerStatus, RunnerUuid, Secret};
use protocol::{Caller, Code, Declaration, Declared, Refusal, Registration, Runner};
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use store::{AuditEntry, NewRunner, RunnerFacts, StoredRunner, StoredToken, TokenKind};

/// A runner that lasts takes at most so many jobs at a time; how many it takes it says by asking.
const CAPACITY: NonZeroU32 = NonZeroU32::new(4096).expect("more than none");
/// What people and databases can hold (`runner-protocol` 3.2).
const LABELS: usize = 256;

/// What the server can do beyond the first protocol, for agents that look.
const CAPABILITIES: [&str; 1] = [protocol::HOLDS];

impl Runners {
    pub(super) async fn register_runner(&self, caller: &Caller, registration: Registration) -> Result<Runner, Refusal> {
        let Registration { name, token, version, labels, life, capabilities } = registration;
        let now = self.plane.now();
        let bad = |text: &str| Refusal::new(Code::InvalidArgument, text);
        if token.expose().is_empty() || name.trim().is_empty() {
            return Err(bad("missing runner token or name"));
        }
        sound(&name, &version, &labels)?;
        let labels = bare(labels);
        let origin = self.origin(caller);
        let wrong = || self.plane.access.was_wrong(&self.plane, origin, Showing::Registration);
        let Some(stored) = self.registration(&token).await? else {
            wrong();
            return Err(Refusal::new(Code::Unauthenticated, "runner registration token not found: ask for a new one"));
        };
        if let TokenPhase::Dead { .. } = stored.phase.at(now) {
            wrong();
            return Err(Refusal::new(
                Code::Unauthenticated,
                "runner registration token has been invalidated: it was used up, revoked, or its time is over; ask for a new one",
            ));
        }
        let opens = access::Registration::of(&stored);
        bound(&opens, &labels)?;
        let random = || keys::random().map_err(|error| Refusal::new(Code::Internal, error.to_string()));
        let key = TokenUse::Runner.text(random()?);
        let phase = match life {
            RunnerLife::Lasting => RunnerPhase::lasting(CAPACITY, now),
            RunnerLife::Ephemeral => RunnerPhase::ephemeral(now),
        };
        let new = NewRunner {
            uuid: uuid(random()?),
            name,
            pool: opens.pool.clone(),
            labels,
            version,
            capabilities,
            phase,
            key: self.plane.keys.hash(&key),
            opens: opens.of_runner(),
        };
        let audit = AuditEntry {
            actor: format!("registration token {}", stored.id),
            origin: origin.to_string(),
            action: "runner.register".to_owned(),
            object: format!("runner {} ({})", AuditEntry::NEW, new.name),
            detail: serde_json::json!({ "labels": new.labels, "version": new.version }),
        };
        let runner = self.plane.store.register(stored.id, &new, now, &audit).await.map_err(refused)?;
        self.plane.queue.runner(runner.clone());
        Ok(shown(runner, key))
    }

    pub(super) async fn declare_runner(&self, caller: Caller, declaration: Declaration) -> Result<Declared, Refusal> {
        let runner = self.caller(&caller).await?;
        let Declaration { version, labels, capabilities } = declaration;
        sound(&runner.name, &version, &labels)?;
        let labels = bare(labels);
        bound(&self.bounds(&caller).await?, &labels)?;
        let facts = RunnerFacts { labels, version, capabilities };
        self.plane.store.declare(runner.id, &facts).await.map_err(refused)?;
        self.callers.forget(runner.id);
        let runner = self.plane.store.runner(runner.id).await.map_err(refused)?;
        self.plane.queue.runner(runner.clone());
        let capabilities = CAPABILITIES.map(str::to_owned).to_vec();
        Ok(Declared { runner: Some(shown(runner, Secret::new(""))), capabilities })
    }
}

impl Runners {
    /// The stored token of a text that registers runners.
    async fn registration(&self, token: &Secret) -> Result<Option<StoredToken>, Refusal> {
        // A text that is no token costs nothing.
        if TokenUse::of(token.expose()).ok() != Some(TokenUse::Registration) {
            return Ok(None);
        }
        let _place = self.strangers.acquire().await;
        for hash in self.plane.keys.hashes(token) {
            let found = self.plane.store.token(TokenKind::Registration, hash).await.map_err(refused)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// What the token that made a runner said of it: its key remembers.
    async fn bounds(&self, caller: &Caller) -> Result<access::Registration, Refusal> {
        let Some(key) = &caller.key else { return Ok(access::Registration::default()) };
        for hash in self.plane.keys.hashes(&key.token) {
            if let Some((_, token)) = self.plane.store.runner_of_key(hash).await.map_err(refused)? {
                return Ok(access::Registration::of(&token));
            }
        }
        Ok(access::Registration::default())
    }
}

/// Whether a runner's own words can be kept, and shown to people on terminals.
fn sound(name: &str, version: &str, labels: &[String]) -> Result<(), Refusal> {
    let bad = |text: &str| Err(Refusal::new(Code::InvalidArgument, text));
    if labels.len() > LABELS {
        return bad("there are more than 256 labels");
    }
    for (what, word) in [("name", name), ("version", version)] {
        match access::sound_label(word) {
            // Gitea takes a runner that says no version.
            Ok(()) | Err(LabelFault::Empty) => {}
            Err(fault) => return bad(&format!("the {what} {fault}")),
        }
    }
    labels.iter().try_for_each(|label| {
        access::sound_label(label).or_else(|fault| bad(&format!("the label {} {fault}", access::quoted_label(label))))
    })
}

/// The labels by which jobs find a runner, each once. What is kept is what was looked at.
fn bare(labels: Vec<String>) -> Vec<String> {
    let mut known = BTreeSet::new();
    let bare = labels.iter().map(|label| access::bare_label(label).to_owned());
    bare.filter(|label| known.insert(label.clone())).collect()
}

/// Whether a runner may have these labels: a registration token may be for some alone (`security` R16).
fn bound(opens: &access::Registration, labels: &[String]) -> Result<(), Refusal> {
    let Some(other) = opens.refuses(labels) else { return Ok(()) };
    let allowed = opens.labels.join(", ");
    Err(Refusal::new(
        Code::PermissionDenied,
        format!("this runner's registration token is for the labels {allowed}, not for '{other}'"),
    ))
}

fn shown(runner: StoredRunner, token: Secret) -> Runner {
    Runner {
        id: runner.id,
        status: match runner.phase.standing() {
            RunnerStanding::Offline => RunnerStatus::Offline,
            RunnerStanding::Idle => RunnerStatus::Idle,
            RunnerStanding::Active => RunnerStatus::Active,
        },
        life: match runner.phase.work() {
            Work::Lasting { .. } => RunnerLife::Lasting,
            Work::Fresh | Work::Bound { .. } | Work::Spent => RunnerLife::Ephemeral,
        },
        uuid: runner.uuid,
        token,
        name: runner.name,
        version: runner.version,
        labels: runner.labels,
    }
}

/// A random UUID (version 4).
fn uuid(random: [u8; 20]) -> RunnerUuid {
    let mut text = String::with_capacity(36);
    for (at, byte) in random.iter().take(16).enumerate() {
        let byte = match at {
            6 => byte & 0x0f | 0x40,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        if let 4 | 6 | 8 | 10 = at {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    RunnerUuid(text)
}
