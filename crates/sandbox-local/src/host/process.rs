//! One command on the plain host.

use crate::cgroup::Group;
use crate::files;
use crate::namespaces::number_of;
use crate::sys;
use async_trait::async_trait;
use sandbox::{Ended, Exec, ExecEnd, Process, SandboxError, Signal};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

#[derive(Debug)]
pub(super) struct HostProcess {
    pid: i32,
    ended: Mutex<Option<tokio::task::JoinHandle<(ExecEnd, Duration)>>>,
    collect: Vec<PathBuf>,
    collect_limit: u64,
    files: Vec<PathBuf>,
}

/// Starts a command in a session of its own and in the job's group.
pub(super) fn start(exec: Exec, group: &Group) -> Result<HostProcess, SandboxError> {
    let Exec { argv, env, cwd, files, collect, collect_limit, stdio } = exec;
    let Some((program, arguments)) = argv.split_first() else {
        return Err(SandboxError::Invalid("a command needs a program".to_owned()));
    };
    let path = env.iter().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value.as_str());
    let Some(found) = find(program, path, &cwd) else {
        return Err(SandboxError::NotFound { program: program.clone(), hint: String::new() });
    };
    for file in &files {
        files::write(file).map_err(crate::namespaces::error_of)?;
    }
    let started = Instant::now();
    let mut command = std::process::Command::new(found);
    command.args(arguments).env_clear().envs(env).current_dir(&cwd).stdin(std::process::Stdio::null());
    command.stdout(stdio.stdout).stderr(stdio.stderr);
    let groups = group.entrances().map_err(|error| SandboxError::Invalid(error.to_string()))?;
    sys::in_own_session(&mut command, groups);
    let mut command = tokio::process::Command::from(command);
    let failed = |source| SandboxError::Io { what: format!("run {program}"), source };
    let mut child = command.spawn().map_err(failed)?;
    let pid = child.id().unwrap_or_default();
    let ended = tokio::spawn(async move {
        let end = match child.wait().await {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => ExecEnd::Exited(code),
                (None, Some(signal)) => ExecEnd::Signalled(signal),
                (None, None) => ExecEnd::Exited(255),
            },
            Err(_) => ExecEnd::Exited(255),
        };
        (end, started.elapsed())
    });
    Ok(HostProcess {
        pid: i32::try_from(pid).unwrap_or(0),
        ended: Mutex::new(Some(ended)),
        collect,
        collect_limit,
        files: files.into_iter().map(|file| file.path).collect(),
    })
}

/// The program as `execvp` would find it.
fn find(program: &str, path: &str, cwd: &Path) -> Option<PathBuf> {
    let runnable = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|meta| meta.is_file())
            && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
    };
    if program.contains('/') {
        let path = cwd.join(program);
        return path.exists().then_some(path);
    }
    path.split(':').map(|entry| cwd.join(entry).join(program)).find(|path| runnable(path))
}

impl HostProcess {
    /// The session that it leads.
    pub(super) fn session(&self) -> i32 {
        self.pid
    }
}

#[async_trait]
impl Process for HostProcess {
    async fn wait(&self) -> Result<Ended, SandboxError> {
        let ended = self.ended.lock().await.take().ok_or(SandboxError::Gone)?;
        let (end, wall) = ended.await.map_err(|_| SandboxError::Gone)?;
        let collected = self.collect.iter().map(|path| files::collect(path, self.collect_limit)).collect();
        for path in self.collect.iter().chain(&self.files) {
            let _ = files::remove(path);
        }
        Ok(Ended { end, collected, wall })
    }

    async fn signal(&self, signal: Signal) -> Result<(), SandboxError> {
        signal_session(self.pid, signal)
    }
}

/// Signals what a session leader started; SIGKILL reaches everything that came from it.
pub(super) fn signal_session(leader: i32, signal: Signal) -> Result<(), SandboxError> {
    let Some(leader) = rustix::process::Pid::from_raw(leader) else { return Ok(()) };
    crate::init::came_from(leader, number_of(signal)).map_err(crate::namespaces::error_of)
}
