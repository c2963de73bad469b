//! Our agent within `up`: registered with its own server by itself, and run in the same process.

use crate::commands::agent::{self as command, Settled};
use crate::exec::labels;
use crate::exit::Exit;
use crate::failure::Failure;
use agent::{AgentEnd, AgentError, Labels, Mode, NewRunner, RegistrationFile, Stopper};
use domain::{RunnerLife, Secret};
use protocol::{Client, ClientSettings};
use std::path::Path;

/// Registers the agent with the server where it is not yet. `url` is where the server listens.
pub(super) async fn register(data: &Path, url: &str, token: Secret) -> Result<(), Failure> {
    let file = RegistrationFile::of(data);
    if file.must_be_free().is_err() {
        return Ok(());
    }
    command::writable(data)?;
    let client = client(url)?;
    let labels = Labels::read(&labels::own()).map_err(|error| Failure::platform(error.to_string()))?;
    let new = NewRunner {
        name: command::host_name(),
        token,
        labels: labels.labels,
        life: RunnerLife::Lasting,
        version: command::VERSION.to_owned(),
    };
    let registered = agent::register(&client, new, &file).await;
    registered
        .map(drop)
        .map_err(|error| Failure::platform("the agent could not register with its own server").cause(&error))
}

fn client(url: &str) -> Result<Client, Failure> {
    let settings = ClientSettings::new(url, command::VERSION);
    Client::new(&settings).map_err(|error| Failure::platform("the agent cannot reach its own server").cause(&error))
}

/// What the agent is to do: as `agent start` with this folder, but for where its server is.
pub(super) fn settle(data: &Path, url: &str, capacity: u32) -> Result<Settled, Failure> {
    let mut settled = command::settle_folder(data, Some(capacity))?;
    // The server may listen elsewhere than when the agent registered.
    settled.client = client(url)?;
    settled.registration.instance = url.to_owned();
    Ok(settled)
}

/// How the agent ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// As it was told.
    Stopped,
    /// The server does not know this runner any more: somebody removed it, or the database is another.
    Unknown,
}

/// Takes jobs until told to stop.
pub(super) async fn run(settled: Settled, stop: Stopper) -> Result<Ended, Failure> {
    match agent::run(command::settings(settled, Mode::Serve), stop).await {
        Ok(AgentEnd::Stopped | AgentEnd::OneJob(_) | AgentEnd::NothingCame) => Ok(Ended::Stopped),
        Ok(AgentEnd::Killed(jobs)) => Err(Failure::new(Exit::Interrupted, format!("{jobs} jobs were killed"))),
        Err(AgentError::Credentials(_)) => Ok(Ended::Unknown),
        Err(error) => Err(Failure::platform("the agent ended").cause(&error)),
    }
}
