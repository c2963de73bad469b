//! Finds the repository that a folder belongs to: ordinary, linked worktree or submodule.

use std::path::{Path, PathBuf};

/// Why a repository cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// Neither the folder nor one above it is a repository.
    #[error("no git repository at {} or above it; run it inside one, name one with -C DIR, or make one with `git init`", .0.display())]
    NotARepository(PathBuf),
    /// There is no working tree.
    #[error("{} is a bare repository: it has no working tree; make one with `git worktree add FOLDER` and run it there", .0.display())]
    Bare(PathBuf),
    /// A `.git` file leads nowhere.
    #[error("{} points to {}, which is no git folder; `git worktree repair` or `git submodule update --init` may mend it", file.display(), target.display())]
    Dangling {
        /// The `.git` file.
        file: PathBuf,
        /// What it points to.
        target: PathBuf,
    },
    /// A repository in a format that this version does not read.
    #[error("{} uses the git extension '{extension}', which ekiden cannot read; clone it without that extension", git_dir.display())]
    Unsupported {
        /// Its git folder.
        git_dir: PathBuf,
        /// The extension.
        extension: String,
    },
    /// HEAD is not what it should be.
    #[error("{} holds no branch and no commit; the repository is damaged, `git fsck` tells more", .0.display())]
    Damaged(PathBuf),
    /// The commit that was asked for cannot be read.
    #[error("cannot read commit {id} of {}: {why}", git_dir.display())]
    Commit {
        /// Its git folder.
        git_dir: PathBuf,
        /// The id.
        id: String,
        /// What git said.
        why: String,
    },
    /// A file cannot be read.
    #[error("cannot read the repository")]
    Io(#[from] std::io::Error),
}

/// How a working tree is bound to its git folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepositoryKind {
    /// `.git` is a folder in the working tree.
    Ordinary,
    /// A working tree made by `git worktree add`.
    LinkedWorktree,
    /// The git folder lies elsewhere: a submodule, or `git init --separate-git-dir`.
    Separate,
    /// It has no working tree; `top` is the git folder.
    Bare,
}

/// A repository with a working tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The top of the working tree, absolute.
    pub top: PathBuf,
    /// What belongs to this working tree alone (HEAD, index).
    pub git_dir: PathBuf,
    /// What all working trees share (objects, references, configuration); often the same.
    pub common_dir: PathBuf,
    /// How it is bound.
    pub kind: RepositoryKind,
}

impl Repository {
    /// The repository of a folder: its own, or the nearest above. Variables such as `GIT_DIR` do not count.
    ///
    /// # Errors
    /// When there is none, it is bare, or its `.git` leads nowhere.
    pub fn discover(from: &Path) -> Result<Self, RepositoryError> {
        let from = fs_err::canonicalize(from)?;
        for top in from.ancestors() {
            let dot_git = top.join(".git");
            match std::fs::symlink_metadata(&dot_git) {
                Ok(found) if found.is_dir() && is_git_dir(&dot_git) => return Self::at(top, dot_git, false),
                Ok(found) if found.is_file() || found.is_symlink() => {
                    let target = if found.is_file() { linked(&dot_git)? } else { followed(&dot_git) };
                    if !is_git_dir(&target) {
                        return Err(RepositoryError::Dangling { file: dot_git, target });
                    }
                    return Self::at(top, target, true);
                }
                _ => {}
            }
            if is_git_dir(top) && top.join("objects").is_dir() && top.join("refs").is_dir() {
                return Err(RepositoryError::Bare(top.to_owned()));
            }
        }
        Err(RepositoryError::NotARepository(from))
    }

    /// The repository of a folder, with a working tree or without.
    ///
    /// # Errors
    /// When there is none, or its `.git` leads nowhere.
    pub fn open(from: &Path) -> Result<Self, RepositoryError> {
        match Self::discover(from) {
            Err(RepositoryError::Bare(git_dir)) => {
                let repository = Self::at(&git_dir, git_dir.clone(), false)?;
                Ok(Self { kind: RepositoryKind::Bare, ..repository })
            }
            found => found,
        }
    }

    fn at(top: &Path, git_dir: PathBuf, elsewhere: bool) -> Result<Self, RepositoryError> {
        let common_dir = match fs_err::read_to_string(git_dir.join("commondir")) {
            Ok(text) => fs_err::canonicalize(git_dir.join(text.trim_end_matches(['\n', '\r'])))?,
            Err(_) => git_dir.clone(),
        };
        let kind = match (elsewhere, common_dir == git_dir) {
            (false, _) => RepositoryKind::Ordinary,
            (true, true) => RepositoryKind::Separate,
            (true, false) => RepositoryKind::LinkedWorktree,
        };
        let repository = Self { top: top.to_owned(), git_dir, common_dir, kind };
        let config = repository.config();
        if let Some(storage) = config.get("extensions", None, "refstorage").filter(|storage| *storage != "files") {
            return Err(RepositoryError::Unsupported {
                git_dir: repository.git_dir,
                extension: format!("refStorage = {storage}"),
            });
        }
        Ok(repository)
    }

    /// The repository's own configuration file; empty when it has none.
    #[must_use]
    pub fn config(&self) -> super::Config {
        read_config(&self.common_dir.join("config"))
    }

    /// The name of the person who works here, by `user.name` of the repository or of the user; never from the environment of git.
    #[must_use]
    pub fn user_name(&self) -> Option<String> {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let xdg = std::env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| home.as_ref().map(|home| home.join(".config")));
        let files = [
            Some(self.common_dir.join("config")),
            home.map(|home| home.join(".gitconfig")),
            xdg.map(|folder| folder.join("git/config")),
        ];
        files
            .into_iter()
            .flatten()
            .find_map(|file| read_config(&file).get("user", None, "name").map(str::to_owned))
            .filter(|name| !name.trim().is_empty())
    }
}

pub(crate) fn read_config(path: &Path) -> super::Config {
    fs_err::read(path).map(|bytes| super::Config::parse(&String::from_utf8_lossy(&bytes))).unwrap_or_default()
}

fn is_git_dir(path: &Path) -> bool {
    std::fs::symlink_metadata(path.join("HEAD")).is_ok()
}

/// Where a `.git` that is a symbolic link leads.
fn followed(link: &Path) -> PathBuf {
    fs_err::canonicalize(link).unwrap_or_else(|_| fs_err::read_link(link).unwrap_or_default())
}

/// Where a `.git` file points.
fn linked(file: &Path) -> Result<PathBuf, RepositoryError> {
    let text = fs_err::read_to_string(file)?;
    let target = text.strip_prefix("gitdir:").unwrap_or_default().trim();
    let target = file.parent().unwrap_or(Path::new("/")).join(target);
    Ok(fs_err::canonicalize(&target).unwrap_or(target))
}
