//! What a forge gave when this agent registered, and the file that keeps it. Called by register, import and everything that signs calls.

use crate::Label;
use domain::{RunnerId, RunnerKey, RunnerLife, RunnerUuid, Secret};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A runner of an instance, as this machine holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// URL of the instance, without a slash at its end.
    pub instance: String,
    /// Its number there.
    pub id: RunnerId,
    /// How people see it.
    pub name: String,
    /// What it signs its calls with.
    pub key: RunnerKey,
    /// Its labels, with their backends.
    pub labels: Vec<Label>,
    /// For one task, or until somebody removes it.
    pub life: RunnerLife,
}

/// The file's content. Version 1.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    instance: String,
    id: i64,
    name: String,
    uuid: String,
    token: String,
    labels: Vec<Label>,
    life: StoredLife,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StoredLife {
    Lasting,
    Ephemeral,
}

/// The file of an agent's data folder that keeps its registration; only its owner can read it.
#[derive(Debug, Clone)]
pub struct RegistrationFile {
    path: PathBuf,
}

/// The file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// There is none.
    #[error("{path} is not there: this agent is not registered; run `ekiden agent register`", path = path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is one already.
    #[error("{path} is there: this agent is registered; run `ekiden agent unregister` first, or give another --data", path = path.display())]
    Present {
        /// Where it is.
        path: PathBuf,
    },
    /// It is not what this version writes.
    #[error("{path} is no registration: {source}; register again, or take the file from a backup", path = path.display())]
    Content {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// A newer `ekiden` wrote it.
    #[error("{path} has version {version}, this ekiden knows 1; use the newer ekiden", path = path.display())]
    Version {
        /// Where it is.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The disk or the rights are at fault.
    #[error("the registration cannot be read or written: {0}; check the folder that --data names")]
    Io(#[from] io::Error),
}

impl RegistrationFile {
    /// The file in an agent's data folder.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self { path: data.join("registration.json") }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fails when there is a registration that a new one would overwrite.
    ///
    /// # Errors
    /// [`RegistrationError::Present`].
    pub fn must_be_free(&self) -> Result<(), RegistrationError> {
        if self.path.symlink_metadata().is_ok() {
            return Err(RegistrationError::Present { path: self.path.clone() });
        }
        Ok(())
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is missing, broken, of a newer version, or unreadable.
    pub fn load(&self) -> Result<Registration, RegistrationError> {
        let text = match fs_err::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(RegistrationError::Missing { path: self.path.clone() });
            }
            other => other?,
        };
        let content = |source| RegistrationError::Content { path: self.path.clone(), source };
        let any: serde_json::Value = serde_json::from_str(&text).map_err(content)?;
        let version = any.get("version").and_then(serde_json::Value::as_u64).unwrap_or(1);
        if version != 1 {
            let version = u32::try_from(version).unwrap_or(u32::MAX);
            return Err(RegistrationError::Version { path: self.path.clone(), version });
        }
        let stored: Stored = serde_json::from_value(any).map_err(content)?;
        Ok(Registration {
            instance: stored.instance,
            id: RunnerId(stored.id),
            name: stored.name,
            key: RunnerKey { uuid: RunnerUuid(stored.uuid), token: Secret::new(stored.token) },
            labels: stored.labels,
            life: match stored.life {
                StoredLife::Lasting => RunnerLife::Lasting,
                StoredLife::Ephemeral => RunnerLife::Ephemeral,
            },
        })
    }

    /// Writes it, whole or not at all, and never over another: mode 0600 from its first byte on.
    ///
    /// # Errors
    /// When there is one already, or the folder cannot be written.
    pub fn create(&self, registration: &Registration) -> Result<(), RegistrationError> {
        let stored = Stored {
            version: 1,
            instance: registration.instance.clone(),
            id: registration.id.0,
            name: registration.name.clone(),
            uuid: registration.key.uuid.0.clone(),
            token: registration.key.token.expose().to_owned(),
            labels: registration.labels.clone(),
            life: match registration.life {
                RunnerLife::Lasting => StoredLife::Lasting,
                RunnerLife::Ephemeral => StoredLife::Ephemeral,
            },
        };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs_err::create_dir_all(folder)?;
        // A temporary file has mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, &stored).map_err(io::Error::from)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist_noclobber(&self.path).map_err(|fault| match fault.error.kind() {
            io::ErrorKind::AlreadyExists => RegistrationError::Present { path: self.path.clone() },
            _ => RegistrationError::Io(fault.error),
        })?;
        Ok(())
    }

    /// Removes it. There may be none.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn remove(&self) -> Result<(), RegistrationError> {
        match fs_err::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
