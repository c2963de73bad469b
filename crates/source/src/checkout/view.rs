//! The views of a repository: the working tree as it is, and the git folder alone.
//!
//! In both, `.git` is a folder that works by itself, whatever it is on the host: a linked worktree's shared folder is laid in, borrowed
//! objects are laid in, the configuration is cleaned, and hooks, logs and locks are hidden. Only small files are read.

use super::clean::cleaned;
use super::submodules::{Submodule, submodules};
use crate::repository::{Objects, Repository, RepositoryKind, read_config};
use domain::{View, ViewFile, ViewPart};
use std::path::{Path, PathBuf};

/// Of a git folder, never shown: they are personal, run something, or belong to processes on the host.
const HIDDEN: &[&str] = &[
    "hooks",
    "logs",
    "worktrees",
    "FETCH_HEAD",
    "gc.pid",
    "gc.log",
    "index.lock",
    "HEAD.lock",
    "config.lock",
    "packed-refs.lock",
    "shallow.lock",
    "credentials",
];
/// Of a working tree in progress (merge, rebase): not part of a commit.
const IN_PROGRESS: &[&str] = &[
    "index",
    "MERGE_HEAD",
    "MERGE_MSG",
    "MERGE_MODE",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "rebase-merge",
    "rebase-apply",
    "sequencer",
];
/// Of a linked worktree's own folder, what git needs beside the shared folder.
const OF_WORKTREE: &[&str] = &[
    "HEAD",
    "index",
    "ORIG_HEAD",
    "MERGE_HEAD",
    "MERGE_MSG",
    "MERGE_MODE",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "info/sparse-checkout",
];
/// More git folders of submodules than this are not looked at; the rest is hidden.
const MOST_MODULES: usize = 2000;

/// The working tree as it is.
pub(super) fn working_tree(repository: &Repository, name: String) -> View {
    let mut view = View { name, parts: vec![part(&repository.top, "")], files: Vec::new(), hidden: Vec::new() };
    if repository.kind != RepositoryKind::Ordinary {
        // The `.git` file makes room for the folder.
        view.hidden.push(PathBuf::from(".git"));
        view.parts.push(part(&repository.common_dir, ".git"));
    }
    if repository.kind == RepositoryKind::LinkedWorktree {
        for file in OF_WORKTREE {
            if let Ok(content) = fs_err::read(repository.git_dir.join(file)) {
                view.files.push(ViewFile { at: Path::new(".git").join(file), content });
            }
        }
        let modules = repository.git_dir.join("modules");
        if modules.is_dir() {
            view.parts.push(part(&modules, ".git/modules"));
        }
    }
    let own = submodules(repository);
    for submodule in &own {
        match submodule {
            Submodule::Linked { path, module } => {
                let content = format!("gitdir: {}.git/modules/{}\n", up(path), module.display()).into_bytes();
                // Written only when it says something else: most are right as they are.
                if fs_err::read(repository.top.join(path).join(".git")).ok().as_deref() != Some(&content) {
                    view.files.push(ViewFile { at: path.join(".git"), content });
                }
            }
            Submodule::Own { path } => {
                let git_dir = path.join(".git");
                clean_git_dir(&mut view, &repository.top.join(&git_dir), &git_dir, None);
            }
        }
    }
    git_folder(&mut view, repository, &own);
    view
}

/// The git folder alone, below an empty folder.
pub(super) fn objects(repository: &Repository, name: String, empty: &Path) -> View {
    let mut view = View {
        name,
        parts: vec![part(empty, ""), part(&repository.common_dir, ".git")],
        files: Vec::new(),
        hidden: Vec::new(),
    };
    if repository.kind == RepositoryKind::LinkedWorktree
        && let Ok(content) = fs_err::read(repository.git_dir.join("HEAD"))
    {
        view.files.push(ViewFile { at: PathBuf::from(".git/HEAD"), content });
    }
    hide(&mut view, &repository.common_dir, Path::new(".git"), IN_PROGRESS);
    git_folder(&mut view, repository, &[]);
    view
}

fn part(host: &Path, at: &str) -> ViewPart {
    ViewPart { host: host.to_owned(), at: PathBuf::from(at) }
}

/// `../` for each part of a path.
fn up(path: &Path) -> String {
    "../".repeat(path.components().count())
}

/// What both views do with `.git`: cleaned configurations, hidden files, borrowed objects.
fn git_folder(view: &mut View, repository: &Repository, linked: &[Submodule]) {
    clean_git_dir(view, &repository.common_dir, Path::new(".git"), None);
    if repository.kind == RepositoryKind::LinkedWorktree && repository.git_dir.join("config.worktree").is_file() {
        let content = cleaned(&read_config(&repository.git_dir.join("config.worktree")), None).into_bytes();
        view.files.retain(|file| file.at != Path::new(".git/config.worktree"));
        view.files.push(ViewFile { at: PathBuf::from(".git/config.worktree"), content });
    }
    let modules = match repository.git_dir.join("modules") {
        own if repository.kind == RepositoryKind::LinkedWorktree
            && own.is_dir()
            && view.parts.iter().any(|part| part.host == own) =>
        {
            own
        }
        _ => repository.common_dir.join("modules"),
    };
    let mut found = Vec::new();
    if !modules.is_dir() || find_modules(&modules, Path::new(""), &mut found) {
        for module in found {
            let at = Path::new(".git/modules").join(&module);
            let worktree = linked.iter().find_map(|submodule| match submodule {
                Submodule::Linked { path, module: of } if *of == module => {
                    Some(format!("{}{}", up(&at), path.display()))
                }
                _ => None,
            });
            clean_git_dir(view, &modules.join(&module), &at, worktree.as_deref());
        }
    } else {
        view.hidden.push(PathBuf::from(".git/modules"));
    }
    let objects = Objects::open(&repository.common_dir);
    let mut lines = String::new();
    // Only what is the object folder of a git folder: the file that names it may have come with the repository.
    let borrowed = objects
        .alternates()
        .iter()
        .filter(|folder| folder.ends_with("objects") && folder.with_file_name("HEAD").is_file());
    for (number, folder) in borrowed.enumerate() {
        let at = format!(".git/borrowed/{number}");
        lines.push_str(&format!("../borrowed/{number}\n"));
        view.parts.push(part(folder, &at));
        // Its own borrowing is in our list already.
        if folder.join("info/alternates").exists() {
            view.hidden.push(Path::new(&at).join("info/alternates"));
        }
    }
    if !lines.is_empty() {
        view.files.push(ViewFile { at: PathBuf::from(".git/objects/info/alternates"), content: lines.into_bytes() });
    }
}

/// A cleaned configuration for one git folder, and its private files hidden.
fn clean_git_dir(view: &mut View, host: &Path, at: &Path, worktree: Option<&str>) {
    let content = cleaned(&read_config(&host.join("config")), worktree).into_bytes();
    view.files.push(ViewFile { at: at.join("config"), content });
    if host.join("config.worktree").is_file() {
        let content = cleaned(&read_config(&host.join("config.worktree")), None).into_bytes();
        view.files.push(ViewFile { at: at.join("config.worktree"), content });
    }
    hide(view, host, at, HIDDEN);
}

fn hide(view: &mut View, host: &Path, at: &Path, names: &[&str]) {
    for name in names {
        if std::fs::symlink_metadata(host.join(name)).is_ok() {
            view.hidden.push(at.join(name));
        }
    }
}

/// The git folders below `modules`, whose names may hold `/`; false when there are too many.
fn find_modules(folder: &Path, below: &Path, found: &mut Vec<PathBuf>) -> bool {
    let Ok(entries) = fs_err::read_dir(folder) else { return true };
    for entry in entries.flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let at = below.join(entry.file_name());
        let path = entry.path();
        let within = if path.join("HEAD").is_file() {
            found.push(at.clone());
            (path.join("modules"), at.join("modules"))
        } else {
            (path, at)
        };
        if found.len() > MOST_MODULES
            || within.1.components().count() > 64
            || !find_modules(&within.0, &within.1, found)
        {
            return false;
        }
    }
    true
}
