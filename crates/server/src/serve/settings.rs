//! How a server is to be, and why it could not be.

use super::{Pace, Tls};
use crate::access::{FirstError, Trust};
use crate::keys::KeyRingError;
use crate::logs::LogError;
use crate::sweep::SweepSettings;
use source::project::ProjectError;
use std::net::SocketAddr;
use std::path::PathBuf;
use store::StoreError;

/// How a server is to be.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Its folder: keys, logs, mirrors, and the database unless another one is named.
    pub data: PathBuf,
    /// Another database than the folder's own: `postgres://…`.
    pub database: Option<String>,
    /// Where it listens. Port 0: any that is free.
    pub listen: SocketAddr,
    /// Its public address, where that is another than where it listens.
    pub url: Option<String>,
    /// Whom it believes about where a call comes from.
    pub trust: Trust,
    /// Folders of workflows, the first that a commit has counts.
    pub folders: Vec<String>,
    /// Where actions come from that name no server.
    pub actions: ActionsFrom,
    /// What ends TLS, where the server itself does.
    pub tls: Option<Tls>,
    /// Connections at once; those beyond wait.
    pub connections: usize,
    /// How slow clients may be.
    pub pace: Pace,
    /// How long things are kept, and may take.
    pub sweep: SweepSettings,
    /// This program's version.
    pub version: &'static str,
}

/// Where actions come from that name no server (`uses: actions/checkout@v4`). Runners are told with each job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ActionsFrom {
    /// <https://github.com>.
    #[default]
    GitHub,
    /// The server itself: from projects that all jobs may clone.
    Own,
    /// Another server.
    Url(String),
}

impl ActionsFrom {
    /// The address; `own` is the server's.
    pub(super) fn address(&self, own: &str) -> String {
        let address = match self {
            Self::GitHub => "https://github.com",
            Self::Own => own,
            Self::Url(url) => url,
        };
        address.trim_end_matches('/').to_owned()
    }
}

/// Folders that forges read workflows from, in the order in which they are looked for.
pub const FOLDERS: [&str; 3] = [".forgejo/workflows", ".gitea/workflows", ".github/workflows"];

/// Connections at once, where nobody knows how many files the process may have open.
pub const CONNECTIONS: usize = 512;

/// A server that could not start, or fell.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its folder is not whole.
    #[error("a restore into {} did not come to its end; another restore takes away what is left of it", path.display())]
    HalfRestored {
        /// Which.
        path: PathBuf,
    },
    /// Its folder cannot be used.
    #[error("could not use the folder {}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master keys.
    #[error(transparent)]
    Keys(#[from] KeyRingError),
    /// The logs.
    #[error(transparent)]
    Logs(#[from] LogError),
    /// The mirrors.
    #[error(transparent)]
    Projects(#[from] ProjectError),
    /// The first token.
    #[error(transparent)]
    First(#[from] FirstError),
    /// The address.
    #[error("could not listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
