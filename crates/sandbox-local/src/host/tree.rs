//! A view on the plain host: copied, since nothing can be laid over anything here.

use crate::files::remove_tree;
use domain::View;
use std::io;
use std::path::{Path, PathBuf};

/// Copies a view to a place that is absent or an empty directory.
pub(super) fn place(view: &View, at: &Path) -> io::Result<()> {
    if std::fs::read_dir(at).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(io::Error::other("the directory is not empty"));
    }
    let mut parts: Vec<_> = view.parts.iter().collect();
    parts.sort_by_key(|part| part.at.components().count());
    for part in parts {
        copy(&part.host, &at.join(&part.at), &part.at, view)?;
    }
    for path in &view.hidden {
        let path = at.join(path);
        match std::fs::remove_file(&path) {
            Err(error) if path.is_dir() => remove_tree(&path).map_err(|_| error)?,
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    for file in &view.files {
        let path = at.join(&file.at);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, &file.content)?;
    }
    Ok(())
}

/// Copies a tree with its links and modes. What is hidden is not copied.
fn copy(from: &Path, to: &Path, at: &Path, view: &View) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    let mut stack: Vec<(PathBuf, PathBuf, PathBuf)> = vec![(from.to_owned(), to.to_owned(), at.to_owned())];
    while let Some((from, to, at)) = stack.pop() {
        for entry in std::fs::read_dir(&from)? {
            let entry = entry?;
            let (from, to, at) = (entry.path(), to.join(entry.file_name()), at.join(entry.file_name()));
            if view.hidden.contains(&at) {
                continue;
            }
            let kind = entry.file_type()?;
            if kind.is_dir() {
                std::fs::create_dir_all(&to)?;
                std::fs::set_permissions(&to, entry.metadata()?.permissions())?;
                stack.push((from, to, at));
            } else if kind.is_symlink() {
                std::os::unix::fs::symlink(std::fs::read_link(&from)?, &to)?;
            } else if kind.is_file() {
                std::fs::copy(&from, &to)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{ViewFile, ViewPart};

    #[test]
    fn a_view_is_copied_as_it_would_be_shown() {
        let dir = tempfile::tempdir().unwrap();
        let (repository, other) = (dir.path().join("r"), dir.path().join("o"));
        std::fs::create_dir_all(repository.join("a/b")).unwrap();
        std::fs::create_dir_all(&other).unwrap();
        std::fs::write(repository.join("a/b/f"), "f").unwrap();
        std::fs::write(repository.join("a/hidden"), "h").unwrap();
        std::fs::write(other.join("x"), "x").unwrap();
        std::os::unix::fs::symlink("b/f", repository.join("a/link")).unwrap();
        let view = View {
            name: "v".to_owned(),
            parts: vec![
                ViewPart { host: other, at: PathBuf::from("sub") },
                ViewPart { host: repository.clone(), at: PathBuf::new() },
            ],
            files: vec![ViewFile { at: PathBuf::from(".git/config"), content: b"c".to_vec() }],
            hidden: vec![PathBuf::from("a/hidden")],
        };
        let at = dir.path().join("at");
        place(&view, &at).unwrap();
        assert_eq!(std::fs::read_to_string(at.join("a/link")).unwrap(), "f");
        assert!(at.join("sub/x").exists() && at.join(".git/config").exists() && !at.join("a/hidden").exists());
        assert!(place(&view, &at).is_err(), "it is not empty any more");
        assert!(repository.join("a/hidden").exists());
    }
}
