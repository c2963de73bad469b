//! A commit: its id, and what is written in it.

use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// The full id of a commit: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

/// The text is not a full commit id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a full commit id")]
pub struct InvalidCommitId(String);

impl CommitId {
    /// Checks the form.
    ///
    /// # Errors
    /// When the text is anything but 40 or 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, InvalidCommitId> {
        if matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidCommitId(text.chars().take(80).collect()))
        }
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CommitId {
    type Error = InvalidCommitId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<CommitId> for String {
    fn from(id: CommitId) -> Self {
        id.0
    }
}

impl std::fmt::Display for CommitId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who wrote or committed, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signature {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// When.
    pub at: Option<Timestamp>,
    /// The offset of the writer's clock from UTC, minutes.
    pub offset_minutes: i16,
}

/// What is written in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: CommitId,
    /// The id of its tree.
    pub tree: String,
    /// The commits before it.
    pub parents: Vec<CommitId>,
    /// Who wrote the change.
    pub author: Signature,
    /// Who made the commit.
    pub committer: Signature,
    /// The whole message.
    pub message: String,
}

impl Commit {
    /// Reads the content of a commit object; unknown headers (signatures) are passed over.
    pub(crate) fn read(id: CommitId, content: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(content);
        let (headers, message) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut commit = Self {
            id,
            tree: String::new(),
            parents: Vec::new(),
            author: Signature::default(),
            committer: Signature::default(),
            message: message.strip_suffix('\n').unwrap_or(message).to_owned(),
        };
        for line in headers.lines() {
            match line.split_once(' ') {
                Some(("tree", id)) => commit.tree = id.to_owned(),
                Some(("parent", id)) => commit.parents.push(CommitId::parse(id).ok()?),
                Some(("author", text)) => commit.author = Signature::read(text),
                Some(("committer", text)) => commit.committer = Signature::read(text),
                _ => {}
            }
        }
        (!commit.tree.is_empty()).then_some(commit)
    }
}

impl Signature {
    /// `Name <address> seconds +hhmm`.
    fn read(text: &str) -> Self {
        let (name, rest) = text.split_once(" <").or_else(|| text.split_once('<')).unwrap_or((text, ""));
        let (email, time) = rest.rsplit_once('>').unwrap_or((rest, ""));
        let mut parts = time.split_whitespace();
        let at = parts
            .next()
            .and_then(|seconds| seconds.parse::<u64>().ok())
            .and_then(|seconds| seconds.checked_mul(1000))
            .map(Timestamp);
        let offset = parts.next().and_then(|zone| zone.parse::<i16>().ok()).unwrap_or(0);
        Self { name: name.to_owned(), email: email.to_owned(), at, offset_minutes: offset / 100 * 60 + offset % 100 }
    }
}

#[cfg(test)]
mod tests {
    use super::{Commit, CommitId};
    use domain::Timestamp;

    #[test]
    fn a_commit_is_read() {
        let id = CommitId::parse(&"A".repeat(40)).unwrap();
        let text = format!(
            "tree {}\nparent {}\nauthor A <B> <a@b> 1700000000 -0130\ncommitter c <> 5 +0200\ngpgsig -----BEGIN\n abc\n\nsubject\n\nbody\n",
            "1".repeat(40),
            "2".repeat(40)
        );
        let commit = Commit::read(id, text.as_bytes()).unwrap();
        assert_eq!((commit.author.name.as_str(), commit.author.offset_minutes), ("A", -90));
        assert_eq!(
            (commit.committer.email.as_str(), commit.committer.at, commit.committer.offset_minutes),
            ("", Some(Timestamp(5000)), 120)
        );
        assert_eq!((commit.message.as_str(), commit.parents.len()), ("subject\n\nbody", 1));
        assert_eq!(commit.id.as_str(), "a".repeat(40));
    }

    #[test]
    fn ids_are_full() {
        for bad in ["", "abc", &"g".repeat(40), &"a".repeat(41)] {
            assert!(CommitId::parse(bad).is_err());
        }
    }
}
