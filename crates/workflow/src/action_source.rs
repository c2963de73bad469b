//! Where actions and remote reusable workflows come from. The trait lies here so that the engine and the composition root share
//! it; `source` implements it.

use std::path::PathBuf;

/// `owner/repo[/path]@ref`, or an absolute URL form of it that some forges accept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ActionRef {
    /// `https://host` of the absolute form, with the path that an instance lies below where [`ActionSource::reading`] knows of one; `None` for
    /// the default places.
    pub host: Option<String>,
    /// `owner/repo`.
    pub repository: String,
    /// The folder or file within it; empty for the top.
    pub path: String,
    /// Branch, tag or commit.
    pub reference: String,
}

/// An action's repository at one commit, on this machine, read-only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedRepository {
    /// The commit, full.
    pub commit: String,
    /// The folder that holds the repository's files at that commit (without `.git`).
    pub tree: PathBuf,
    /// The place that it came from: `store`, a mirror, `https://github.com`.
    pub from: String,
    /// Something the job's log should say: that the last known commit was taken because no place answered.
    pub notice: Option<String>,
}

/// Nobody could give it; the text names every place tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not get {action}: {}", tried.join("; "))]
pub struct Unavailable {
    /// The reference as written.
    pub action: String,
    /// Each place and its answer.
    pub tried: Vec<String>,
}

/// Gives repositories by reference. Blocking: callers on an async runtime use a blocking thread.
pub trait ActionSource: Send + Sync + std::fmt::Debug {
    /// Resolves the reference and makes the tree at its commit available.
    ///
    /// # Errors
    /// When no place has it.
    fn fetch(&self, action: &ActionRef) -> Result<FetchedRepository, Unavailable>;

    /// The reference as this source understands it: only it knows that an instance lies below a path, so that
    /// `https://host/path/owner/repo@ref` names no repository `path/owner`.
    fn reading(&self, action: ActionRef) -> ActionRef {
        action
    }
}
