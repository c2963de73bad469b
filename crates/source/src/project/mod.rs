//! A project's repository as the control plane sees it: its refs, the files at a commit, what a push brought. Called by the server,
//! through `spawn_blocking`.
//!
//! A repository of this machine is read in place, by its files: a look that finds nothing new costs a few calls of the system, and a
//! workflow is read without a git process. One behind a URL is kept in a bare mirror. Whoever can write a repository is not trusted:
//! nothing of its configuration runs, and a file that is no plain text is told as such.

mod cache;
mod error;
mod files;
mod history;
mod location;
mod projects;
mod refs;
mod remote;
mod serve;

pub use error::{FileError, ProjectError};
pub use files::WorkflowText;
pub use projects::{ProjectOptions, Projects};
pub use refs::Refs;
pub use serve::{GitProtocol, GitService, unzipped};
