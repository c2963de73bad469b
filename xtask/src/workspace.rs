//! The workspace as cargo knows it. Used by all tasks.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::PathBuf;
use std::process::Command;

/// What `cargo metadata` says, as far as tasks need it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_root: PathBuf,
    pub(crate) target_directory: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None`: a normal one.
    pub(crate) kind: Option<String>,
    /// Set for those of the workspace.
    pub(crate) path: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self> {
        let output = cargo()
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .stderr(std::process::Stdio::inherit())
            .output()
            .context("cannot run cargo metadata")?;
        anyhow::ensure!(output.status.success(), "cargo metadata failed: {}", output.status);
        serde_json::from_slice(&output.stdout).context("cannot read what cargo metadata said")
    }
}

impl Package {
    /// The crate's name in the design: the package's without `ekiden-`.
    pub(crate) fn short_name(&self) -> &str {
        short_name(&self.name)
    }
}

pub(crate) fn short_name(package: &str) -> &str {
    package.strip_prefix("ekiden-").unwrap_or(package)
}

/// The cargo that runs this task.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
