//! Writes the files of a commit out of a git folder: no checkout, no filter, no attribute; names and sizes are checked first.

use super::StoreLimits;
use super::links::Links;
use crate::git::{Git, GitError};
use crate::repository::CommitId;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a commit is not unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// A name that no file may have.
    #[error("it holds a file with the name {0:?}, which is refused")]
    Name(String),
    /// A link out of the tree.
    #[error("its link {path} → {target} leaves the repository, which is refused")]
    Link {
        /// The link.
        path: String,
        /// Where it leads.
        target: String,
    },
    /// Too much.
    #[error("it holds {what}, more than the limit of {limit}")]
    TooLarge {
        /// What it holds.
        what: String,
        /// What it may.
        limit: u64,
    },
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Writing failed.
    #[error("cannot write {}", path.display())]
    Io {
        /// What was written.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
}

/// What a tree holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Contents {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File { executable: bool },
    Link,
    Submodule,
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    id: String,
    path: String,
}

/// The longest target of a link.
const LONGEST_TARGET: u64 = 4095;

/// Unpacks into an existing empty folder.
pub(super) fn unpack(
    git_dir: &Path,
    commit: &CommitId,
    into: &Path,
    limits: &StoreLimits,
    timeout: Duration,
) -> Result<Contents, UnpackError> {
    let listing = Git::in_repository(git_dir)
        .args(["ls-tree", "-r", "-z", "-l", "--full-tree", commit.as_str()])
        .timeout(timeout)
        .output()?;
    let (entries, contents) = read_listing(&listing, limits)?;
    check_names(&entries)?;

    let mut links: BTreeMap<&str, String> = BTreeMap::new();
    let mut made: HashSet<&str> = HashSet::new();
    for entry in &entries {
        let folder = if entry.kind == Kind::Submodule { entry.path.as_str() } else { parent(&entry.path) };
        if made.insert(folder) {
            fs_err::create_dir_all(into.join(folder))
                .map_err(|source| UnpackError::Io { path: into.join(folder), source })?;
        }
    }
    let blobs: Vec<&Entry> = entries.iter().filter(|entry| entry.kind != Kind::Submodule).collect();
    let asked: Vec<u8> = blobs.iter().flat_map(|entry| entry.id.bytes().chain(*b"\n")).collect();
    Git::in_repository(git_dir).args(["cat-file", "--batch"]).input(asked).timeout(timeout).stream(|stdout| {
        let mut stdout = BufReader::with_capacity(256 << 10, stdout);
        for entry in &blobs {
            let size = header(&mut stdout)?;
            let mut content = (&mut stdout).take(size);
            match entry.kind {
                Kind::File { executable } => write_file(&into.join(&entry.path), executable, &mut content)?,
                Kind::Link | Kind::Submodule => {
                    let mut target = String::new();
                    content.read_to_string(&mut target)?;
                    links.insert(&entry.path, target);
                }
            }
            let mut end = [0];
            stdout.read_exact(&mut end)?;
        }
        Ok(())
    })?;

    let all = Links { targets: links.iter().map(|(path, target)| (*path, target.as_str())).collect() };
    if let Some(path) = all.leaving().into_iter().next() {
        return Err(UnpackError::Link { path: path.to_owned(), target: links.get(path).cloned().unwrap_or_default() });
    }
    for (path, target) in &links {
        let path = into.join(path);
        std::os::unix::fs::symlink(target, &path).map_err(|source| UnpackError::Io { path, source })?;
    }
    made.insert("");
    close_folders(into, &made).map_err(|source| UnpackError::Io { path: into.to_owned(), source })?;
    Ok(contents)
}

/// `<mode> <type> <id> <size>\t<path>\0` each.
fn read_listing(listing: &[u8], limits: &StoreLimits) -> Result<(Vec<Entry>, Contents), UnpackError> {
    let mut entries = Vec::new();
    let mut contents = Contents::default();
    for line in listing.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let odd = || UnpackError::Name(String::from_utf8_lossy(line).into_owned());
        let text = std::str::from_utf8(line).map_err(|_| odd())?;
        let (facts, path) = text.split_once('\t').ok_or_else(odd)?;
        let mut facts = facts.split_ascii_whitespace();
        let (mode, _, id, size) = (
            facts.next(),
            facts.next(),
            facts.next().ok_or_else(odd)?,
            facts.next().and_then(|size| size.parse::<u64>().ok()),
        );
        let kind = match mode {
            Some("100644" | "100664") => Kind::File { executable: false },
            Some("100755") => Kind::File { executable: true },
            Some("120000") => Kind::Link,
            Some("160000") => Kind::Submodule,
            _ => return Err(odd()),
        };
        let size = size.unwrap_or(0);
        let most = if kind == Kind::Link { LONGEST_TARGET } else { limits.file };
        if size > most {
            return Err(UnpackError::TooLarge { what: format!("{path} with {size} bytes"), limit: most });
        }
        contents.files += 1;
        contents.bytes = contents.bytes.saturating_add(size);
        entries.push(Entry { kind, id: id.to_owned(), path: path.to_owned() });
    }
    if contents.bytes > limits.bytes {
        return Err(UnpackError::TooLarge { what: format!("{} bytes", contents.bytes), limit: limits.bytes });
    }
    if entries.len() > limits.files {
        return Err(UnpackError::TooLarge { what: format!("{} files", entries.len()), limit: limits.files as u64 });
    }
    Ok((entries, contents))
}

/// Every part is a plain name, nothing is named `.git`, and no path leads through a file or a link.
fn check_names(entries: &[Entry]) -> Result<(), UnpackError> {
    let ends: HashSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    for entry in entries {
        let path = entry.path.as_str();
        let odd = |part: &str| {
            part.is_empty() || part == "." || part == ".." || part.eq_ignore_ascii_case(".git") || part.len() > 255
        };
        if path.len() > 4000 || path.split('/').any(odd) {
            return Err(UnpackError::Name(path.to_owned()));
        }
        let mut above = parent(path);
        while !above.is_empty() {
            if ends.contains(above) {
                return Err(UnpackError::Name(path.to_owned()));
            }
            above = parent(above);
        }
    }
    if ends.len() != entries.len() {
        return Err(UnpackError::Name("(the same name twice)".to_owned()));
    }
    Ok(())
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// The size out of `<id> blob <size>\n`.
fn header(stdout: &mut impl BufRead) -> std::io::Result<u64> {
    let mut line = String::new();
    stdout.take(200).read_line(&mut line)?;
    if line.is_empty() {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let mut words = line.split_ascii_whitespace().skip(1);
    match (words.next(), words.next().and_then(|size| size.parse().ok())) {
        (Some("blob"), Some(size)) => Ok(size),
        _ => Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            format!("git does not have an object: {}", line.trim_end()),
        )),
    }
}

fn write_file(path: &Path, executable: bool, content: &mut impl Read) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    std::io::copy(content, &mut file)?;
    // Explicit, as the caller's umask says nothing about jobs.
    file.set_permissions(std::fs::Permissions::from_mode(if executable { 0o555 } else { 0o444 }))
}

/// Makes every folder but the top read-only; the top still has to be renamed.
fn close_folders(top: &Path, leaves: &HashSet<&str>) -> std::io::Result<()> {
    let mut all: HashSet<&str> = HashSet::new();
    for leaf in leaves {
        let mut folder = *leaf;
        while !folder.is_empty() && all.insert(folder) {
            folder = parent(folder);
        }
    }
    for folder in all {
        std::fs::set_permissions(top.join(folder), std::fs::Permissions::from_mode(0o555))?;
    }
    Ok(())
}
