//! Taking over what Gitea's or Forgejo's own runner has, so that no new token is needed: their file `.runner`, which has one form, and their
//! `config.yaml`, old and new. Pure: the command `agent register --import` reads the files and writes what comes out.
//!
//! `keys` is the list of every key that they know and what becomes of it; `config` walks a file along it; `labels` says what their labels
//! mean here; `connection` reads the registrations that Forgejo's newer configuration holds itself.

mod config;
mod connection;
mod keys;
mod labels;
mod runner_file;
mod value;

pub use config::{Carried, CarriedHooks, CarriedLimits, KeyReport};
pub use labels::Difference;

use crate::{Backend, Label, LabelsError, Registration};
use domain::{RunnerId, RunnerKey, RunnerLife, RunnerUuid, Secret};
use serde::{Deserialize, Serialize};
use std::io;

/// What becomes of labels whose jobs ran on the machine itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostLabels {
    /// They run in our sandbox.
    Sandbox,
    /// They go on running on the machine (`--keep-host`).
    Keep,
}

/// What becomes of labels whose jobs ran in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DockerLabels {
    /// The import fails and names them; a job of such a label fails.
    #[default]
    Refuse,
    /// They run in our sandbox over the host's root (`--map-docker sandbox`).
    Sandbox,
}

/// Whose runner it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// act_runner, gitea-runner.
    Gitea,
    /// forgejo-runner.
    Forgejo,
}

/// What is to be taken over.
#[derive(Debug, Clone, Copy)]
pub struct Foreign<'a> {
    /// Text of the `.runner` file.
    pub runner: Option<&'a str>,
    /// Text of the `config.yaml`.
    pub config: Option<&'a str>,
    /// The connection to take, where the configuration has several.
    pub connection: Option<&'a str>,
    /// Labels to serve, instead of all that stand in the files.
    pub labels: Option<&'a [String]>,
    /// See [`HostLabels`].
    pub host: HostLabels,
    /// See [`DockerLabels`].
    pub docker: DockerLabels,
}

/// A runner taken over, and where it differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// What is to be kept.
    pub registration: Registration,
    /// What is to be configured.
    pub settings: ImportedSettings,
}

/// How a foreign runner was set up, in our words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedSettings {
    /// Whose it was, where the files tell.
    pub origin: Option<Origin>,
    /// Its labels, or those that were asked for.
    pub labels: Vec<Label>,
    /// What is to be configured.
    pub carried: Carried,
    /// Each label that means something else now.
    pub differences: Vec<Difference>,
    /// What became of each key that does not stand at that runner's default.
    pub keys: Vec<KeyReport>,
    /// How many keys stand at that runner's defaults.
    pub at_default: usize,
}

/// The files cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is not that file.
    #[error(
        "this is no .runner file: {0}; give the file that `act_runner register` or `forgejo-runner register` wrote"
    )]
    Content(#[source] serde_json::Error),
    /// It is not that file.
    #[error("this is no config.yaml of a runner: line {line}: {reason}")]
    Config {
        /// Where.
        line: u32,
        /// What is wrong.
        reason: String,
    },
    /// A key has a value that the runner itself would not take.
    #[error("config.yaml:{line}: {key}: {reason}")]
    Value {
        /// Dotted.
        key: String,
        /// Where.
        line: u32,
        /// What is wrong.
        reason: String,
    },
    /// There is no registration in it.
    #[error("there is no registration to take over: give the .runner file with --import, or register with a token")]
    NoRegistration,
    /// It lacks what a runner signs its calls with.
    #[error("the registration has no {0}; register with a token instead")]
    Lacking(&'static str),
    /// One agent serves one forge.
    #[error(
        "the configuration has several connections ({}); take each over into a folder of its own: --connection NAME --data DIR", .0.join(", ")
    )]
    Connections(Vec<String>),
    /// There is no such connection.
    #[error("the configuration has no connection '{wanted}'; it has: {}", .known.join(", "))]
    NoConnection {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A file that holds the runner's key cannot be read.
    #[error(
        "the token of the connection cannot be read from {url}: {source}; give its token in the file, or as file:/PATH"
    )]
    TokenFile {
        /// As it stands in the configuration.
        url: String,
        /// What was seen.
        #[source]
        source: io::Error,
    },
    /// Containers are not there yet.
    #[error(
        "the label '{label}' wants a container; give --map-docker sandbox to run its jobs over this machine's root"
    )]
    Docker {
        /// As it stands in the file.
        label: String,
    },
    /// The labels do not fit together.
    #[error(transparent)]
    Labels(#[from] LabelsError),
}

/// What signs the calls of the runner that is taken over.
#[derive(Debug, Clone)]
struct Identity {
    instance: String,
    id: i64,
    name: String,
    uuid: String,
    token: Secret,
    labels: Vec<String>,
    life: RunnerLife,
}

/// Reads what there is of a foreign runner. `read` gives the text of a file that a connection names for its token.
///
/// # Errors
/// When the files are not what they should be, or a label's jobs could not run here.
pub fn import(foreign: &Foreign<'_>, read: impl Fn(&str) -> io::Result<String>) -> Result<Imported, ImportError> {
    let mut config = foreign.config.map(config::read).transpose()?.unwrap_or_default();
    let (file_origin, identity) = match foreign.runner {
        Some(text) => {
            let (origin, identity) = runner_file::read(text)?;
            (origin, Some(identity))
        }
        None => (None, None),
    };
    let identity = match identity {
        Some(identity) => identity,
        None => {
            let connection::Chosen { identity, fetch_interval } =
                connection::choose(&config.connections, foreign.connection, &read)?;
            if let Some((key, interval)) = fetch_interval {
                config.carried.fetch_interval = Some(interval);
                config.keys.push(KeyReport::Carried { key, to: "fetch_interval" });
            }
            identity
        }
    };
    for (value, name) in
        [(identity.instance.as_str(), "address"), (identity.uuid.as_str(), "uuid"), (identity.token.expose(), "token")]
    {
        if value.is_empty() {
            return Err(ImportError::Lacking(name));
        }
    }
    let settings = settle(foreign, config, file_origin, &identity.labels)?;
    let registration = Registration {
        instance: identity.instance.trim_end_matches('/').to_owned(),
        id: RunnerId(identity.id),
        name: identity.name,
        key: RunnerKey { uuid: RunnerUuid(identity.uuid), token: identity.token },
        labels: settings.labels.clone(),
        life: identity.life,
    };
    Ok(Imported { registration, settings })
}

/// Reads how a foreign runner was set up, for a registration of its own.
///
/// # Errors
/// As [`import`].
pub fn import_settings(foreign: &Foreign<'_>) -> Result<ImportedSettings, ImportError> {
    let config = foreign.config.map(config::read).transpose()?.unwrap_or_default();
    settle(foreign, config, None, &[])
}

fn settle(
    foreign: &Foreign<'_>,
    config: config::Config,
    origin: Option<Origin>,
    registered: &[String],
) -> Result<ImportedSettings, ImportError> {
    let origin = origin.or(config.origin);
    // As their daemons do: labels of the configuration, where there are some, replace those of the registration.
    let texts = match foreign.labels {
        Some(texts) => texts,
        None if config.labels.is_empty() => registered,
        None => &config.labels,
    };
    let (labels, differences) = labels::convert(texts, origin, foreign.host, foreign.docker)?;
    let mut carried = config.carried;
    if labels.iter().any(|label| matches!(label.backend, Backend::Docker { .. })) {
        carried.map_docker = Some("sandbox");
    }
    let (keys, at_default) = (config.keys, config.at_default);
    Ok(ImportedSettings { origin, labels, carried, differences, keys, at_default })
}

/// Where the registration lies that a `config.yaml` belongs to (`runner.file`, relative to the folder that the runner ran in).
///
/// # Errors
/// When it is no such file.
pub fn runner_file_of(config: &str) -> Result<RunnerFile, ImportError> {
    let config = config::read(config)?;
    Ok(if config.connections.is_empty() {
        RunnerFile::At(config.runner_file.unwrap_or_else(|| ".runner".to_owned()))
    } else {
        RunnerFile::Within
    })
}

/// Where a registration is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunnerFile {
    /// In the configuration itself (`server.connections`).
    Within,
    /// In this file.
    At(String),
}

#[cfg(test)]
mod tests;
