//! Bare git folders without templates, made by hand: mirrors, and places where actions are fetched to. Called by `forge`, `project` and `store`.

use crate::repository::CommitId;
use std::io;
use std::path::Path;

/// Makes the folder for objects with ids like that of a commit; `more` is what its settings hold besides.
pub(crate) fn make_bare(git_dir: &Path, head: &str, like: Option<&CommitId>, more: &str) -> io::Result<()> {
    for folder in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
        fs_err::create_dir_all(git_dir.join(folder))?;
    }
    fs_err::write(git_dir.join("HEAD"), format!("ref: {head}\n"))?;
    set_bare(git_dir, like, more)
}

/// Writes its settings, whole or not at all, for whoever does so at the same time.
pub(crate) fn set_bare(git_dir: &Path, like: Option<&CommitId>, more: &str) -> io::Result<()> {
    let format = format(like.is_some_and(is_long));
    let made = git_dir.join(format!("config.{}.{:?}", std::process::id(), std::thread::current().id()));
    fs_err::write(&made, format!("[core]\n\tbare = true\n\t{format}{more}"))?;
    fs_err::rename(&made, git_dir.join("config"))
}

/// The last lines of `[core]`, for objects with ids like that of a commit.
pub(crate) fn format_like(commit: &CommitId) -> &'static str {
    format(is_long(commit))
}

const fn format(is_long: bool) -> &'static str {
    if is_long {
        "repositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n"
    } else {
        "repositoryformatversion = 0\n"
    }
}

/// Whether its settings are for ids like that of a commit.
pub(crate) fn has_format(git_dir: &Path, like: &CommitId) -> bool {
    let config = std::fs::read_to_string(git_dir.join("config")).unwrap_or_default();
    config.contains("objectformat = sha256") == is_long(like)
}

fn is_long(commit: &CommitId) -> bool {
    commit.as_str().len() == 64
}
