//! One process of git behind a response: it ends with the response, in time, and is never left behind.

use std::io;
use std::pin::Pin;
use std::process::{Command as Prepared, Stdio};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// What git wrote to stderr, as far as it is kept.
const MOST_ERRORS: u64 = 4 << 10;

/// The output of a running git; when dropped, git is ended.
#[derive(Debug)]
pub(super) struct Output {
    stdout: ChildStdout,
    /// Closed when this is dropped.
    _reader_gone: oneshot::Sender<()>,
}

impl Output {
    /// Starts git with this on its stdin. It may take `longest`; the permit is held until it is gone.
    pub(super) fn of(
        prepared: Prepared,
        input: Vec<u8>,
        permit: OwnedSemaphorePermit,
        longest: Duration,
    ) -> io::Result<Self> {
        let mut child = Command::from(prepared).stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        // A git that does not want all of it says why by itself.
        tokio::spawn(async move { drop(stdin.write_all(&input).await) });
        let (_reader_gone, gone) = oneshot::channel();
        tokio::spawn(watch(child, stderr, gone, permit, longest));
        Ok(Self { stdout, _reader_gone })
    }
}

impl AsyncRead for Output {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdout).poll_read(context, into)
    }
}

async fn watch(
    mut child: Child,
    stderr: ChildStderr,
    gone: oneshot::Receiver<()>,
    permit: OwnedSemaphorePermit,
    longest: Duration,
) {
    let mut said = String::new();
    let mut bounded = stderr.take(MOST_ERRORS);
    let ended = async {
        let _ = bounded.read_to_string(&mut said).await;
        child.wait().await
    };
    tokio::select! {
        status = ended => match status {
            Ok(status) if status.success() => {}
            _ => tracing::warn!(target: "ekiden::git", said = said.trim(), "a fetch of a repository failed"),
        },
        _ = gone => tracing::debug!(target: "ekiden::git", "a client left before its fetch was over"),
        () = tokio::time::sleep(longest) => tracing::warn!(target: "ekiden::git", "a fetch took too long and was ended"),
    }
    let _ = child.kill().await;
    drop(permit);
}
