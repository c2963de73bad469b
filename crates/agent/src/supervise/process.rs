//! A job's process as the system sees it: started with a clean environment in a process group of its own, spoken to by pipes. Called by
//! `child` and `standby`.

use crate::settings::JobProgram;
use std::io;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// How long one that is not wanted may take to leave by itself.
const LEAVE: Duration = Duration::from_secs(3);

/// A process that was started and waits for its order. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) child: Child,
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// Starts a process that waits for its order.
pub(super) fn start(program: &JobProgram) -> io::Result<Started> {
    let mut child = Command::new(&program.program)
        .args(&program.arguments)
        .env_clear()
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let pipe = || io::Error::other("a pipe is missing");
    let stdin = child.stdin.take().ok_or_else(pipe)?;
    let stdout = child.stdout.take().ok_or_else(pipe)?;
    let stderr = child.stderr.take().ok_or_else(pipe)?;
    Ok(Started { child, stdin, stdout, stderr })
}

impl Started {
    /// Tells it something before its order; a line that the pipe holds.
    pub(super) async fn tell(&mut self, line: &[u8]) -> io::Result<()> {
        self.stdin.write_all(line).await
    }

    /// Whether it is still there.
    pub(super) fn is_there(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Lets it go: the end of its input is the sign to leave.
    pub(super) async fn dismiss(self) {
        let Self { mut child, stdin, stdout, stderr } = self;
        drop((stdin, stdout, stderr));
        if tokio::time::timeout(LEAVE, child.wait()).await.is_err() {
            // It may be gone by now.
            let _ = child.kill().await;
        }
    }
}
