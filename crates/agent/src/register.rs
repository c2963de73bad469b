//! Registering: the exchange with a forge, and what is kept of it. Called by the command `agent register`.

use crate::{Label, Registration, RegistrationError, RegistrationFile};
use domain::{RunnerCapability, RunnerLife, Secret};
use protocol::{CallError, Client};
use std::time::Duration;

/// A runner that shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRunner {
    /// How people will see it.
    pub name: String,
    /// The registration token.
    pub token: Secret,
    /// Its labels.
    pub labels: Vec<Label>,
    /// For one task, or until somebody removes it.
    pub life: RunnerLife,
    /// The agent's version.
    pub version: String,
}

/// A registration that is kept, and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// What is in the file now.
    pub registration: Registration,
    /// What people should know.
    pub notes: Vec<Note>,
}

/// Something that people should know about a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The forge knows no ephemeral runners (Gitea before 1.24, Forgejo before 15): it takes one task here, but stays registered there.
    EphemeralUnknown,
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EphemeralUnknown => f.write_str(
                "this instance knows no ephemeral runners: the agent ends after one task, but its key stays valid until you remove the runner there",
            ),
        }
    }
}

/// Registering failed.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The forge did not agree, or did not answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] RegistrationError),
    /// The name is empty or too long.
    #[error("'{0}' cannot be the name of a runner: give 1 to 255 bytes with --name")]
    Name(String),
    /// The forge gave no key.
    #[error("{0} answered without a key; check that the URL is the instance itself and not a proxy's page")]
    NoKey(String),
}

/// Waits until a forge answers: `attempts` tries, a second apart. Only what may pass is tried again, and nothing secret is sent.
///
/// # Errors
/// What the last try met; see [`CallError`].
pub async fn await_forge(client: &Client, name: &str, attempts: u32) -> Result<(), CallError> {
    let mut left = attempts.max(1);
    loop {
        left -= 1;
        match client.ping(name).await {
            Err(CallError::Unavailable { .. } | CallError::TimedOut { .. }) if left > 0 => {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            other => return other.map(drop),
        }
    }
}

/// Registers a runner and keeps what the forge gave. Asks whether the forge is there first, so that the token is sent only to something that
/// speaks the protocol.
///
/// # Errors
/// When a registration is there already, the forge cannot be reached or refuses, or the file cannot be written.
pub async fn register(client: &Client, new: NewRunner, file: &RegistrationFile) -> Result<Registered, RegisterError> {
    if new.name.is_empty() || new.name.len() > 255 {
        return Err(RegisterError::Name(new.name));
    }
    file.must_be_free()?;
    client.ping(&new.name).await?;
    let asked = protocol::Registration {
        name: new.name,
        token: new.token,
        version: new.version,
        labels: new.labels.iter().map(|label| label.name.clone()).collect(),
        life: new.life,
        capabilities: vec![RunnerCapability::Cancelling],
    };
    let runner = client.register(asked).await?;
    let key = runner.key();
    if key.uuid.0.is_empty() || key.token.expose().is_empty() {
        return Err(RegisterError::NoKey(client.url().to_owned()));
    }
    let notes = match (new.life, runner.life) {
        (RunnerLife::Ephemeral, RunnerLife::Lasting) => vec![Note::EphemeralUnknown],
        _ => Vec::new(),
    };
    let registration = Registration {
        instance: client.url().to_owned(),
        id: runner.id,
        name: runner.name,
        key,
        labels: new.labels,
        life: new.life,
    };
    file.create(&registration)?;
    Ok(Registered { registration, notes })
}
