//! What is checked out: HEAD, references (loose and packed), the commit behind them.

use super::objects::{Kind, Objects};
use super::{Commit, CommitId, Repository, RepositoryError};
use crate::git::Git;
use std::path::Path;
use std::time::Duration;

/// What HEAD says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// What is checked out.
    pub reference: HeadReference,
    /// The commit; `None` on a branch without commits.
    pub commit: Option<CommitId>,
}

/// What HEAD names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadReference {
    /// A branch, without `refs/heads/`.
    Branch(String),
    /// A commit that has this tag.
    Tag(String),
    /// A commit.
    Detached,
}

impl Head {
    /// The full reference for `github.ref`: `refs/heads/…`, `refs/tags/…`; `None` for a detached commit without a tag.
    #[must_use]
    pub fn full_reference(&self) -> Option<String> {
        match &self.reference {
            HeadReference::Branch(name) => Some(format!("refs/heads/{name}")),
            HeadReference::Tag(name) => Some(format!("refs/tags/{name}")),
            HeadReference::Detached => None,
        }
    }
}

/// One reference of `packed-refs`.
#[derive(Debug)]
pub(crate) struct PackedRef<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    /// The commit behind an annotated tag.
    pub(crate) peeled: Option<&'a str>,
}

pub(crate) fn packed_refs(text: &str) -> Vec<PackedRef<'_>> {
    let mut all: Vec<PackedRef<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(peeled) = line.strip_prefix('^') {
            if let Some(last) = all.last_mut() {
                last.peeled = Some(peeled);
            }
        } else if let Some((id, name)) = line.split_once(' ')
            && !line.starts_with('#')
        {
            all.push(PackedRef { id, name, peeled: None });
        }
    }
    all
}

impl Repository {
    /// What is checked out.
    ///
    /// # Errors
    /// When HEAD cannot be read.
    pub fn head(&self) -> Result<Head, RepositoryError> {
        let file = self.git_dir.join("HEAD");
        let text = match fs_err::read_link(&file) {
            // The oldest form: HEAD as a symbolic link.
            Ok(target) => format!("ref: {}", target.display()),
            Err(_) => fs_err::read_to_string(&file)?,
        };
        let text = text.trim();
        if let Some(name) = text.strip_prefix("ref:").map(str::trim) {
            let Some(branch) = name.strip_prefix("refs/heads/").filter(|branch| !branch.is_empty()) else {
                return Err(RepositoryError::Damaged(file));
            };
            return Ok(Head { reference: HeadReference::Branch(branch.to_owned()), commit: self.resolve(name) });
        }
        let commit = CommitId::parse(text).map_err(|_| RepositoryError::Damaged(file))?;
        let reference = self.tag_of(&commit).map_or(HeadReference::Detached, HeadReference::Tag);
        Ok(Head { reference, commit: Some(commit) })
    }

    /// The commit of a full reference (`refs/…`), through symbolic references and annotated tags; `None` when there is none.
    #[must_use]
    pub fn resolve(&self, reference: &str) -> Option<CommitId> {
        let mut name = reference.to_owned();
        for _ in 0..5 {
            if !is_plain_reference(&name) {
                return None;
            }
            let loose = [&self.git_dir, &self.common_dir]
                .into_iter()
                .find_map(|folder| fs_err::read_to_string(folder.join(&name)).ok());
            match loose.as_deref().map(str::trim) {
                Some(text) => match text.strip_prefix("ref:") {
                    Some(next) => name = next.trim().to_owned(),
                    // A branch is a commit; only tags may have something behind them.
                    None if is_branch(&name) => return CommitId::parse(text).ok(),
                    None => return self.peel(text),
                },
                None => {
                    let text = self.packed_text();
                    let all = packed_refs(&text);
                    let found = all.iter().find(|packed| packed.name == name)?;
                    return match found.peeled {
                        Some(commit) => CommitId::parse(commit).ok(),
                        None if is_branch(&name) => CommitId::parse(found.id).ok(),
                        None => self.peel(found.id),
                    };
                }
            }
        }
        None
    }

    fn packed_text(&self) -> String {
        fs_err::read(self.common_dir.join("packed-refs"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The commit behind an object: itself, or what a chain of tags points to.
    pub(crate) fn peel(&self, id: &str) -> Option<CommitId> {
        let objects = Objects::open(&self.common_dir);
        let mut id = id.to_owned();
        for _ in 0..5 {
            match objects.read(&id) {
                Some((Kind::Tag, content)) => {
                    let text = String::from_utf8_lossy(&content);
                    id = text.lines().next()?.strip_prefix("object ")?.to_owned();
                }
                Some((Kind::Commit, _)) | None => return CommitId::parse(&id).ok(),
                Some((Kind::Tree | Kind::Blob, _)) => return None,
            }
        }
        None
    }

    /// A tag on a commit: the first by name.
    fn tag_of(&self, commit: &CommitId) -> Option<String> {
        let mut tags: Vec<String> = Vec::new();
        loose_names(&self.common_dir.join("refs/tags"), "", &mut tags);
        let mut found: Vec<String> =
            tags.into_iter().filter(|tag| self.resolve(&format!("refs/tags/{tag}")).as_ref() == Some(commit)).collect();
        let text = self.packed_text();
        for packed in packed_refs(&text) {
            if let Some(tag) = packed.name.strip_prefix("refs/tags/")
                && packed.peeled.unwrap_or(packed.id) == commit.as_str()
            {
                found.push(tag.to_owned());
            }
        }
        found.into_iter().min()
    }

    /// What is written in a commit. Read from the files; only when they hold it in a way that we do not read, git is asked.
    ///
    /// # Errors
    /// When the commit is not there.
    pub fn commit(&self, id: &CommitId) -> Result<Commit, RepositoryError> {
        if let Some((Kind::Commit, content)) = Objects::open(&self.common_dir).read(id.as_str())
            && let Some(commit) = Commit::read(id.clone(), &content)
        {
            return Ok(commit);
        }
        let failed = |why: String| RepositoryError::Commit { git_dir: self.git_dir.clone(), id: id.to_string(), why };
        let output = Git::in_repository(&self.git_dir)
            .args(["cat-file", "commit", id.as_str()])
            .timeout(Duration::from_secs(20))
            .output()
            .map_err(|error| failed(error.to_string()))?;
        Commit::read(id.clone(), &output).ok_or_else(|| failed("it is not a commit".to_owned()))
    }
}

fn is_branch(name: &str) -> bool {
    name.starts_with("refs/heads/") || name.starts_with("refs/remotes/")
}

/// A full name that stays inside the folder of references.
pub(crate) fn is_plain_reference(name: &str) -> bool {
    name.starts_with("refs/")
        && !name.ends_with('/')
        && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"))
        && !name.contains("..")
        && !name.contains("@{")
        && !name.chars().any(|c| c.is_ascii_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\'))
}

fn loose_names(folder: &Path, prefix: &str, names: &mut Vec<String>) {
    let Ok(entries) = fs_err::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let name = format!("{prefix}{name}");
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => loose_names(&entry.path(), &format!("{name}/"), names),
            Ok(kind) if kind.is_file() => names.push(name),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{is_plain_reference, packed_refs};

    #[test]
    fn packed_references_carry_what_is_behind_tags() {
        let all = packed_refs("# pack-refs with: peeled\n1 refs/heads/a\n2 refs/tags/v1\n^3\n");
        assert_eq!((all.len(), all[1].name, all[1].peeled), (2, "refs/tags/v1", Some("3")));
    }

    #[test]
    fn references_stay_inside() {
        assert!(is_plain_reference("refs/heads/feature/é-1"));
        for bad in [
            "HEAD",
            "refs/heads/../../x",
            "refs/heads/",
            "refs/heads/a b",
            "refs//a",
            "refs/heads/.a",
            "refs/heads/a.lock",
            "refs/a\n",
        ] {
            assert!(!is_plain_reference(bad), "{bad}");
        }
    }
}
