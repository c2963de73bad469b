//! How the processes of jobs come to be, where the composition root knows a quicker way than to start the program anew. Called by `supervise`.

use crate::job::Ahead;
use std::fmt::Debug;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::process::ExitStatus;

/// What a job's process is given as stdin, stdout and stderr: its ends of pipes.
#[derive(Debug)]
pub struct JobPipes {
    /// Where its orders come.
    pub stdin: OwnedFd,
    /// Where its events go.
    pub stdout: OwnedFd,
    /// Where its talk goes.
    pub stderr: OwnedFd,
}

/// Something that comes later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// Starts processes of jobs: like [`crate::JobProgram`], only quicker. Where it fails, the program is started.
pub trait JobStarter: Debug + Send + Sync {
    /// Starts one; `ahead` is what its order will probably want, where that is known.
    fn start(&self, pipes: JobPipes, ahead: Option<&Ahead>) -> Later<'_, Box<dyn JobProcess>>;
}

/// A started process of a job. Dropping it kills it.
pub trait JobProcess: Debug + Send {
    /// Whether it runs still.
    fn is_there(&mut self) -> bool;

    /// Kills it; one that has ended is killed already.
    ///
    /// # Errors
    /// When it cannot be signalled.
    fn kill(&mut self) -> io::Result<()>;

    /// Waits until it has ended. May be dropped and asked again.
    fn ended(&mut self) -> Later<'_, ExitStatus>;
}

impl JobProcess for tokio::process::Child {
    fn is_there(&mut self) -> bool {
        matches!(self.try_wait(), Ok(None))
    }

    fn kill(&mut self) -> io::Result<()> {
        self.start_kill()
    }

    fn ended(&mut self) -> Later<'_, ExitStatus> {
        Box::pin(self.wait())
    }
}
