//! The submodules of a working tree, as they are checked out: read from `.gitmodules` and the `.git` files, without git.

use crate::repository::{Repository, read_config};
use std::path::{Component, Path, PathBuf};

/// More submodules than this are not looked at.
const MOST: usize = 2000;

/// One checked-out submodule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Submodule {
    /// Its `.git` is a file that leads below `modules`.
    Linked {
        /// Where it lies, from the top.
        path: PathBuf,
        /// Its git folder, below `modules`.
        module: PathBuf,
    },
    /// Its `.git` is a folder of its own.
    Own {
        /// Where it lies, from the top.
        path: PathBuf,
    },
}

/// The submodules that are checked out, theirs too.
pub(super) fn submodules(repository: &Repository) -> Vec<Submodule> {
    let modules: Vec<PathBuf> = [&repository.git_dir, &repository.common_dir]
        .into_iter()
        .filter_map(|folder| fs_err::canonicalize(folder.join("modules")).ok())
        .collect();
    let mut all = Vec::new();
    collect(&repository.top, Path::new(""), &modules, &mut all);
    all
}

fn collect(top: &Path, below: &Path, modules: &[PathBuf], all: &mut Vec<Submodule>) {
    for path in declared(&top.join(below)) {
        if all.len() >= MOST {
            return;
        }
        let path = below.join(path);
        let dot_git = top.join(&path).join(".git");
        let Ok(kind) = std::fs::symlink_metadata(&dot_git) else { continue };
        if kind.is_dir() {
            all.push(Submodule::Own { path: path.clone() });
        } else if let Some(module) = linked_module(&dot_git, modules) {
            all.push(Submodule::Linked { path: path.clone(), module });
        } else {
            continue;
        }
        collect(top, &path, modules, all);
    }
}

/// The paths of `.gitmodules`, those that stay inside and do not pass through a link.
fn declared(folder: &Path) -> Vec<PathBuf> {
    let file = folder.join(".gitmodules");
    if !std::fs::symlink_metadata(&file).is_ok_and(|found| found.is_file()) {
        return Vec::new();
    }
    let config = read_config(&file);
    let paths = config.entries.iter().filter(|entry| entry.section == "submodule" && entry.key == "path");
    let mut paths: Vec<PathBuf> = paths.filter_map(|entry| entry.value.as_deref()).map(PathBuf::from).collect();
    paths.retain(|path| {
        let inside = !path.as_os_str().is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
        inside && path.ancestors().all(|part| !folder.join(part).is_symlink() || part.as_os_str().is_empty())
    });
    paths.dedup();
    paths
}

/// The git folder that a `.git` file names, relative to the `modules` folder that it lies in.
fn linked_module(file: &Path, modules: &[PathBuf]) -> Option<PathBuf> {
    let text = fs_err::read_to_string(file).ok()?;
    let target = fs_err::canonicalize(file.parent()?.join(text.strip_prefix("gitdir:")?.trim())).ok()?;
    modules.iter().find_map(|folder| target.strip_prefix(folder).ok().map(Path::to_owned))
}

/// Whether a submodule that the working tree declares is not checked out; with `nested`, one of theirs.
pub(super) fn some_missing(top: &Path, nested: bool) -> bool {
    missing_below(top, Path::new(""), nested, 0)
}

fn missing_below(top: &Path, below: &Path, nested: bool, depth: usize) -> bool {
    depth < 32
        && declared(&top.join(below)).into_iter().any(|path| {
            let path = below.join(path);
            std::fs::symlink_metadata(top.join(&path).join(".git")).is_err()
                || (nested && missing_below(top, &path, nested, depth + 1))
        })
}
