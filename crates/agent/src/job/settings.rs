//! How the jobs of an agent run: settled by the composition root from flags, `ekiden.toml` and imported files, handed to each job's
//! process as part of its order.

use crate::DockerLabels;
use sandbox::{Limits, Network, Profile, Root};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How the jobs of an agent run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSettings {
    /// What a job may use.
    pub limits: Limits,
    /// How far a job is trusted inside; a fork's job is always `hardened`.
    pub profile: Profile,
    /// A job's way out. The forge itself and its services are open whatever stands here, but for [`Network::None`].
    pub network: Network,
    /// What a job sees as `/`.
    pub root: Root,
    /// What is brought in from the machine.
    pub expose: ExposedPaths,
    /// Environment of every job, below that of the workflow: `envs` and `env_file` of the runner.
    pub env: BTreeMap<String, String>,
    /// Scripts around every job.
    pub hooks: HookFiles,
    /// The longest that a job may take, whatever the workflow says.
    pub timeout: Duration,
    /// `RUNNER_TOOL_CACHE`.
    pub tool_cache: ToolCache,
    /// The agent's data folder; actions and mirrors of repositories are kept below it, shared by all jobs.
    pub data: PathBuf,
    /// Where sandboxes keep what a crash leaves to clean (the state folder of `ekiden`).
    pub state: PathBuf,
    /// Places to ask for actions before the forge's own default.
    pub mirrors: Vec<String>,
    /// What becomes of jobs that a fork of the repository caused.
    pub forks: Forks,
    /// What becomes of jobs whose label names an image.
    #[serde(default)]
    pub docker_labels: DockerLabels,
    /// Whether and by what the forge's certificate is checked.
    pub trust: Trust,
    /// The cache service that jobs are told of.
    pub cache: CacheReach,
}

/// What is brought in from the machine, read-only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExposedPaths {
    /// Host paths, seen at the same path.
    pub paths: Vec<PathBuf>,
    /// Directories that come first in `PATH`.
    pub bins: Vec<PathBuf>,
    /// Variables that say where it lies.
    pub env: Vec<(String, String)>,
}

/// Scripts around every job, by path on the machine; `.sh` and `.ps1`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HookFiles {
    /// Before the first step.
    pub started: Option<PathBuf>,
    /// After the last.
    pub completed: Option<PathBuf>,
}

/// `RUNNER_TOOL_CACHE`: what lies there when a job begins. What the job writes there goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum ToolCache {
    /// Nothing.
    Empty,
    /// A folder of the machine, read-only below a throw-away layer.
    ReadOnly {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder for each repository below this one, changed for real by that repository's jobs; jobs that an outsider caused get
    /// [`ToolCache::ReadOnly`] of it.
    Shared {
        /// The folder above those of the repositories.
        folder: PathBuf,
    },
}

/// What becomes of jobs that a fork of the repository caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forks {
    /// They fail before their first step.
    Refuse,
    /// They run with profile `hardened` and write nothing that another job reads.
    #[default]
    Confined,
}

/// Whether and by what the forge's certificate is checked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trust {
    /// A file of certificates to trust beside those of the machine.
    pub ca: Option<PathBuf>,
    /// `insecure: true` of the runner turns it off.
    pub check: CertificateCheck,
}

/// Whether a certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateCheck {
    /// As always.
    #[default]
    On,
    /// Any is taken.
    Off,
}

/// The cache service that jobs are told of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "service", rename_all = "snake_case")]
pub enum CacheReach {
    /// None.
    #[default]
    None,
    /// The one at this URL (`cache.external_server` of the runner): `ACTIONS_CACHE_URL`.
    At {
        /// It ends in a slash.
        url: String,
    },
}
