//! Files at a commit, read from the repository's objects; git itself is asked only where they are kept in a way that we do not read.

use super::{FileError, ProjectError};
use crate::git::Git;
use crate::repository::{CommitId, Kind, Objects, Repository};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

/// How long git may take for one object.
const PATIENCE: Duration = Duration::from_secs(20);
/// The largest tree that is read: a folder of about half a million files.
const LARGEST_TREE: u64 = 32 << 20;

/// A workflow file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowText {
    /// Its path: `.github/workflows/ci.yml`.
    pub path: String,
    /// Its text, or why there is none; the others are not affected.
    pub text: Result<Arc<str>, FileError>,
}

/// What a tree says of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) mode: Mode,
    pub(super) id: String,
}

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    File,
    Folder,
    Link,
    Submodule,
}

impl Mode {
    fn check_file(self) -> Result<(), FileError> {
        match self {
            Self::File => Ok(()),
            Self::Folder => Err(FileError::Other("a folder")),
            Self::Link => Err(FileError::Other("a symbolic link")),
            Self::Submodule => Err(FileError::Other("a submodule")),
        }
    }
}

/// The files of one commit.
#[derive(Debug)]
pub(super) struct Files<'a> {
    repository: &'a Repository,
    objects: Objects,
    commit: &'a CommitId,
    root: String,
}

impl<'a> Files<'a> {
    pub(super) fn at(repository: &'a Repository, git: &str, commit: &'a CommitId) -> Result<Self, ProjectError> {
        let found = repository.commit(commit).map_err(|error| match error {
            crate::RepositoryError::Commit { .. } => {
                ProjectError::NoCommit { git: git.to_owned(), commit: commit.to_string() }
            }
            error => error.into(),
        })?;
        Ok(Self { repository, objects: Objects::open(&repository.common_dir), commit, root: found.tree })
    }

    fn failed(&self, path: &str, why: FileError) -> ProjectError {
        ProjectError::File { path: path.to_owned(), commit: self.commit.to_string(), why }
    }

    fn tree(&self, id: &str) -> Result<Vec<Entry>, FileError> {
        let content = match self.objects.read(id) {
            Some((Kind::Tree, content)) => content,
            Some(_) => return Err(FileError::Damaged(id.to_owned())),
            None => self.ask("tree", id, LARGEST_TREE)?,
        };
        entries(&content, self.commit.as_str().len() / 2).ok_or_else(|| FileError::Damaged(id.to_owned()))
    }

    /// An object's content by git; bounded.
    fn ask(&self, kind: &str, id: &str, limit: u64) -> Result<Vec<u8>, FileError> {
        let mut content = Vec::new();
        let git = Git::in_repository(&self.repository.git_dir).args(["cat-file", kind, id]).timeout(PATIENCE);
        let read = git.stream(|output| output.take(limit + 1).read_to_end(&mut content).map(drop));
        let size = content.len() as u64;
        match read {
            _ if size > limit => Err(FileError::TooLarge { size, limit }),
            Ok(()) => Ok(content),
            Err(_) => Err(FileError::Damaged(id.to_owned())),
        }
    }

    /// The entries of a folder (`""`: the top); `None` when there is no such folder.
    pub(super) fn folder(&self, path: &str) -> Result<Option<Vec<Entry>>, ProjectError> {
        let mut id = self.root.clone();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let found = self.tree(&id).map_err(|why| self.failed(path, why))?;
            match found.into_iter().find(|entry| entry.name == part) {
                Some(entry) if entry.mode == Mode::Folder => id = entry.id,
                _ => return Ok(None),
            }
        }
        self.tree(&id).map(Some).map_err(|why| self.failed(path, why))
    }

    pub(super) fn text(&self, entry: &Entry, limit: u64) -> Result<Arc<str>, FileError> {
        entry.mode.check_file()?;
        let content = match self.objects.read(&entry.id) {
            Some((Kind::Blob, content)) => content,
            Some(_) => return Err(FileError::Damaged(entry.id.clone())),
            None => self.ask("blob", &entry.id, limit)?,
        };
        let size = content.len() as u64;
        if size > limit {
            return Err(FileError::TooLarge { size, limit });
        }
        match String::from_utf8(content) {
            Ok(text) => Ok(text.into()),
            Err(error) => Err(FileError::NotText(error.utf8_error().valid_up_to())),
        }
    }

    /// The text of one file.
    pub(super) fn read(&self, path: &str, limit: u64) -> Result<Arc<str>, ProjectError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let entry = self.folder(folder)?.and_then(|all| all.into_iter().find(|entry| entry.name == name));
        entry.ok_or(FileError::Missing).and_then(|entry| self.text(&entry, limit)).map_err(|why| self.failed(path, why))
    }

    /// The workflow files of the first of these folders that exists.
    pub(super) fn workflows(&self, order: &[&str], limit: u64) -> Result<Vec<WorkflowText>, ProjectError> {
        for folder in order {
            let Some(entries) = self.folder(folder)? else { continue };
            let files = entries.iter().filter(|entry| is_workflow(&entry.name) && entry.mode != Mode::Folder);
            return Ok(files
                .map(|entry| WorkflowText { path: format!("{folder}/{}", entry.name), text: self.text(entry, limit) })
                .collect());
        }
        Ok(Vec::new())
    }
}

fn is_workflow(name: &str) -> bool {
    [".yml", ".yaml"].iter().any(|end| name.ends_with(end))
}

/// The entries of a tree object: `<mode> <name>\0<id>`. A name that is not UTF-8 is shown as well as it can be.
fn entries(mut content: &[u8], id_length: usize) -> Option<Vec<Entry>> {
    let mut all = Vec::new();
    while !content.is_empty() {
        let space = content.iter().position(|byte| *byte == b' ')?;
        let mode = match content.get(..space)? {
            b"40000" | b"040000" => Mode::Folder,
            b"120000" => Mode::Link,
            b"160000" => Mode::Submodule,
            mode if mode.starts_with(b"100") => Mode::File,
            _ => return None,
        };
        content = content.get(space + 1..)?;
        let end = content.iter().position(|byte| *byte == 0)?;
        let name = String::from_utf8_lossy(content.get(..end)?).into_owned();
        let raw = content.get(end + 1..end + 1 + id_length)?;
        let id = raw.iter().map(|byte| format!("{byte:02x}")).collect();
        content = content.get(end + 1 + id_length..)?;
        all.push(Entry { name, mode, id });
    }
    Some(all)
}

impl Repository {
    /// Whether it holds a commit, seen without git.
    pub(super) fn commit_is_here(&self, commit: &CommitId) -> bool {
        matches!(Objects::open(&self.common_dir).read(commit.as_str()), Some((Kind::Commit, _)))
            || Git::in_repository(&self.git_dir)
                .args(["cat-file", "-e", &format!("{commit}^{{commit}}")])
                .output()
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{Mode, entries};

    #[test]
    fn entries_of_every_kind_and_a_torn_tree() {
        let mut tree = Vec::new();
        for (mode, name) in [("100644", "a"), ("100755", "b\u{e9}"), ("120000", "c"), ("160000", "d"), ("40000", "e f")]
        {
            tree.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            tree.extend_from_slice(&[7; 20]);
        }
        let all = entries(&tree, 20).unwrap();
        let modes: Vec<Mode> = all.iter().map(|entry| entry.mode).collect();
        assert_eq!(modes, [Mode::File, Mode::File, Mode::Link, Mode::Submodule, Mode::Folder]);
        assert_eq!((all[4].name.as_str(), all[4].id.as_str()), ("e f", "07".repeat(20).as_str()));
        for end in 1..tree.len() {
            if end % (20 + 9) != 0 {
                let _no_panic = entries(&tree[..end], 20);
            }
        }
        assert_eq!(entries(&tree[..tree.len() - 1], 20), None);
        assert_eq!(entries(b"999 x\0", 20), None);
    }
}
