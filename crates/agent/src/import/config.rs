//! A `config.yaml` of a foreign runner, walked along the list of its keys.

use super::connection::{self, Connection};
use super::keys::{self, Fate, Key};
use super::{ImportError, Origin, value};
use serde::Serialize;
use std::collections::BTreeMap;
use workflow::yaml::{FileId, Limits, Node, NodeKind};

/// What carries over, as keys of `[agent]` in `ekiden.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// Jobs at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    /// How jobs of `docker://` labels run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map_docker: Option<&'static str>,
    /// Believe any certificate of the forge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insecure: Option<bool>,
    /// Ask at this interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch_interval: Option<String>,
    /// The longest to wait for one answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch_timeout: Option<String>,
    /// Send log and state at least this often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_interval: Option<String>,
    /// The longest that jobs may go on when the agent ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain_timeout: Option<String>,
    /// Where `/healthz` and `/metrics` are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<String>,
    /// A file of variables of every job; relative to the folder that the runner ran in, until the caller makes it absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env_file: Option<String>,
    /// What becomes of tools that a job installs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_cache: Option<&'static str>,
    /// The cache service that jobs are told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_server: Option<String>,
    /// Places to ask for actions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<String>,
    /// Limits of a job.
    #[serde(skip_serializing_if = "is_default")]
    pub limits: CarriedLimits,
    /// Scripts around a job.
    #[serde(skip_serializing_if = "is_default")]
    pub hooks: CarriedHooks,
    /// Variables of every job.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

/// `[agent.limits]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CarriedLimits {
    /// The longest that a job may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

/// `[agent.hooks]`: paths as in [`Carried::env_file`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CarriedHooks {
    /// Before the first step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_started: Option<String>,
    /// After the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_completed: Option<String>,
    /// On the machine, when the job is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_task_script: Option<String>,
    /// The longest that it may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_task_script_timeout: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What became of one key that does not stand at that runner's default. Values are not repeated: they may be secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyReport {
    /// It carries over as it is.
    Carried {
        /// The foreign key.
        key: String,
        /// Ours.
        to: &'static str,
    },
    /// It carries over and means something else.
    Changed {
        /// The foreign key.
        key: String,
        /// Ours.
        to: &'static str,
        /// What is different.
        why: &'static str,
    },
    /// It does not carry over, and nothing is lost by that.
    Needless {
        /// The foreign key.
        key: String,
        /// Why.
        why: &'static str,
    },
    /// It does not carry over.
    Lost {
        /// The foreign key.
        key: String,
        /// Why, and what to do instead.
        why: &'static str,
    },
    /// Neither runner knows it.
    Unknown {
        /// The foreign key.
        key: String,
        /// Where it stands.
        line: u32,
        /// The key that was probably meant.
        meant: Option<String>,
    },
}

/// A file that was read.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// Whose it is, by the keys that only one of them has.
    pub(super) origin: Option<Origin>,
    /// `runner.file`.
    pub(super) runner_file: Option<String>,
    /// `runner.labels`.
    pub(super) labels: Vec<String>,
    /// `server.connections`.
    pub(super) connections: Vec<Connection>,
    pub(super) carried: Carried,
    pub(super) keys: Vec<KeyReport>,
    pub(super) at_default: usize,
    /// Both runners have a cache service unless it is switched off or said to be elsewhere.
    has_cache: bool,
}

/// Reads a file.
pub(super) fn read(text: &str) -> Result<Config, ImportError> {
    let text = text.trim_start_matches('\u{feff}');
    let document = workflow::yaml::read(FileId(0), text, &Limits::default())
        .map_err(|fault| ImportError::Config { line: fault.span.line, reason: fault.message })?;
    let mut config = Config { has_cache: true, ..Config::default() };
    match &document.root.kind {
        NodeKind::Null => {}
        NodeKind::Mapping(pairs) => config.table("", pairs)?,
        _ => {
            let reason = "it is no mapping of keys to values".to_owned();
            return Err(ImportError::Config { line: document.root.span.line, reason });
        }
    }
    let count = |of: Origin| {
        config.keys.iter().filter(|report| keys::find(report.key()).is_some_and(|key| key.of == Some(of))).count()
    };
    config.origin = config.origin.or_else(|| match (count(Origin::Gitea), count(Origin::Forgejo)) {
        (0, 0) => None,
        (gitea, forgejo) => Some(if forgejo > gitea { Origin::Forgejo } else { Origin::Gitea }),
    });
    config.after();
    Ok(config)
}

impl KeyReport {
    /// The foreign key.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Carried { key, .. }
            | Self::Changed { key, .. }
            | Self::Needless { key, .. }
            | Self::Lost { key, .. }
            | Self::Unknown { key, .. } => key,
        }
    }
}

impl Config {
    fn table(&mut self, prefix: &str, pairs: &[(Node<'_>, Node<'_>)]) -> Result<(), ImportError> {
        let mut seen: Vec<String> = Vec::new();
        for (name, node) in pairs {
            let name = value::text(name).unwrap_or_default();
            let path = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            let line = node.span.line;
            if seen.contains(&path) {
                return Err(ImportError::Value { key: path, line, reason: "it is there twice".to_owned() });
            }
            seen.push(path.clone());
            match (keys::find(&path), &node.kind) {
                (Some(key), _) => self.key(key, &path, node)?,
                (None, NodeKind::Mapping(inner)) if keys::is_table(&path) => self.table(&path, inner)?,
                (None, NodeKind::Null) if keys::is_table(&path) => {}
                (None, _) => {
                    let meant = keys::meant(&path);
                    self.keys.push(KeyReport::Unknown { key: path, line, meant });
                }
            }
        }
        Ok(())
    }

    fn key(&mut self, key: &Key, path: &str, node: &Node<'_>) -> Result<(), ImportError> {
        // A key at its default tells whose file it is as well as any.
        if let Some(of) = key.of.filter(|_| self.origin.is_none()) {
            self.origin = Some(of);
        }
        let wrong =
            |reason: &str| ImportError::Value { key: path.to_owned(), line: node.span.line, reason: reason.to_owned() };
        let list = || value::list(node).ok_or_else(|| wrong("it must be a list of texts"));
        match key.fate {
            Fate::RunnerFile => {
                self.runner_file = value::text(node).filter(|file| !file.is_empty());
                return Ok(());
            }
            Fate::Labels => {
                self.labels = list()?;
                return Ok(());
            }
            Fate::Connections => {
                self.connections = connection::read(node).map_err(|(line, reason)| ImportError::Value {
                    key: path.to_owned(),
                    line,
                    reason,
                })?;
                return Ok(());
            }
            _ => {}
        }
        if path == "cache.enabled" && value::text(node).and_then(|text| value::truth(&text)) == Some(false) {
            self.has_cache = false;
        }
        if is_at_default(key, node) {
            self.at_default += 1;
            return Ok(());
        }
        let key_name = path.to_owned();
        if to_another_cache(path) {
            self.has_cache = false;
        }
        self.keys.push(match key.fate {
            Fate::To(to, apply) => {
                apply(node, &mut self.carried).map_err(wrong)?;
                KeyReport::Carried { key: key_name, to }
            }
            Fate::Bent(to, apply, why) => {
                apply(node, &mut self.carried).map_err(wrong)?;
                KeyReport::Changed { key: key_name, to, why }
            }
            Fate::Needless(why) => KeyReport::Needless { key: key_name, why },
            Fate::Lost(why) => KeyReport::Lost { key: key_name, why },
            Fate::RunnerFile | Fate::Labels | Fate::Connections => return Ok(()),
        });
        Ok(())
    }

    /// What only several keys together say.
    fn after(&mut self) {
        if self.has_cache {
            self.keys.push(KeyReport::Lost { key: "cache".to_owned(), why: keys::CACHE });
        }
        // `metrics.addr` stands in every file, whether it is used or not.
        let is_on = self.keys.iter().any(|report| report.key() == "metrics.enabled");
        if !is_on {
            self.carried.metrics = None;
            self.keys.retain(|report| report.key() != "metrics.addr");
        }
    }
}

fn to_another_cache(path: &str) -> bool {
    ["cache.external_server", "cache.actions_cache_url_override"].contains(&path)
}

/// Whether it says what that runner does anyway.
fn is_at_default(key: &Key, node: &Node<'_>) -> bool {
    match &node.kind {
        NodeKind::Null => true,
        NodeKind::Sequence(items) => items.is_empty(),
        NodeKind::Mapping(pairs) => pairs.is_empty(),
        _ => value::text(node).is_some_and(|text| {
            key.defaults.contains(&text.as_str())
                || key.defaults.iter().any(|default| {
                    value::time(default).is_some_and(|time| value::time(&text) == Some(time))
                        && default.ends_with(|letter: char| letter.is_ascii_alphabetic())
                })
        }),
    }
}
