//! One job's place on the plain host.

use super::process::{self, signal_session};
use super::tree;
use crate::cgroup::Group;
use crate::files;
use crate::hash;
use crate::namespaces::{error_of, machine};
use async_trait::async_trait;
use domain::{Enforcement, Isolation, Receipt, View};
use sandbox::{Exec, InsideFile, Layout, Process, Sandbox, SandboxError, Signal};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long the end waits for the last process.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct HostSandbox {
    layout: Layout,
    folder: PathBuf,
    group: Group,
    views: Vec<View>,
    start: Duration,
    /// The sessions of the commands so far.
    sessions: Mutex<Vec<i32>>,
    end: tokio::sync::Mutex<Option<Receipt>>,
}

impl HostSandbox {
    pub(super) fn new(layout: Layout, folder: PathBuf, group: Group, views: Vec<View>, start: Duration) -> Self {
        Self { layout, folder, group, views, start, sessions: Mutex::default(), end: tokio::sync::Mutex::default() }
    }

    fn sessions(&self) -> Vec<i32> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn receipt(&self, kept: Option<String>) -> Receipt {
        let reason = "the host backend runs jobs as plain processes of the caller; leave out --backend host".to_owned();
        let mut isolation = vec![Isolation { name: "isolation".to_owned(), enforcement: Enforcement::Off { reason } }];
        isolation.extend(self.group.isolation().iter().cloned());
        let usage = self.group.usage();
        Receipt {
            backend: "host".to_owned(),
            profile: "none".to_owned(),
            network: "host".to_owned(),
            root: "host".to_owned(),
            machine: machine(),
            isolation,
            start_micros: u64::try_from(self.start.as_micros()).unwrap_or(u64::MAX),
            peak_memory: usage.peak_memory,
            cpu_micros: usage.cpu_micros,
            refused: Vec::new(),
            limit_reached: self.group.limit_reached(&crate::cgroup::Usage::default()),
            kept,
        }
    }
}

/// Runs something that may block.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, crate::wire::Fault> + Send + 'static,
) -> Result<T, SandboxError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| SandboxError::Invalid(error.to_string()))?.map_err(error_of)
}

/// Ends what has left its session, where no control group holds it: a process of the job has a directory of the job's in its
/// environment, or is in one.
fn stragglers(folder: &Path) {
    let own = std::process::id().to_string();
    let mark = folder.as_os_str().as_bytes();
    for _ in 0..100 {
        let Ok(entries) = std::fs::read_dir("/proc") else { return };
        let found: Vec<i32> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.file_name().to_str() != Some(&own))
            .filter(|entry| {
                let path = entry.path();
                let marked = std::fs::read(path.join("environ"))
                    .is_ok_and(|environ| environ.windows(mark.len()).any(|part| part == mark));
                marked || std::fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
            })
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        if found.is_empty() {
            return;
        }
        for pid in found {
            let _ = crate::sys::kill(pid, libc::SIGKILL);
            // Orphans are this process's children.
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG);
            }
        }
    }
}

#[async_trait]
impl Sandbox for HostSandbox {
    fn layout(&self) -> &Layout {
        &self.layout
    }

    async fn exec(&self, exec: Exec) -> Result<Box<dyn Process>, SandboxError> {
        if self.end.lock().await.is_some() {
            return Err(SandboxError::Gone);
        }
        let process = process::start(exec, &self.group)?;
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).push(process.session());
        Ok(Box::new(process))
    }

    async fn place(&self, view: &str, at: &Path) -> Result<(), SandboxError> {
        let found = self.views.iter().find(|known| known.name == view).cloned();
        let view = found.ok_or_else(|| SandboxError::Invalid(format!("the sandbox has no view {view:?}")))?;
        let at = at.to_owned();
        aside(move || {
            let what = format!("place a tree at {}", at.display());
            tree::place(&view, &at).map_err(|error| crate::wire::Fault::system(what, error))
        })
        .await
    }

    async fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, SandboxError> {
        let path = path.to_owned();
        aside(move || files::read(&path, limit)).await
    }

    async fn write(&self, files: Vec<InsideFile>) -> Result<(), SandboxError> {
        aside(move || files.iter().try_for_each(files::write)).await
    }

    async fn remove(&self, paths: Vec<PathBuf>) -> Result<(), SandboxError> {
        aside(move || paths.iter().try_for_each(|path| files::remove(path))).await
    }

    async fn hash(&self, patterns: &[String]) -> Result<String, SandboxError> {
        let (patterns, workspace) = (patterns.to_vec(), self.layout.workspace.clone());
        let home = self.layout.home.clone();
        aside(move || hash::digest(&patterns, &workspace, &home)).await
    }

    async fn signal_all(&self, signal: Signal) -> Result<(), SandboxError> {
        self.sessions().into_iter().try_for_each(|session| signal_session(session, signal))
    }

    async fn destroy(&self, keep: bool) -> Result<Receipt, SandboxError> {
        let mut end = self.end.lock().await;
        if let Some(receipt) = &*end {
            return Ok(receipt.clone());
        }
        for session in self.sessions() {
            signal_session(session, Signal::Kill)?;
        }
        let folder = self.folder.clone();
        aside(move || {
            stragglers(&folder);
            Ok(())
        })
        .await?;
        let receipt = self.receipt(keep.then(|| self.folder.display().to_string()));
        let emptied = self.group.kill(PATIENCE).and_then(|()| self.group.remove());
        emptied.map_err(|error| SandboxError::Invalid(error.to_string()))?;
        if !keep {
            let folder = self.folder.clone();
            aside(move || {
                files::remove_tree(&folder)
                    .map_err(|error| crate::wire::Fault::system(format!("remove {}", folder.display()), error))
            })
            .await?;
        }
        *end = Some(receipt.clone());
        Ok(receipt)
    }
}

impl Drop for HostSandbox {
    fn drop(&mut self) {
        if self.end.get_mut().is_none() {
            for session in self.sessions() {
                let _ = signal_session(session, Signal::Kill);
            }
            stragglers(&self.folder);
            let _ = self.group.kill(PATIENCE).and_then(|()| self.group.remove());
            let _ = files::remove_tree(&self.folder);
        }
    }
}
