//! Why a log could not be written or read.

use domain::TaskId;
use std::io;
use std::path::{Path, PathBuf};

/// Why a verb on a log did not happen. Rows that were not acknowledged may be sent again.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The folder of the open logs is in use.
    #[error("the folder {folder} of open logs is used by another server; stop it, or give this one another folder")]
    Used {
        /// Which.
        folder: PathBuf,
    },
    /// A file or folder of open logs cannot be used.
    #[error("could not use {path} for logs")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no room for more rows; none of them is acknowledged.
    #[error(
        "there is no room in {folder} for the log of task {task}; make room there: its runner sends the rows again"
    )]
    Full {
        /// Whose log.
        task: TaskId,
        /// Where.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The log has ended.
    #[error("the log of task {task} ended with {rows} rows; nothing can be added to it")]
    Ended {
        /// Whose log.
        task: TaskId,
        /// How many there are.
        rows: u64,
    },
    /// The object store refused or is away.
    #[error("the object store failed for {path}")]
    Objects {
        /// Which object.
        path: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// Something that was stored is gone or was changed.
    #[error("{what} of the log of task {task} cannot be read: {fact}; bring it back from a backup, or remove the log")]
    Damaged {
        /// Whose log.
        task: TaskId,
        /// What of it.
        what: String,
        /// What was seen.
        fact: String,
    },
    /// The program is ending.
    #[error("the log of task {task} was not touched: the server is ending")]
    Ending {
        /// Whose log.
        task: TaskId,
    },
}

impl LogError {
    /// A fault of a file, at a path.
    pub(super) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }

    pub(super) fn damaged(task: TaskId, what: impl Into<String>, fact: impl std::fmt::Display) -> Self {
        Self::Damaged { task, what: what.into(), fact: fact.to_string() }
    }

    /// Whether the same call may work in a while: the disk is full, or the object store is away.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Objects { .. } | Self::File { .. } | Self::Ending { .. })
    }
}
