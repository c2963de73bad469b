//! Why there is no backup, and why one is not restored.

use crate::keys::KeyRingError;
use std::io;
use std::path::PathBuf;
use store::StoreError;

/// Why there is no backup. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The folder is none of a server.
    #[error("there is no server in {}: it holds no master-keys", path.display())]
    NoServer {
        /// The folder.
        path: PathBuf,
    },
    /// Its database is elsewhere, and was not named.
    #[error("there is no database in {}: it is a PostgreSQL, and was not named", path.display())]
    NoDatabase {
        /// The folder.
        path: PathBuf,
    },
    /// The file is there already.
    #[error("{} is there already", path.display())]
    Present {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("could not {verb} {}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database could not be copied.
    #[error("the database could not be copied")]
    Store(#[from] StoreError),
    /// PostgreSQL's own tool.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A person wanted no more of it.
    #[error("the backup was broken off; nothing of it is left")]
    Ending,
}

/// Why a backup was not restored. Nothing was changed, except as `Filled` says.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// It is no backup.
    #[error("{} is no backup of `ekiden server backup`: {fact}", path.display())]
    NotOne {
        /// The file.
        path: PathBuf,
        /// What was seen.
        fact: String,
    },
    /// It is damaged or cut off.
    #[error("the backup {} is damaged or cut off: {fact}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was seen.
        fact: String,
    },
    /// A newer program made it.
    #[error("the backup {} has the form {form}, this program knows {known}; use the ekiden that made it ({made_by}), or a newer one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its form.
        form: u32,
        /// The newest one that is known here.
        known: u32,
        /// The version that made it.
        made_by: String,
    },
    /// A newer program wrote its database.
    #[error("the database in {} has the schema {schema}, this program knows {known}; use the ekiden that made it ({made_by}), or a newer one", path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        schema: i64,
        /// The newest one that is known here.
        known: i64,
        /// The version that made it.
        made_by: String,
    },
    /// Another restore works there.
    #[error("another restore is filling {}", path.display())]
    Restoring {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds something.
    #[error("{} holds something already", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A server uses the folder.
    #[error("a server uses {}", path.display())]
    Used {
        /// The folder.
        path: PathBuf,
    },
    /// It needs a PostgreSQL, and none was named.
    #[error("the backup holds a PostgreSQL database, and none is named to restore it into")]
    NoDatabase,
    /// It has no PostgreSQL, and one was named.
    #[error("the backup holds a SQLite database, which stays one: a PostgreSQL cannot take it")]
    OtherDatabase,
    /// The PostgreSQL holds something.
    #[error("the database to restore into holds tables already; make an empty one (createdb)")]
    DatabaseNotEmpty,
    /// A file could not be read or written.
    #[error("could not {verb} {}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database.
    #[error("the database of the backup cannot be used")]
    Store(#[from] StoreError),
    /// The keys.
    #[error("the master keys of the backup cannot be used")]
    Keys(#[from] KeyRingError),
    /// PostgreSQL's own tool.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A person wanted no more of it.
    #[error("the restore was broken off")]
    Ending,
    /// The PostgreSQL is filled, and the folder is not.
    #[error("the database was filled, and then the folder could not be")]
    Filled(#[source] Box<RestoreError>),
}

impl BackupError {
    /// Whether a disk has no room for it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        is_full(self)
    }
}

impl RestoreError {
    /// Whether a disk has no room for it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        is_full(self)
    }
}

/// SQLite and PostgreSQL's tools say it in words.
fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        let said = error.to_string();
        matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
            || ["disk is full", "No space left on device"].iter().any(|full| said.contains(full))
    })
}

/// `pg_dump` or `pg_restore` did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// It is not here.
    #[error(
        "{tool} is not on this machine; install PostgreSQL's client tools (Debian: apt install postgresql-client), of the server's version or newer"
    )]
    Missing {
        /// Its name.
        tool: &'static str,
    },
    /// It could not be started.
    #[error("could not start {tool}")]
    Start {
        /// Its name.
        tool: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A person wanted no more of it.
    #[error("{tool} was ended")]
    Ended {
        /// Its name.
        tool: &'static str,
    },
    /// It failed.
    #[error("{tool} failed: {said}")]
    Failed {
        /// Its name.
        tool: &'static str,
        /// Its last words.
        said: String,
    },
}

#[cfg(test)]
mod tests {
    use super::BackupError;
    use std::io;

    #[test]
    fn a_full_disk_is_told_apart() {
        let failed = |kind: io::ErrorKind| BackupError::Io { verb: "write", path: "/x".into(), source: kind.into() };
        assert!(failed(io::ErrorKind::StorageFull).is_full() && failed(io::ErrorKind::QuotaExceeded).is_full());
        assert!(!failed(io::ErrorKind::PermissionDenied).is_full());
    }
}
