//! What the server is told about a project beyond its repository: the secret of its webhook, the forge that hears of its runs, and who may clone it. Kept as JSON with the project
//! ([`store::Project::settings`]), each thing under a key of its own; secrets in it are drawn or sealed by the keys, so that the database alone tells none.

use crate::keys::{KeyRing, NoRandom, SealError, Sealed, UnsealError, random};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::control::{Scope, TokenUse};
use domain::{Secret, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::Project;

/// Under which the webhook's secret is kept.
pub const HOOK: &str = "hook";
/// Under which the forge is kept.
pub const FORGE: &str = "forge";
/// Under which is kept who may clone it.
pub const READERS: &str = "readers";
/// What the seal of a forge's token covers beside the project. No secret of a job can have this name.
const TOKEN: &str = "token of the forge";

/// What the secret of a webhook is drawn from, with the master key. It is told once; no text of it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookSeed {
    key: u32,
    salt: String,
    /// When it was made.
    pub made: Timestamp,
}

/// The forge that hears of a project's runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldForge {
    /// The repository's page there.
    pub url: String,
    /// What kind of forge it is.
    pub kind: forge::Kind,
    /// Its token, sealed.
    token: String,
}

/// A thing that the server is told; none where it was not, or cannot be read.
fn told<T: DeserializeOwned>(project: &Project, key: &str) -> Option<T> {
    serde_json::from_value(project.settings.get(key)?.clone()).ok()
}

/// Who may clone a project: its own jobs, unless the server was told otherwise.
#[must_use]
pub fn readers(project: &Project) -> api::Readers {
    told(project, READERS).unwrap_or_default()
}

impl HookSeed {
    /// That of a project, where one was made.
    #[must_use]
    pub fn of(project: &Project) -> Option<Self> {
        told(project, HOOK)
    }

    /// Another one.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn draw(keys: &KeyRing, now: Timestamp) -> Result<Self, NoRandom> {
        Ok(Self { key: keys.number(), salt: STANDARD.encode(random()?), made: now })
    }

    /// The secret; none where its master key is gone.
    #[must_use]
    pub fn secret(&self, keys: &KeyRing) -> Option<Secret> {
        keys.drawn(self.key, self.salt.as_bytes(), TokenUse::Hook)
    }
}

impl ToldForge {
    /// That of a project, where one is named.
    #[must_use]
    pub fn of(project: &Project) -> Option<Self> {
        told(project, FORGE)
    }

    /// A forge to be kept.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn sealed(
        keys: &KeyRing,
        project: &Project,
        (url, kind): (String, forge::Kind),
        token: &Secret,
    ) -> Result<Self, SealError> {
        let Sealed(token) = keys.seal(Scope::Repository(project.id), TOKEN, token)?;
        Ok(Self { url, kind, token: STANDARD.encode(token) })
    }

    /// Its token.
    ///
    /// # Errors
    /// When its master key is gone, or it was changed in the database.
    pub fn token(&self, keys: &KeyRing, project: &Project) -> Result<Secret, UnsealError> {
        let sealed = Sealed(STANDARD.decode(&self.token).unwrap_or_default());
        keys.unseal(Scope::Repository(project.id), TOKEN, &sealed)
    }
}
