//! Where workflow files lie in a repository. `exec` and `lint` look here.

use std::io;
use std::path::{Path, PathBuf};

/// The folders that forges read, the most particular first: of several, `exec` takes the first that exists.
pub(crate) const FOLDERS: [&str; 3] = [".forgejo/workflows", ".gitea/workflows", ".github/workflows"];

/// What the manifest of an action is called, in the order in which they are looked for.
pub(crate) const MANIFESTS: [&str; 2] = ["action.yml", "action.yaml"];

/// The workflow files of a folder, by name; not those of folders in it.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if is_yaml(&path) && (kind.is_file() || (kind.is_symlink() && path.is_file())) {
            files.push(path);
        }
    }
    // All lie in one folder: comparing their paths as text is comparing their names.
    files.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    Ok(files)
}

/// Whether the name ends as YAML files do.
pub(crate) fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml")
}

/// Whether the name is that of an action's manifest.
pub(crate) fn is_manifest(path: &Path) -> bool {
    path.file_name().is_some_and(|name| MANIFESTS.iter().any(|known| name == *known))
}

/// The repository that a workflow file belongs to by its place, and its path in it with `/`.
pub(crate) fn repository_of(file: &Path) -> Option<(PathBuf, String)> {
    let folder = file.parent()?;
    let name = file.file_name()?.to_str()?;
    for known in FOLDERS {
        if folder.ends_with(known) {
            let root = folder.parent()?.parent()?;
            let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
            return Some((root.to_owned(), format!("{known}/{name}")));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{files, repository_of};
    use std::path::{Path, PathBuf};

    #[test]
    fn the_place_of_a_file_tells_its_repository() {
        let of = |path: &str| repository_of(Path::new(path));
        assert_eq!(of("a/.github/workflows/ci.yml"), Some(("a".into(), ".github/workflows/ci.yml".into())));
        assert_eq!(of(".gitea/workflows/ci.yml"), Some((".".into(), ".gitea/workflows/ci.yml".into())));
        assert_eq!(of("workflows/ci.yml"), None);
    }

    #[test]
    fn only_yaml_files_of_the_folder_itself_count() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yml", "a.yaml", "c.txt", "sub/d.yml"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found: Vec<PathBuf> = files(folder.path()).unwrap();
        assert_eq!(found, [folder.path().join("a.yaml"), folder.path().join("b.yml")]);
    }
}
