//! The host itself as a backend: plain processes of the caller in a private temporary directory, with no isolation. Explicit,
//! and whoever chooses it is warned by the command line.

mod process;
mod sandbox;
mod tools;
mod tree;

use crate::cgroup::Cgroups;
use crate::namespaces::{CallerVariables, HostVariables};
use ::sandbox::{Backend, Layout, Sandbox, SandboxError, SandboxSpec, ToolFolder, ToolWrites, Workspace};
use async_trait::async_trait;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Runs jobs as plain processes. Shared by all jobs of a process.
#[derive(Debug, Clone)]
pub struct Host {
    cgroups: Arc<Cgroups>,
    variables: CallerVariables,
    state: PathBuf,
}

impl Host {
    /// `state`: where the jobs' directories are made.
    ///
    /// # Errors
    /// When the state directory cannot be made.
    pub fn new(state: &Path, variables: HostVariables) -> Result<Self, SandboxError> {
        let folder = state.join("host");
        let made = std::fs::create_dir_all(&folder);
        made.map_err(|source| SandboxError::Io { what: format!("make {}", folder.display()), source })?;
        let cgroups = Cgroups::detect();
        cgroups.sweep();
        sweep(&folder);
        // Orphans of a job come to this process, which ends them with the job.
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        Ok(Self { cgroups: Arc::new(cgroups), variables: CallerVariables::read(variables), state: folder })
    }

    fn layout(&self, spec: &SandboxSpec, folder: &Path) -> Layout {
        let work = folder.join("work").join(&spec.repository_name);
        let workspace = match &spec.workspace {
            Workspace::Empty => work.join(&spec.repository_name),
            Workspace::Bind(path) => path.clone(),
        };
        let home = std::env::var_os("HOME").map_or_else(|| folder.join("home"), PathBuf::from);
        let tool_cache = match &spec.tool_cache {
            Some(ToolFolder { host, writes: ToolWrites::Kept }) => host.clone(),
            // Nothing can lie over a folder here: see `tools`.
            Some(ToolFolder { writes: ToolWrites::ThrownAway, .. }) | None => folder.join("tools"),
        };
        let path = spec.path.iter().cloned().chain(self.variables.path().iter().cloned());
        Layout {
            work,
            workspace,
            temp: folder.join("work/_temp"),
            tool_cache,
            home,
            user: std::env::var("USER").unwrap_or_else(|_| "root".to_owned()),
            path: std::env::join_paths(path).ok().and_then(|path| path.into_string().ok()).unwrap_or_default(),
            env: self.variables.all(),
        }
    }

    fn make(&self, spec: &SandboxSpec, asked: Instant) -> Result<sandbox::HostSandbox, SandboxError> {
        let name = crate::owner::own_name(Path::new("/proc")) + &spec.name;
        let folder = self.state.join(name);
        let failed = |path: &Path| {
            let what = format!("make {}", path.display());
            move |source| SandboxError::Io { what, source }
        };
        let layout = self.layout(spec, &folder);
        for path in [&layout.workspace, &layout.temp, &layout.tool_cache, &layout.home] {
            std::fs::create_dir_all(path).map_err(failed(path))?;
        }
        if let Some(ToolFolder { host, writes: ToolWrites::ThrownAway }) = &spec.tool_cache {
            tools::link(host, &layout.tool_cache).map_err(failed(&layout.tool_cache))?;
        }
        let group = self
            .cgroups
            .create(&spec.name, &spec.limits)
            .map_err(|error| SandboxError::Unsupported(error.to_string()))?;
        Ok(sandbox::HostSandbox::new(layout, folder, group, spec.views.clone(), asked.elapsed()))
    }
}

#[async_trait]
impl Backend for Host {
    fn name(&self) -> &'static str {
        "host"
    }

    async fn prepare(&self, spec: SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        let asked = Instant::now();
        let host = self.clone();
        let sandbox = tokio::task::spawn_blocking(move || host.make(&spec, asked)).await;
        Ok(Box::new(sandbox.map_err(|error| SandboxError::Invalid(error.to_string()))??))
    }
}

/// Removes what dead processes have left.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let stale = entry.file_name().to_str().is_some_and(|name| crate::owner::is_stale(name, Path::new("/proc")));
        if stale {
            let _ = crate::files::remove_tree(&entry.path());
        }
    }
}
