//! Where one job runs: prepare(spec) → exec(command) → place(view, path) → read/write/hash → destroy.
//!
//! The trait speaks specs, not engines. `sandbox-local` implements it with Linux namespaces and on the plain host; other
//! backends follow. The engine is its only user.

mod command;
pub mod glob;
mod limits;
mod spec;

pub use command::{Collected, Ended, Exec, ExecEnd, InsideFile, Process, Signal, Stdio};
pub use limits::Limits;
pub use spec::{
    Entrance, Expected, Layout, Mount, Network, Profile, Root, SandboxSpec, ToolFolder, ToolWrites, Workspace,
};

use async_trait::async_trait;
use domain::Receipt;
use std::path::{Path, PathBuf};

/// Makes sandboxes of one kind.
#[async_trait]
pub trait Backend: Send + Sync + std::fmt::Debug {
    /// The name people use: `namespaces`, `host`.
    fn name(&self) -> &'static str;

    /// Makes a sandbox ready for its first command.
    ///
    /// # Errors
    /// When the sandbox cannot be made as asked. Nothing of it is left then; there is never a silent weaker one.
    async fn prepare(&self, spec: SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError>;

    /// Says that so many more sandboxes like this will be asked for, so that what needs no knowledge of their jobs can be made
    /// ahead, in the background. Returns at once; a backend that makes nothing ahead takes no notice.
    fn expect(&self, _expected: &Expected, _count: usize) {}
}

/// One prepared sandbox. Paths are paths inside it, absolute.
#[async_trait]
pub trait Sandbox: Send + Sync + std::fmt::Debug {
    /// Where things lie inside.
    fn layout(&self) -> &Layout;

    /// Writes the command's files, starts it as the job's user and returns at once.
    ///
    /// # Errors
    /// When the program cannot be started; [`SandboxError::NotFound`] names a program that is not on the `PATH` inside.
    async fn exec(&self, exec: Exec) -> Result<Box<dyn Process>, SandboxError>;

    /// Puts a view of the spec at a path inside, which must be absent or an empty directory.
    ///
    /// # Errors
    /// When there is no such view or the place is taken.
    async fn place(&self, view: &str, at: &Path) -> Result<(), SandboxError>;

    /// Reads a file, as the job's user would, at most `limit` bytes; `None` when there is no such file.
    ///
    /// # Errors
    /// When the file is larger than `limit` or cannot be read.
    async fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, SandboxError>;

    /// The first of these that is there, as the job's user sees it: what [`Sandbox::read`] finds, however large.
    async fn first_of(&self, paths: &[PathBuf]) -> Option<PathBuf> {
        for path in paths {
            // Too large to read is there.
            if let Ok(Some(_)) | Err(SandboxError::Invalid(_)) = self.read(path, 0).await {
                return Some(path.clone());
            }
        }
        None
    }

    /// Writes files as the job's user, making parent directories.
    ///
    /// # Errors
    /// When a file cannot be written.
    async fn write(&self, files: Vec<InsideFile>) -> Result<(), SandboxError>;

    /// Removes files and directories with all they hold; absent ones are no error.
    ///
    /// # Errors
    /// When something cannot be removed.
    async fn remove(&self, paths: Vec<std::path::PathBuf>) -> Result<(), SandboxError>;

    /// The digest of `hashFiles(patterns…)` with the workspace as the directory, lower-case hex; empty when nothing matched
    /// (rules: `execution-semantics` 1.8). `patterns` may begin with `--follow-symbolic-links`.
    ///
    /// # Errors
    /// When a pattern is wrong or a file cannot be read.
    async fn hash(&self, patterns: &[String]) -> Result<String, SandboxError>;

    /// Signals every process of the job but the init.
    ///
    /// # Errors
    /// When the sandbox is gone.
    async fn signal_all(&self, signal: Signal) -> Result<(), SandboxError>;

    /// Says what a person shall find who enters the sandbox when it is kept. Backends that keep files alone need it not.
    fn prepare_entrance(&self, _entrance: Entrance) {}

    /// Ends every process, gives everything back and tells what was used. Idempotent. With `keep`, the files stay and the
    /// receipt says under which name (for `exec --keep`).
    ///
    /// # Errors
    /// When something of the sandbox could not be removed; the text names it.
    async fn destroy(&self, keep: bool) -> Result<Receipt, SandboxError>;
}

/// What can go wrong with a sandbox. A job that fails is not among it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The machine cannot make what was asked; the text names the fact and the fix.
    #[error("this machine cannot isolate the job: {0}")]
    Unsupported(String),
    /// A program that the sandbox does not have.
    #[error("{program}: command not found in the sandbox{hint}")]
    NotFound {
        /// The program.
        program: String,
        /// What would bring it, beginning with a separator, or empty.
        hint: String,
    },
    /// The spec asks for something that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// A limit of the sandbox was reached.
    #[error("The job reached its {0} and was stopped; raise it with {flag}.", flag = .0.flag())]
    Limit(domain::LimitReached),
    /// The sandbox ended under the caller.
    #[error("the sandbox is gone")]
    Gone,
    /// The system refused something.
    #[error("could not {what}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
}
