//! `[server]` of `ekiden.toml`: how the control plane is reached and where it remembers. Read from the server's own folder, or from where
//! `--config` says.

use super::AGENT_FILE;
use super::file::ConfigFile;
use crate::failure::Failure;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// `[server]`; every key is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerTable {
    /// Where it listens.
    pub(crate) listen: Option<SocketAddr>,
    /// Its public address.
    pub(crate) url: Option<String>,
    /// A proxy stands before it.
    pub(crate) behind_proxy: Option<bool>,
    /// Its certificates, for TLS of its own.
    pub(crate) tls_cert: Option<PathBuf>,
    /// Their key.
    pub(crate) tls_key: Option<PathBuf>,
    /// A PostgreSQL in place of the folder's own database.
    pub(crate) database: Option<String>,
    /// A file that holds its URL.
    pub(crate) database_file: Option<PathBuf>,
    /// How long runs are kept: a time, or `none`.
    pub(crate) keep_runs: Option<String>,
    /// How long logs are kept.
    pub(crate) keep_logs: Option<String>,
    /// Folders of workflows.
    pub(crate) workflows: Option<Vec<String>>,
    /// Where actions come from that name no server: an address, or `self`.
    pub(crate) actions_url: Option<String>,
}

/// Reads the file that was asked for, else the one in the server's folder; the defaults where that is not there.
pub(crate) fn load_server(asked: Option<&Path>, data: &Path) -> Result<ServerTable, Failure> {
    let path = asked.map_or_else(|| data.join(AGENT_FILE), Path::to_path_buf);
    let config = match (super::file::load_file(&path)?, asked) {
        (Some(config), _) => config,
        (None, None) => ConfigFile::default(),
        (None, Some(_)) => return Err(Failure::not_found(format!("{} is not there", path.display()))),
    };
    let mut table = config.server;
    // Paths in the file are relative to the file.
    let folder = path.parent().unwrap_or(Path::new("."));
    for place in [&mut table.database_file, &mut table.tls_cert, &mut table.tls_key].into_iter().flatten() {
        *place = folder.join(&*place);
    }
    Ok(table)
}
