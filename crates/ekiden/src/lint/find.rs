//! From paths to files: a file, a folder of workflow files, or a repository.

use crate::failure::Failure;
use crate::workflows::{FOLDERS, files, is_manifest, repository_of};
use std::path::{Path, PathBuf};

/// How deep manifests of actions are looked for in a repository, and where they are not.
const ACTION_DEPTH: usize = 4;
const NOT_OURS: [&str; 5] = ["node_modules", "target", "vendor", "dist", "build"];

/// A file to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A workflow in its repository: what it calls can be looked at.
    Workflow {
        /// The repository's folder.
        root: PathBuf,
        /// The path in it.
        path: String,
    },
    /// A workflow file anywhere: what it calls is unknown.
    Loose(PathBuf),
    /// The manifest of an action.
    Action(PathBuf),
}

impl Target {
    /// The file.
    pub(crate) fn file(&self) -> PathBuf {
        match self {
            // `./x` is shown as `x`.
            Self::Workflow { root, path } if root == Path::new(".") => PathBuf::from(path),
            Self::Workflow { root, path } => root.join(path),
            Self::Loose(file) | Self::Action(file) => file.clone(),
        }
    }

    fn of_file(file: &Path) -> Self {
        match repository_of(file) {
            Some((root, path)) => Self::Workflow { root, path },
            None if is_manifest(file) => Self::Action(file.to_owned()),
            None => Self::Loose(file.to_owned()),
        }
    }
}

/// The files of all paths, each once, in order.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<Target>, Failure> {
    let mut targets = Vec::new();
    for path in paths {
        let unreadable =
            |error: std::io::Error| Failure::not_found(format!("could not read {}", path.display())).cause(&error);
        if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
            targets.extend(of_folder(path).map_err(unreadable)?);
        } else {
            targets.push(Target::of_file(path));
        }
    }
    if paths.len() > 1 {
        let mut seen = std::collections::HashSet::new();
        targets.retain(|target| seen.insert(target.file()));
    }
    Ok(targets)
}

fn of_folder(folder: &Path) -> std::io::Result<Vec<Target>> {
    let known: Vec<PathBuf> = FOLDERS.iter().map(|name| folder.join(name)).filter(|path| path.is_dir()).collect();
    if !known.is_empty() {
        return of_repository(folder, &known);
    }
    let direct = files(folder)?;
    if direct.is_empty() {
        // A folder within a repository stands for it, as for git.
        let top = folder.canonicalize()?.ancestors().skip(1).find(|up| up.join(".git").exists()).map(Path::to_owned);
        if let Some(top) = top {
            let known: Vec<PathBuf> = FOLDERS.iter().map(|name| top.join(name)).filter(|path| path.is_dir()).collect();
            return of_repository(&top, &known);
        }
    }
    Ok(direct.iter().map(|file| Target::of_file(file)).collect())
}

fn of_repository(root: &Path, folders: &[PathBuf]) -> std::io::Result<Vec<Target>> {
    let mut targets = Vec::new();
    for folder in folders {
        // The names are known: what each path belongs to need not be found out from it.
        let place = folder.strip_prefix(root).ok().and_then(Path::to_str);
        targets.extend(files(folder)?.iter().map(|file| {
            match (place, file.file_name().and_then(std::ffi::OsStr::to_str)) {
                (Some(place), Some(name)) => {
                    Target::Workflow { root: root.to_owned(), path: format!("{place}/{name}") }
                }
                _ => Target::of_file(file),
            }
        }));
    }
    let mut manifests = Vec::new();
    actions(root, ACTION_DEPTH, &mut manifests);
    manifests.sort();
    targets.extend(manifests.into_iter().map(Target::Action));
    Ok(targets)
}

/// Manifests below a folder. A folder that cannot be read holds nothing that a job could read either.
fn actions(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_file() {
            let path = entry.path();
            if is_manifest(&path) {
                found.push(path);
            }
        } else if kind.is_dir() && depth > 0 {
            let forge = FOLDERS.iter().any(|known| known.split('/').next() == Some(&name));
            let skipped = (name.starts_with('.') && !forge) || NOT_OURS.contains(&&*name) || name == "workflows";
            if !skipped {
                actions(&entry.path(), depth - 1, found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, find};

    #[test]
    fn a_repository_gives_its_workflows_and_its_actions() {
        let root = tempfile::tempdir().unwrap();
        for name in [
            ".github/workflows/ci.yml",
            ".github/actions/a/action.yml",
            "action.yaml",
            "tools/b/action.yml",
            "node_modules/x/action.yml",
            ".hidden/action.yml",
            "other.yml",
        ] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let top = root.path().to_owned();
        let found = find(std::slice::from_ref(&top)).unwrap();
        let expected = [
            Target::Workflow { root: top.clone(), path: ".github/workflows/ci.yml".into() },
            Target::Action(top.join(".github/actions/a/action.yml")),
            Target::Action(top.join("action.yaml")),
            Target::Action(top.join("tools/b/action.yml")),
        ];
        assert_eq!(found, expected);
        // A folder of files, and one file twice.
        let folder = top.join(".github/workflows");
        let again = find(&[folder.clone(), folder.join("ci.yml")]).unwrap();
        assert_eq!(again, expected[..1]);
        assert!(find(&[top.join("absent")]).is_err());
    }
}
