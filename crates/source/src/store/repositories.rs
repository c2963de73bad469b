//! Another repository for the built-in checkout: a git folder with one commit's history, which a job copies and checks out inside.

use super::fetch::with_cause;
use super::folder::remove_tree;
use super::place::{Place, RepositoryName};
use super::resolve::{Resolved, Tried};
use super::{Access, Store};
use crate::git::{Git, GitError, format_like};
use crate::repository::CommitId;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use workflow::action_source::Unavailable;

/// The file in a whole repository that stands for it.
pub(super) const COMPLETE: &str = "ekiden-complete";

/// How much history is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// The last so many commits of the one reference.
    Last(u32),
    /// Everything, of all branches and tags.
    Whole,
}

/// A repository at a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedRepository {
    /// `owner/repo`.
    pub repository: String,
    /// Branch, tag or commit; `None` for the default branch.
    pub reference: Option<String>,
    /// Its history.
    pub history: History,
}

/// A repository in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRepository {
    /// Its folder below [`Store::repositories_folder`]: what a `.git` holds.
    pub folder: String,
    /// The commit that is wanted.
    pub commit: CommitId,
    /// The branch that it is on, when the reference is one.
    pub branch: Option<String>,
    /// The full reference, or the commit.
    pub reference: String,
    /// `store` or the place.
    pub from: String,
    /// What the log should say.
    pub notice: Option<String>,
}

impl Store {
    /// Brings a repository into the store.
    ///
    /// # Errors
    /// When no place has it.
    pub fn repository(&self, wanted: &WantedRepository) -> Result<StoredRepository, Unavailable> {
        let shown = format!("{}@{}", wanted.repository, wanted.reference.as_deref().unwrap_or("HEAD"));
        let unavailable = |tried: Tried| Unavailable { action: shown.clone(), tried: tried.0 };
        let odd = || unavailable(Tried(vec![format!("'{}' is not of the form owner/repo", wanted.repository)]));
        let name = RepositoryName::parse(None, &wanted.repository).ok_or_else(odd)?;
        let resolved = self.resolve(&name, wanted.reference.as_deref()).map_err(unavailable)?;
        let folder = folder_name(&resolved, wanted.history);
        let from = self.bring(&name, &resolved, wanted.history, &folder).map_err(unavailable)?;
        Ok(StoredRepository {
            folder,
            branch: resolved.branch().map(str::to_owned),
            commit: resolved.commit,
            reference: resolved.full,
            from,
            notice: resolved.notice,
        })
    }

    fn bring(
        &self,
        name: &RepositoryName,
        resolved: &Resolved,
        history: History,
        folder: &str,
    ) -> Result<String, Tried> {
        let one = |error: &dyn std::error::Error| Tried(vec![with_cause(error)]);
        let target = self.repositories_folder().map_err(|error| one(&error))?.join(folder);
        let _lock = self
            .folder
            .lock(&format!("repository-{folder}"), self.options.fetch_timeout)
            .map_err(|error| one(&error))?;
        let known = self.known(name).commits.contains(&resolved.commit);
        if known && self.hold(&target.join(COMPLETE)) {
            return Ok("store".to_owned());
        }
        let mut tried = Tried(vec![format!("store: it lacks commit {}", resolved.commit)]);
        if self.options.access == Access::Offline {
            tried.0.push("offline: no other place was asked".to_owned());
            return Err(tried);
        }
        let first = resolved.place.clone();
        let others = self
            .places_of(name)
            .into_iter()
            .filter(|place| first.as_ref().is_none_or(|first| first.name() != place.name()));
        for place in first.iter().cloned().chain(others) {
            match self.fetch_repository(&place, name, resolved, history, &target) {
                Ok(()) => {
                    self.remember(name, |known| {
                        known.commits.insert(resolved.commit.clone());
                    })
                    .map_err(|error| one(&error))?;
                    if self.hold(&target.join(COMPLETE)) {
                        return Ok(place.name());
                    }
                    tried.0.push(format!("{}: fetched, and pruned at once by another process", place.label(name)));
                }
                Err(why) => tried.0.push(format!("{}: {why}", place.label(name))),
            }
        }
        Err(tried)
    }

    fn fetch_repository(
        &self,
        place: &Place,
        name: &RepositoryName,
        resolved: &Resolved,
        history: History,
        target: &Path,
    ) -> Result<(), String> {
        let text = |error: &dyn std::error::Error| with_cause(error);
        let temporary = self.folder.temporary().map_err(|error| text(&error))?;
        let git_dir = temporary.path.join("git");
        let depth = match history {
            History::Last(depth) => Some(depth.max(1)),
            History::Whole => None,
        };
        self.fetch_commit(place, name, resolved, &git_dir, depth).map_err(|error| text(&error))?;
        if history == History::Whole {
            self.fetch_all(place, name, &git_dir).map_err(|error| text(&error))?;
        }
        let io = |error: std::io::Error| with_cause(&self.folder.failed(error));
        let id = resolved.commit.as_str();
        if let Some(branch) = resolved.branch() {
            let reference = format!("refs/remotes/origin/{branch}");
            Git::in_repository(&git_dir).args(["update-ref", &reference, id]).output().map_err(|error| text(&error))?;
        }
        if resolved.full.starts_with("refs/tags/") {
            Git::in_repository(&git_dir)
                .args(["update-ref", &resolved.full, id])
                .output()
                .map_err(|error| text(&error))?;
        }
        let _ = Git::in_repository(&git_dir).args(["update-ref", "-d", "refs/ekiden/wanted"]).output();
        let _ = std::fs::remove_file(git_dir.join("FETCH_HEAD"));
        let format = format_like(&resolved.commit);
        let origin = "[remote \"origin\"]\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n[gc]\n\tauto = 0\n";
        fs_err::write(
            git_dir.join("config"),
            format!("[core]\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n\t{format}{origin}"),
        )
        .map_err(io)?;
        fs_err::write(git_dir.join(COMPLETE), "").map_err(io)?;
        open_for_reading(&git_dir).map_err(io)?;
        remove_tree(target).map_err(io)?;
        fs_err::rename(&git_dir, target).map_err(io)
    }

    fn fetch_all(&self, place: &Place, name: &RepositoryName, git_dir: &Path) -> Result<(), GitError> {
        let git = Git::in_repository(git_dir).cancel(Some(&self.options.cancel)).timeout(self.options.fetch_timeout);
        let (git, url) = place.git(git.watch(git_dir, self.options.limits.bytes), name);
        git.args(["fetch", "--quiet", "--no-auto-maintenance"])
            .args(place.upload_pack())
            .args(["--", &url])
            .args(["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"])
            .output()
            .map(drop)
    }
}

/// A name for the commit, its history and the branch that it is on.
fn folder_name(resolved: &Resolved, history: History) -> String {
    let history = match history {
        History::Last(depth) => depth.to_string(),
        History::Whole => "all".to_owned(),
    };
    let mut name = format!("{}-{history}", resolved.commit);
    if let Some(branch) = resolved.branch() {
        name.push('-');
        for byte in branch.bytes() {
            if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.' {
                name.push(char::from(byte));
            } else {
                name.push_str(&format!("_{byte:02x}"));
            }
        }
        name.truncate(200);
    }
    name
}

/// Jobs run as others and copy it.
fn open_for_reading(folder: &Path) -> std::io::Result<()> {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_for_reading(&entry.path())?;
        } else {
            std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(0o444))?;
        }
    }
    Ok(())
}

/// How long a repository that nobody used may stay, for [`Store::prune`] called without an age.
pub(super) const USUAL_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
