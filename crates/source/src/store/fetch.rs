//! Brings one commit into the store: a shallow fetch into a temporary git folder, then its files, then the marker.

use super::folder::{StoreError, remove_tree};
use super::place::{Place, RepositoryName};
use super::resolve::{Resolved, Tried};
use super::unpack::unpack;
use super::{Access, Store};
use crate::git::{Git, GitError, make_bare};
use crate::repository::CommitId;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What lies beside a whole tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    pub(super) commit: CommitId,
    pub(super) repository: String,
    pub(super) from: String,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) fetched: Timestamp,
}

/// A tree in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) path: PathBuf,
    pub(super) from: String,
}

impl Store {
    pub(super) fn tree_path(&self, commit: &CommitId) -> PathBuf {
        self.folder.path("trees").join(commit.as_str())
    }

    pub(super) fn marker_path(&self, commit: &CommitId) -> PathBuf {
        self.folder.path("trees").join(format!("{commit}.json"))
    }

    /// The tree of a commit when it is whole; from now on it is in use by this process.
    fn present(&self, commit: &CommitId) -> Option<PathBuf> {
        let tree = self.tree_path(commit);
        (self.hold(&self.marker_path(commit)) && tree.is_dir()).then_some(tree)
    }

    /// The tree of a commit, fetched when the store lacks it.
    pub(super) fn tree(&self, repository: &RepositoryName, resolved: &Resolved) -> Result<Tree, Tried> {
        let commit = &resolved.commit;
        // What another repository brought is the same content, but whether it is of this repository is for a place to say.
        let ours = || self.known(repository).commits.contains(commit);
        let stored =
            || ours().then(|| self.present(commit)).flatten().map(|path| Tree { path, from: "store".to_owned() });
        if let Some(tree) = stored() {
            return Ok(tree);
        }
        let mut tried = Tried(vec![format!("store: it lacks commit {commit}")]);
        if self.options.access == Access::Offline {
            tried.0.push("offline: no other place was asked".to_owned());
            return Err(tried);
        }
        let fail = |mut tried: Tried, error: &StoreError| {
            tried.0.push(with_cause(error));
            tried
        };
        let _lock = self
            .folder
            .lock(commit.as_str(), self.options.fetch_timeout)
            .map_err(|error| fail(tried.clone(), &error))?;
        if let Some(tree) = stored() {
            return Ok(tree);
        }
        let asked_first = resolved.place.clone();
        let others = self
            .places_of(repository)
            .into_iter()
            .filter(|place| asked_first.as_ref().is_none_or(|first| first.name() != place.name()));
        for place in asked_first.iter().cloned().chain(others) {
            match self.fetch_tree(&place, repository, resolved) {
                Ok(()) => {
                    self.remember(repository, |known| {
                        known.commits.insert(commit.clone());
                    })
                    .map_err(|error| fail(tried.clone(), &error))?;
                    if let Some(path) = self.present(commit) {
                        return Ok(Tree { path, from: place.name() });
                    }
                    tried
                        .0
                        .push(format!("{}: fetched, and pruned at once by another process", place.label(repository)));
                }
                Err(why) => tried.0.push(format!("{}: {why}", place.label(repository))),
            }
        }
        Err(tried)
    }

    fn fetch_tree(&self, place: &Place, repository: &RepositoryName, resolved: &Resolved) -> Result<(), String> {
        let temporary = self.folder.temporary().map_err(|error| with_cause(&error))?;
        let git_dir = temporary.path.join("git");
        self.fetch_commit(place, repository, resolved, &git_dir, Some(1)).map_err(|error| with_cause(&error))?;
        let files = temporary.path.join("tree");
        let io = |error: std::io::Error| with_cause(&self.folder.failed(error));
        fs_err::create_dir(&files).map_err(io)?;
        let contents = unpack(&git_dir, &resolved.commit, &files, &self.options.limits, self.options.fetch_timeout)
            .map_err(|error| with_cause(&error))?;
        let marker = Marker {
            commit: resolved.commit.clone(),
            repository: repository.to_string(),
            from: place.name(),
            files: contents.files,
            bytes: contents.bytes,
            fetched: self.options.clock.now(),
        };
        self.folder.shared("trees").map_err(|error| with_cause(&error))?;
        let target = self.tree_path(&resolved.commit);
        if !self.marker_path(&resolved.commit).is_file() {
            // Left by a process that was killed between the two steps.
            remove_tree(&target).map_err(io)?;
            fs_err::rename(&files, &target).map_err(io)?;
        }
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o555)).map_err(io)?;
        let text = serde_json::to_vec_pretty(&marker).map_err(|error| io(error.into()))?;
        self.folder.write(&self.marker_path(&resolved.commit), &text).map_err(|error| with_cause(&error))
    }

    /// Fetches a commit with `depth` commits of history (`None`: all of it) into a new bare folder; it is verified to be there.
    pub(super) fn fetch_commit(
        &self,
        place: &Place,
        repository: &RepositoryName,
        resolved: &Resolved,
        git_dir: &Path,
        depth: Option<u32>,
    ) -> Result<(), GitError> {
        make_bare(git_dir, "refs/heads/main", Some(&resolved.commit), "")
            .map_err(|source| GitError::Io { command: "fetch".to_owned(), source })?;
        let fetch = |wanted: &[&str], depth: Option<u32>| {
            let git =
                Git::in_repository(git_dir).cancel(Some(&self.options.cancel)).timeout(self.options.fetch_timeout);
            let (git, url) = place.git(git.watch(git_dir, self.options.limits.bytes), repository);
            let depth = depth.map(|depth| format!("--depth={depth}"));
            let plain = ["fetch", "--quiet", "--no-tags", "--no-auto-maintenance"]
                .into_iter()
                .chain(place.upload_pack())
                .chain(depth.as_deref());
            git.args(plain).args(["--", &url]).args(wanted).output().map(drop)
        };
        let commit = resolved.commit.as_str();
        let into = format!("+{commit}:refs/ekiden/wanted");
        let first = fetch(&[&into], depth);
        if let Err(error) = first {
            if !matches!(error, GitError::Failed { .. }) {
                return Err(error);
            }
            // A server that gives no commit by its id: by its name, or out of everything.
            let by_name = format!("+{}:refs/ekiden/wanted", resolved.full);
            let named =
                resolved.full.starts_with("refs/") && fetch(&[&by_name], depth).is_ok() && has_commit(git_dir, commit);
            if !named {
                fetch(&["+refs/heads/*:refs/ekiden/heads/*", "+refs/tags/*:refs/ekiden/tags/*"], None)?;
            }
            if !has_commit(git_dir, commit) {
                return Err(error);
            }
        } else if !has_commit(git_dir, commit) {
            return Err(GitError::Failed { command: "fetch".to_owned(), message: format!("{commit} is not a commit") });
        }
        Ok(())
    }
}

fn has_commit(git_dir: &Path, commit: &str) -> bool {
    Git::in_repository(git_dir)
        .args(["cat-file", "-e", &format!("{commit}^{{commit}}")])
        .timeout(Duration::from_secs(20))
        .output()
        .is_ok()
}

/// An error with what caused it, in one line.
pub(super) fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}
