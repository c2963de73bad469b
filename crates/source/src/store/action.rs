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

    fn reading(&self, action: ActionRef) -> ActionRef {
        let servers = self.options.tokens.iter().map(|(server, _)| server).chain(&self.options.server);
        servers.fold(action, |action, server| below_a_path(server, &action).unwrap_or(action))
    }
}

/// A reference to a repository of a server that lies below a path of its host; `None` when it is another's.
fn below_a_path(server: &str, action: &ActionRef) -> Option<ActionRef> {
    let server = server.trim_end_matches('/');
    let host = action.host.as_deref()?;
    let folder =
        server.get(..host.len()).filter(|start| start.eq_ignore_ascii_case(host)).map(|_| &server[host.len()..])?;
    let folder = folder.strip_prefix('/')?;
    let whole = format!("{}/{}", action.repository, action.path);
    let mut parts = whole.strip_prefix(folder)?.strip_prefix('/')?.split('/').filter(|part| !part.is_empty());
    let (owner, name) = (parts.next()?, parts.next()?);
    Some(ActionRef {
        host: Some(server.to_owned()),
        repository: format!("{owner}/{name}"),
        path: parts.collect::<Vec<_>>().join("/"),
        reference: action.reference.clone(),
    })
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

#[cfg(test)]
mod tests {
    use super::below_a_path;
    use workflow::action_source::ActionRef;

    fn reference(host: Option<&str>, repository: &str, path: &str) -> ActionRef {
        ActionRef {
            host: host.map(str::to_owned),
            repository: repository.to_owned(),
            path: path.to_owned(),
            reference: "v1".to_owned(),
        }
    }

    #[test]
    fn an_instance_below_a_path_is_no_owner() {
        let read = |server, repository, path| below_a_path(server, &reference(Some("https://h:3"), repository, path));
        let want = |server: &str, path| Some(reference(Some(server), "o/r", path));
        assert_eq!(read("https://h:3/git", "git/o", "r"), want("https://h:3/git", ""));
        assert_eq!(read("https://H:3/git/", "git/o", "r/a/b"), want("https://H:3/git", "a/b"));
        assert_eq!(read("https://h:3/a/b", "a/b", "o/r/c"), want("https://h:3/a/b", "c"));
        // Another path, host or port, or too little of it.
        for (server, repository, path) in [
            ("https://h:3", "git/o", "r"),
            ("https://h:3/git", "gitea/o", "r"),
            ("https://h:30/git", "git/o", "r"),
            ("https://h:3/git", "git/o", ""),
        ] {
            assert_eq!(read(server, repository, path), None, "{server} {repository} {path}");
        }
        assert_eq!(below_a_path("https://h:3/git", &reference(None, "git/o", "r")), None);
    }
}
