//! The store as the engine sees it: an action's repository at a commit, or one file of it (a reusable workflow).

use super::Store;
use super::place::RepositoryName;
use super::resolve::Tried;
use std::path::{Component, Path};
use workflow::action_source::{ActionRef, ActionSource, FetchedRepository, Unavailable};

/// A file out of a repository at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// The commit, full.
    pub commit: String,
    /// What it holds.
    pub text: String,
    /// What the log should say.
    pub notice: Option<String>,
}

/// Why there is no such file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileUnavailable {
    /// The repository cannot be had.
    #[error(transparent)]
    Repository(#[from] Unavailable),
    /// It has no such file at that commit.
    #[error("{repository} has no file '{path}' at {commit}")]
    Absent {
        /// The repository.
        repository: String,
        /// The path.
        path: String,
        /// The commit.
        commit: String,
    },
    /// It is larger than what the caller takes.
    #[error("'{path}' of {repository} has {size} bytes, more than the limit of {limit}")]
    TooLarge {
        /// The repository.
        repository: String,
        /// The path.
        path: String,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// It cannot be read as text.
    #[error("cannot read '{path}' of {repository}")]
    Io {
        /// The repository.
        repository: String,
        /// The path.
        path: String,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
}

impl ActionSource for Store {
    fn fetch(&self, action: &ActionRef) -> Result<FetchedRepository, Unavailable> {
        let unavailable = |tried: Tried| Unavailable { action: written(action), tried: tried.0 };
        let repository = RepositoryName::parse(action.host.as_deref(), &action.repository).ok_or_else(|| {
            unavailable(Tried(vec![format!("'{}' is not of the form owner/repo", action.repository)]))
        })?;
        let resolved = self.resolve(&repository, Some(&action.reference)).map_err(unavailable)?;
        let tree = self.tree(&repository, &resolved).map_err(unavailable)?;
        Ok(FetchedRepository {
            commit: resolved.commit.to_string(),
            tree: tree.path,
            from: tree.from,
            notice: resolved.notice,
        })
    }
}

/// The reference as it is written in a workflow.
fn written(action: &ActionRef) -> String {
    let host = action.host.as_ref().map(|host| format!("{host}/")).unwrap_or_default();
    let path = if action.path.is_empty() { String::new() } else { format!("/{}", action.path) };
    format!("{host}{}{path}@{}", action.repository, action.reference)
}

impl Store {
    /// Reads the file that a reference's path names, at most `limit` bytes.
    ///
    /// # Errors
    /// When the repository or the file cannot be had.
    pub fn read_file(&self, file: &ActionRef, limit: u64) -> Result<RemoteFile, FileUnavailable> {
        let fetched = self.fetch(file)?;
        let (repository, path) = (file.repository.clone(), file.path.clone());
        let absent = || FileUnavailable::Absent {
            repository: repository.clone(),
            path: path.clone(),
            commit: fetched.commit.clone(),
        };
        if path.is_empty() || !Path::new(&path).components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(absent());
        }
        // Links of a stored tree stay inside it; this holds even for a tree that somebody changed.
        let full = fs_err::canonicalize(fetched.tree.join(&path)).map_err(|_| absent())?;
        let top = fs_err::canonicalize(&fetched.tree).map_err(|_| absent())?;
        let found = fs_err::metadata(&full).map_err(|_| absent())?;
        if !full.starts_with(&top) || !found.is_file() {
            return Err(absent());
        }
        if found.len() > limit {
            return Err(FileUnavailable::TooLarge { repository, path, size: found.len(), limit });
        }
        let text = fs_err::read_to_string(&full).map_err(|source| FileUnavailable::Io { repository, path, source })?;
        Ok(RemoteFile { commit: fetched.commit, text, notice: fetched.notice })
    }
}
