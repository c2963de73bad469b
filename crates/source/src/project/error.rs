//! Why a project's repository, or a file of it, cannot be had.

use crate::changes::ChangesError;
use crate::git::GitError;
use crate::repository::RepositoryError;
use std::path::PathBuf;

/// A project's repository cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// What was given is neither a path nor a URL that can be used.
    #[error("'{git}' {why}")]
    Location {
        /// As it was given, without credentials.
        git: String,
        /// What is wrong and what to give instead.
        why: &'static str,
    },
    /// A repository of this machine cannot be read.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// Git did not do it.
    #[error("git cannot read the repository {git}")]
    Git {
        /// Which, without credentials.
        git: String,
        /// What git said.
        #[source]
        source: GitError,
    },
    /// Two commits cannot be compared.
    #[error(transparent)]
    Changes(#[from] ChangesError),
    /// It has no such commit.
    #[error("the repository {git} has no commit {commit}; push it, or name another")]
    NoCommit {
        /// Which, without credentials.
        git: String,
        /// The commit.
        commit: String,
    },
    /// A file at a commit.
    #[error("{path} at {commit}: {why}")]
    File {
        /// Its path.
        path: String,
        /// The commit.
        commit: String,
        /// What is wrong with it.
        #[source]
        why: FileError,
    },
    /// The folder of mirrors.
    #[error("cannot use {}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// What a client sent.
    #[error("the request {0}")]
    Request(String),
    /// It has more branches and tags than are read.
    #[error(
        "the repository {git} has more than {most} bytes of packed refs; remove refs that nobody needs and `git pack-refs --all`"
    )]
    TooManyRefs {
        /// Which.
        git: String,
        /// The limit.
        most: u64,
    },
}

/// A file of a commit that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// There is none.
    #[error("there is no such file")]
    Missing,
    /// Something else has its name.
    #[error("it is {0}, not a file")]
    Other(&'static str),
    /// It is too large.
    #[error("it has {size} bytes; at most {limit} are read")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// It is no text.
    #[error("it is not UTF-8 text (byte {0})")]
    NotText(usize),
    /// Its content is not in the repository.
    #[error("its content {0} is not in the repository; `git fsck` tells more")]
    Damaged(String),
}
