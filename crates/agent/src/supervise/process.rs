//! A job's process as the system sees it: started with a clean environment in a process group of its own, spoken to by pipes. Called by
//! `child` and `standby`.

use crate::job::Ahead;
use crate::settings::JobProgram;
use crate::starter::{JobPipes, JobProcess};
use std::io;
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::process::Command;

/// How long one that is not wanted may take to leave by itself.
const LEAVE: Duration = Duration::from_secs(3);

/// A process that was started and waits for its order. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) process: Box<dyn JobProcess>,
    pub(super) stdin: Sender,
    pub(super) stdout: Receiver,
    pub(super) stderr: Receiver,
}

/// Starts a process that waits for its order, which will probably want this.
pub(super) async fn start(program: &JobProgram, ahead: Option<&Ahead>) -> io::Result<Started> {
    if let Some(starter) = &program.starter {
        let (ours, theirs) = pipes()?;
        match starter.start(theirs, ahead).await {
            Ok(process) => return ours.of(process),
            Err(error) => tracing::warn!("a job's process cannot be forked and is started anew: {error}"),
        }
    }
    let (ours, theirs) = pipes()?;
    let child = Command::new(&program.program)
        .args(&program.arguments)
        .env_clear()
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::from(theirs.stdin))
        .stdout(Stdio::from(theirs.stdout))
        .stderr(Stdio::from(theirs.stderr))
        .kill_on_drop(true)
        .spawn()?;
    ours.of(Box::new(child))
}

/// The agent's ends.
struct Ours {
    stdin: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

fn pipes() -> io::Result<(Ours, JobPipes)> {
    let (orders, stdin) = io::pipe()?;
    let (stdout, events) = io::pipe()?;
    let (stderr, talk) = io::pipe()?;
    let ours = Ours { stdin: stdin.into(), stdout: stdout.into(), stderr: stderr.into() };
    Ok((ours, JobPipes { stdin: orders.into(), stdout: events.into(), stderr: talk.into() }))
}

impl Ours {
    fn of(self, process: Box<dyn JobProcess>) -> io::Result<Started> {
        Ok(Started {
            process,
            stdin: Sender::from_owned_fd(self.stdin)?,
            stdout: Receiver::from_owned_fd(self.stdout)?,
            stderr: Receiver::from_owned_fd(self.stderr)?,
        })
    }
}

impl Started {
    /// Tells it something before its order; a line that the pipe holds.
    pub(super) async fn tell(&mut self, line: &[u8]) -> io::Result<()> {
        self.stdin.write_all(line).await
    }

    /// Whether it is still there.
    pub(super) fn is_there(&mut self) -> bool {
        self.process.is_there()
    }

    /// Lets it go: the end of its input is the sign to leave.
    pub(super) async fn dismiss(self) {
        let Self { mut process, stdin, stdout, stderr } = self;
        drop((stdin, stdout, stderr));
        if tokio::time::timeout(LEAVE, process.ended()).await.is_err() {
            end(&mut *process).await;
        }
    }
}

/// Kills a process and waits until it is gone.
pub(super) async fn end(process: &mut dyn JobProcess) -> Option<ExitStatus> {
    let _ = process.kill();
    process.ended().await.ok()
}
