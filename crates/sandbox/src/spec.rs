//! What to make: the spec of one sandbox, and where things lie in it.

use crate::Limits;
use domain::View;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The spec of one sandbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SandboxSpec {
    /// Unique on this machine while the sandbox lives; letters, digits, `-`. Names what is kept of it.
    pub name: String,
    /// What the job sees as `/`.
    pub root: Root,
    /// How far the job is trusted inside.
    pub profile: Profile,
    /// The job's way out.
    pub network: Network,
    /// What the job may use.
    pub limits: Limits,
    /// The last part of the workspace's path, as the server would name it (the repository's name).
    pub repository_name: String,
    /// What the workspace is before the first step.
    pub workspace: Workspace,
    /// Host paths brought in read-only at the same path (toolchains in a hidden home).
    pub expose: Vec<PathBuf>,
    /// Directories (of exposed toolchains) that come first in the `PATH` that steps start with.
    pub path: Vec<PathBuf>,
    /// Read-only host directories at a path of their own (the action store).
    pub mounts: Vec<Mount>,
    /// Trees that a step may place later.
    pub views: Vec<View>,
    /// A host folder with tools for `RUNNER_TOOL_CACHE`.
    pub tool_cache: Option<ToolFolder>,
}

impl SandboxSpec {
    /// What of it could have been known before.
    #[must_use]
    pub fn expected(&self) -> Expected {
        Expected {
            root: self.root.clone(),
            repository_name: self.repository_name.clone(),
            profile: self.profile,
            network: self.network.clone(),
            limits: self.limits.clone(),
        }
    }
}

/// What is known of sandboxes before their specs are: see [`Backend::expect`](crate::Backend::expect).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// What the jobs will see as `/`.
    pub root: Root,
    /// The repository's name, as in the spec.
    pub repository_name: String,
    /// How far the jobs will be trusted inside.
    pub profile: Profile,
    /// Their way out.
    pub network: Network,
    /// What each may use.
    pub limits: Limits,
}

/// A host folder with tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolFolder {
    /// On the host.
    pub host: PathBuf,
    /// What becomes of what the job writes there.
    pub writes: ToolWrites,
}

/// What becomes of what a job writes to a folder with tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToolWrites {
    /// It goes with the job: the folder lies read-only below a throw-away layer.
    ThrownAway,
    /// It stays, for the jobs that get the same folder. Whoever owns the folder appears as the job's user.
    Kept,
}

/// What the job sees as `/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Root {
    /// The host's own root, read-only below, private things hidden.
    Host,
    /// A directory that holds a root file system.
    Dir(PathBuf),
}

/// What the job may do inside (`isolation` 8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Profile {
    /// uid 1001 `runner`, no capabilities, no new privileges, seccomp allow-list, Landlock.
    Hardened,
    /// Root over a uid range of its own, in its throw-away layer.
    Root,
}

/// The job's way out (`isolation` 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// A network namespace whose TCP connections and DNS questions are carried out from outside it.
    Outbound {
        /// Single targets that are open although their address is in a refused range: `HOST` or `HOST:PORT`.
        allow: Vec<String>,
    },
    /// Loopback only.
    None,
    /// The host's own network; no isolation.
    Host,
}

/// What the workspace is before the first step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Workspace {
    /// Empty, as on a server.
    Empty,
    /// A host directory, changed for real (`exec --bind`).
    Bind(PathBuf),
}

/// A read-only host directory at a path inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// On the host.
    pub host: PathBuf,
    /// Inside, absolute.
    pub inside: PathBuf,
}

/// Where things lie inside a sandbox. All absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// `RUNNER_WORKSPACE`: the parent of the workspace.
    pub work: PathBuf,
    /// `GITHUB_WORKSPACE`.
    pub workspace: PathBuf,
    /// `RUNNER_TEMP`.
    pub temp: PathBuf,
    /// `RUNNER_TOOL_CACHE`.
    pub tool_cache: PathBuf,
    /// `HOME`.
    pub home: PathBuf,
    /// The user's name.
    pub user: String,
    /// The `PATH` that a step starts with.
    pub path: String,
    /// Environment that the sandbox itself gives (`SSL_CERT_FILE`, proxy variables, `XDG_*`…), already filtered.
    pub env: Vec<(String, String)>,
}

/// What a person who enters a kept sandbox finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entrance {
    /// The job's name, to tell kept sandboxes apart.
    pub title: String,
    /// The environment of a shell, without anything secret: it is written to disk.
    pub env: Vec<(String, String)>,
    /// Where it starts, inside.
    pub cwd: PathBuf,
}
