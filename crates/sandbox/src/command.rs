//! Commands in a sandbox: what to start, how it ended.

use async_trait::async_trait;
use domain::LimitReached;
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

/// A command to start as the job's user. It gets the environment given here and nothing else.
#[derive(Debug)]
pub struct Exec {
    /// Program and arguments; the program is looked up in the `PATH` of `env` when it holds no `/`.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// The working directory inside.
    pub cwd: PathBuf,
    /// Files written before the start (the script, empty command files): one round trip with the start.
    pub files: Vec<InsideFile>,
    /// Files read when the command has ended and removed with those of `files`: one round trip with the end.
    pub collect: Vec<PathBuf>,
    /// The most bytes of each collected file.
    pub collect_limit: u64,
    /// stdin is `/dev/null`; stdout and stderr go to these.
    pub stdio: Stdio,
}

/// Where a command's output goes: the write ends of pipes whose read ends the caller holds.
#[derive(Debug)]
pub struct Stdio {
    /// Standard output.
    pub stdout: OwnedFd,
    /// Standard error; may be a duplicate of the same pipe.
    pub stderr: OwnedFd,
}

/// A file to write inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsideFile {
    /// Absolute path inside.
    pub path: PathBuf,
    /// What it holds.
    pub content: Vec<u8>,
    /// Whether it is executable.
    pub executable: bool,
}

/// A started command. Dropping it leaves the command running; it ends with the sandbox.
#[async_trait]
pub trait Process: Send + Sync + std::fmt::Debug {
    /// Waits for the end, while `signal` may be called beside it. Called once.
    ///
    /// # Errors
    /// When the sandbox is gone.
    async fn wait(&self) -> Result<Ended, crate::SandboxError>;

    /// Signals the command's whole process group; with [`Signal::Kill`], everything that came from it.
    ///
    /// # Errors
    /// When the sandbox is gone.
    async fn signal(&self, signal: Signal) -> Result<(), crate::SandboxError>;
}

/// The signals of a cancellation (`execution-semantics` 3.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// How a command ended, and what it left in its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit.
    pub end: ExecEnd,
    /// The collected files, in the order asked.
    pub collected: Vec<Collected>,
    /// From start to end.
    pub wall: Duration,
}

/// The exit of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecEnd {
    /// It exited with this code.
    Exited(i32),
    /// A signal ended it.
    Signalled(i32),
    /// A limit of the sandbox ended it.
    Limit(LimitReached),
}

/// One collected file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Collected {
    /// What it held.
    Content(Vec<u8>),
    /// There was none, or it was no regular file.
    Absent,
    /// It was larger than the limit.
    TooLarge {
        /// Its size in bytes.
        size: u64,
    },
}
