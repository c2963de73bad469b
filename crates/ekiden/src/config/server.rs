//! `[server]` of `ekiden.toml`: how the control plane is reached and where it remembers. Read from the server's own folder, or from where
//! `--config` says.

use super::AGENT_FILE;
use super::file::ConfigFile;
use crate::failure::Failure;
use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};

/// `[server]`; every key is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerTable {
    /// Where it listens.
    #[serde(deserialize_with = "read_listen")]
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

/// Where to listen, as people write it: an address and a port, `localhost:4600`, or another name of this machine for itself. A name that others may reach is none:
/// what it means may change.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let here = |port: &str| port.parse().ok().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let address = text.parse().ok().or_else(|| here(text.strip_prefix("localhost:")?));
    if let Some(address) = address {
        return Ok(address);
    }
    let is_one = text.split_once(':').is_some_and(|(name, port)| !name.is_empty() && port.parse::<u16>().is_ok());
    let found: Vec<SocketAddr> =
        if is_one { text.to_socket_addrs().map(Iterator::collect).unwrap_or_default() } else { Vec::new() };
    if let Some(other) = found.iter().find(|address| !address.ip().is_loopback()) {
        return Err(format!("it is {other}, which others may reach: give the address itself"));
    }
    // One of them, and the one that more programs speak.
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first
        .copied()
        .ok_or_else(|| "it must be an address and a port, such as 127.0.0.1:4600 or localhost:4600".to_owned())
}

fn read_listen<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(from)?;
    listen_address(&text).map(Some).map_err(serde::de::Error::custom)
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

#[cfg(test)]
mod tests {
    use super::listen_address;

    #[test]
    fn where_to_listen_is_an_address_or_this_machine() {
        for (text, address) in
            [("127.0.0.1:0", "127.0.0.1:0"), ("localhost:4600", "127.0.0.1:4600"), ("[::1]:80", "[::1]:80")]
        {
            assert_eq!(listen_address(text).unwrap().to_string(), address);
        }
        for text in ["", "localhost", "localhost:", "localhost:x", "ci.example.org:80", "4600", ":4600", "127.0.0.1"] {
            assert!(listen_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_of_this_machine_for_itself_is_an_address() {
        let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        let here = hosts.lines().filter_map(|line| line.strip_prefix("127."));
        let mut names = here.filter_map(|line| line.split_whitespace().nth(1)).filter(|name| *name != "localhost");
        let Some(name) = names.next() else {
            println!("SKIP: /etc/hosts has no other name for 127.0.0.1");
            return;
        };
        assert!(listen_address(&format!("{name}:4600")).unwrap().ip().is_loopback());
    }
}
