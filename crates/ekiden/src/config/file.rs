//! Reading `ekiden.toml`.

use super::agent::AgentTable;
use super::keys;
use super::server::ServerTable;
use crate::args::ProfileName;
use crate::failure::Failure;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The whole file; every key is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConfigFile {
    /// `[exec]`.
    pub(crate) exec: ExecTable,
    /// `[actions]`.
    pub(crate) actions: ActionsTable,
    /// `[agent]`.
    pub(crate) agent: AgentTable,
    /// `[server]`.
    pub(crate) server: ServerTable,
}

/// `[exec]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ExecTable {
    /// `hardened` or `root`.
    pub(crate) profile: Option<ProfileName>,
    /// A folder with a root file system; relative to the file.
    pub(crate) root: Option<PathBuf>,
    /// Toolchains and paths of a hidden home to bring in.
    pub(crate) expose: Vec<String>,
    /// Label → `local`.
    pub(crate) platforms: BTreeMap<String, LocalPlatform>,
    /// Jobs at once.
    pub(crate) jobs: Option<u32>,
    /// `[exec.network]`.
    pub(crate) network: NetworkTable,
    /// `[exec.limits]`.
    pub(crate) limits: LimitsTable,
}

/// How a label is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LocalPlatform {
    /// By this machine.
    Local,
}

/// `[exec.network]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NetworkTable {
    /// `outbound` or `none`. A file cannot ask for the host's network: only the person at the command line can.
    pub(crate) mode: Option<FileNetworkMode>,
    /// Single targets that are open.
    pub(crate) allow: Vec<String>,
}

/// Network modes that a project may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FileNetworkMode {
    /// Out, but not to private addresses.
    Outbound,
    /// Loopback only.
    None,
}

/// `[exec.limits]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitsTable {
    /// Memory of a job: `4GiB`.
    pub(crate) memory: Option<String>,
    /// Disk of a job.
    pub(crate) disk: Option<String>,
    /// Processes of a job.
    pub(crate) processes: Option<u64>,
    /// Processors of a job.
    pub(crate) cpus: Option<f64>,
    /// The longest that a job may take: `30m`.
    pub(crate) timeout: Option<String>,
    /// Output of a step that is shown: `100MB`.
    pub(crate) log: Option<String>,
}

/// `[actions]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ActionsTable {
    /// The folder that keeps actions.
    pub(crate) store: Option<PathBuf>,
    /// Places to ask before GitHub.
    pub(crate) mirrors: Vec<String>,
    /// Use only what the store has.
    pub(crate) offline: Option<bool>,
}

/// Reads `ekiden.toml` of the folder; the defaults when there is none.
pub(crate) fn load(directory: &Path) -> Result<ConfigFile, Failure> {
    let mut config = load_file(&directory.join("ekiden.toml"))?.unwrap_or_default();
    // Paths in the file are relative to the file.
    for place in [&mut config.exec.root, &mut config.actions.store].into_iter().flatten() {
        *place = directory.join(&*place);
    }
    Ok(config)
}

/// Reads one file as it stands; `None` when it is not there.
pub(super) fn load_file(path: &Path) -> Result<Option<ConfigFile>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, &path.display().to_string()).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::invalid(format!("could not read {}", path.display())).cause(&error)),
    }
}

fn parse(text: &str, path: &str) -> Result<ConfigFile, Failure> {
    let at = |start: usize| {
        let (line, column) = crate::text::line_and_column(text, start);
        format!("{path}:{line}:{column}")
    };
    let wrong = |error: &toml::de::Error| {
        let place = error.span().map_or_else(|| path.to_owned(), |span| at(span.start));
        Failure::invalid(format!("{place}: {}", error.message())).fix("see docs/config.md for every key")
    };
    let table = toml::de::DeTable::parse(text).map_err(|error| wrong(&error))?;
    if let Some((key, start)) = unknown_key(table.get_ref(), "") {
        let failure = Failure::invalid(format!("{}: unknown key '{key}'", at(start)));
        return Err(match keys::suggestion(&key) {
            Some(meant) => failure.fix(format!("did you mean '{meant}'?")),
            None => failure.fix("see docs/config.md for every key"),
        });
    }
    toml::from_str(text).map_err(|error| wrong(&error))
}

/// The first key that nobody knows, and its byte.
fn unknown_key(table: &toml::de::DeTable<'_>, prefix: &str) -> Option<(String, usize)> {
    let mut found: Vec<(String, usize)> = Vec::new();
    for (key, value) in table {
        let path = if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
        if !keys::is_known(&path) {
            found.push((path, key.span().start));
        } else if let toml::de::DeValue::Table(inner) = value.get_ref() {
            found.extend(unknown_key(inner, &path));
        }
    }
    found.into_iter().min_by_key(|(_, start)| *start)
}

#[cfg(test)]
mod tests {
    use super::{FileNetworkMode, LocalPlatform, parse};

    #[test]
    fn a_whole_file_is_read() {
        let config = parse(
            "[exec]\nexpose = ['rustup']\n[exec.network]\nmode = 'none'\nallow = ['db.internal:5432']\n[exec.platforms]\ngpu = 'local'\n[exec.limits]\nmemory = '2GiB'\n[actions]\nmirrors = ['https://git.example/{repository}.git']\n",
            "ekiden.toml",
        )
        .unwrap();
        assert_eq!(config.exec.expose, ["rustup"]);
        assert_eq!(config.exec.network.mode, Some(FileNetworkMode::None));
        assert_eq!(config.exec.platforms["gpu"], LocalPlatform::Local);
        assert_eq!(config.exec.limits.memory.as_deref(), Some("2GiB"));
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_place_and_a_suggestion() {
        let error = parse("[exec]\nexpos = []\n", "ekiden.toml").unwrap_err();
        assert_eq!(error.to_string(), "ekiden.toml:2:1: unknown key 'exec.expos'\n  fix   did you mean 'exec.expose'?");
        let error = parse("[exec.network]\nmode = 'host'\n", "ekiden.toml").unwrap_err();
        assert!(error.what.starts_with("ekiden.toml:2:8: "), "{error}");
        let error = parse("[exec", "ekiden.toml").unwrap_err();
        assert!(error.what.starts_with("ekiden.toml:1:"), "{error}");
    }
}
