//! All branches and tags of a repository of this machine, read by hand; a look that finds nothing moved costs a few `stat` calls.

use super::ProjectError;
use crate::repository::{CommitId, PackedRef, Repository, RepositoryKind, is_plain_reference, packed_refs};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The remote that a working tree was cloned from.
const REMOTE: &str = "origin";
/// The largest `packed-refs` that is read: about a million refs.
const MOST_PACKED: u64 = 64 << 20;
/// A change this young may be followed by another one with the same time on it (the kernel's clock for files ticks every 4 ms or so).
const YOUNG: Duration = Duration::from_millis(40);

/// Where a repository's branches and tags lead.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refs {
    /// `refs/heads/…` and `refs/tags/…` with their commits, by name. A tag is the commit behind it; one of something else is left out.
    pub all: Vec<(String, CommitId)>,
    /// The default branch, `refs/heads/…`: what HEAD names. It may have no commit yet.
    pub default_branch: Option<String>,
}

impl Refs {
    /// The commit of a full name.
    #[must_use]
    pub fn get(&self, full: &str) -> Option<&CommitId> {
        let at = self.all.binary_search_by(|(name, _)| name.as_str().cmp(full)).ok()?;
        self.all.get(at).map(|(_, commit)| commit)
    }

    /// What a short or full name is: a branch before a tag.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(String, CommitId)> {
        let full = if name.starts_with("refs/") {
            vec![name.to_owned()]
        } else {
            vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")]
        };
        full.into_iter().find_map(|full| self.get(&full).cloned().map(|commit| (full, commit)))
    }
}

/// What was read of a repository, and how its files looked then.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) refs: Arc<Refs>,
    seen: Seen,
    /// The commits behind tags, by the tag's object.
    peeled: HashMap<String, Option<CommitId>>,
}

/// The looks of all files and folders that say where refs lead.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// Git replaces a loose ref by a rename, so that its folder shows it.
    folders: Vec<(PathBuf, Look)>,
    files: [Option<Look>; 3],
    /// When they were looked at.
    at: SystemTime,
}

impl Seen {
    /// Whether something may have changed after the look without looking different.
    fn was_young(&self) -> bool {
        let mut looks = self.files.iter().flatten().chain(self.folders.iter().map(|(_, look)| look));
        looks.any(|look| look.is_young(self.at))
    }
}

/// One file's look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Look {
    fn of(path: &Path) -> Option<Self> {
        let about = std::fs::metadata(path).ok()?;
        Some(Self { inode: about.ino(), size: about.len(), changed: (about.ctime(), about.ctime_nsec()) })
    }

    fn is_young(&self, at: SystemTime) -> bool {
        let (seconds, nanoseconds) = self.changed;
        let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(seconds), u32::try_from(nanoseconds)) else { return true };
        let changed = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
        // A time to come says nothing.
        at.duration_since(changed).map_or(true, |age| age < YOUNG)
    }
}

fn files_of(repository: &Repository) -> [PathBuf; 3] {
    [repository.git_dir.join("HEAD"), repository.common_dir.join("packed-refs"), repository.remote_head(REMOTE)]
}

impl Known {
    /// Whether nothing moved since; false where that cannot be told.
    pub(super) fn is_current(&self, repository: &Repository) -> bool {
        let files = files_of(repository);
        files.iter().zip(&self.seen.files).all(|(path, look)| Look::of(path) == *look)
            && self.seen.folders.iter().all(|(path, look)| Look::of(path) == Some(*look))
            && !self.seen.was_young()
    }

    /// Reads all refs. Looks are taken before what they stand for is read, so that a move meanwhile is seen the next time.
    pub(super) fn read(repository: &Repository, before: Option<Self>) -> Result<Self, ProjectError> {
        let files = files_of(repository);
        let mut seen =
            Seen { folders: Vec::new(), files: files.each_ref().map(|file| Look::of(file)), at: SystemTime::now() };
        let default_branch = default_branch(repository)?;
        let mut loose: BTreeMap<String, Loose> = BTreeMap::new();
        for kind in ["refs/heads", "refs/tags"] {
            loose_refs(&repository.common_dir, kind, &mut seen.folders, &mut loose, 0)?;
        }
        let text = packed_text(repository, &files[1], seen.files[1])?;
        let fully =
            text.lines().next().is_some_and(|line| line.starts_with("# pack-refs") && line.contains("fully-peeled"));
        let mut peeler =
            Peeler { repository, before: before.map(|known| known.peeled).unwrap_or_default(), peeled: HashMap::new() };
        let mut all: BTreeMap<String, CommitId> = BTreeMap::new();
        for packed in packed_refs(&text) {
            if loose.contains_key(packed.name) || !is_wanted(packed.name) {
                continue;
            }
            if let Some(commit) = peeler.packed(&packed, fully) {
                all.insert(packed.name.to_owned(), commit);
            }
        }
        for (name, found) in &loose {
            let commit = match found {
                Loose::Id(id) if name.starts_with("refs/heads/") => CommitId::parse(id).ok(),
                Loose::Id(id) => peeler.peel(id),
                Loose::Symbolic => repository.resolve(name),
            };
            if let Some(commit) = commit {
                all.insert(name.clone(), commit);
            }
        }
        let refs = Arc::new(Refs { all: all.into_iter().collect(), default_branch });
        Ok(Self { refs, seen, peeled: peeler.peeled })
    }
}

/// A loose ref's content.
enum Loose {
    Id(String),
    /// It names another one.
    Symbolic,
}

/// Finds the commits behind tags, each once.
struct Peeler<'a> {
    repository: &'a Repository,
    before: HashMap<String, Option<CommitId>>,
    peeled: HashMap<String, Option<CommitId>>,
}

impl Peeler<'_> {
    fn packed(&mut self, packed: &PackedRef<'_>, fully: bool) -> Option<CommitId> {
        match packed.peeled {
            Some(commit) => CommitId::parse(commit).ok(),
            None if fully || packed.name.starts_with("refs/heads/") => CommitId::parse(packed.id).ok(),
            None => self.peel(packed.id),
        }
    }

    fn peel(&mut self, id: &str) -> Option<CommitId> {
        if let Some(known) = self.peeled.get(id) {
            return known.clone();
        }
        let commit = match self.before.remove(id) {
            Some(known) => known,
            None => self.repository.peel(id),
        };
        self.peeled.insert(id.to_owned(), commit.clone());
        commit
    }
}

fn is_wanted(name: &str) -> bool {
    (name.starts_with("refs/heads/") || name.starts_with("refs/tags/")) && is_plain_reference(name)
}

/// What is checked out says of a bare repository what its default branch is; of a working tree only what somebody works on.
fn default_branch(repository: &Repository) -> Result<Option<String>, ProjectError> {
    if repository.kind != RepositoryKind::Bare {
        let mut likely = repository.main_branches(REMOTE).map(|name| format!("refs/heads/{name}"));
        if let Some(branch) = likely.find(|name| repository.resolve(name).is_some()) {
            return Ok(Some(branch));
        }
    }
    let file = repository.git_dir.join("HEAD");
    let text = match std::fs::read_link(&file) {
        Ok(target) => format!("ref: {}", target.display()),
        Err(_) => fs_err::read_to_string(&file).map_err(|source| ProjectError::Folder { path: file, source })?,
    };
    let name = text.trim().strip_prefix("ref:").map(str::trim);
    Ok(name.filter(|name| name.starts_with("refs/heads/") && is_plain_reference(name)).map(str::to_owned))
}

fn packed_text(repository: &Repository, path: &Path, look: Option<Look>) -> Result<String, ProjectError> {
    match look {
        None => Ok(String::new()),
        Some(look) if look.size > MOST_PACKED => {
            Err(ProjectError::TooManyRefs { git: repository.git_dir.display().to_string(), most: MOST_PACKED })
        }
        Some(_) => match fs_err::read(path) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(source) => Err(ProjectError::Folder { path: path.to_owned(), source }),
        },
    }
}

/// The loose refs of a folder and those below it. What is no plain file with a good name is no ref.
fn loose_refs(
    common_dir: &Path,
    name: &str,
    folders: &mut Vec<(PathBuf, Look)>,
    found: &mut BTreeMap<String, Loose>,
    depth: usize,
) -> Result<(), ProjectError> {
    let folder = common_dir.join(name);
    let Some(look) = Look::of(&folder).filter(|_| depth < 64) else { return Ok(()) };
    folders.push((folder.clone(), look));
    let entries = match fs_err::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(ProjectError::Folder { path: folder, source }),
    };
    for entry in entries.flatten() {
        let Ok(last) = entry.file_name().into_string() else { continue };
        let name = format!("{name}/{last}");
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => loose_refs(common_dir, &name, folders, found, depth + 1)?,
            Ok(kind) if kind.is_file() && is_wanted(&name) => {
                // One that goes meanwhile is gone.
                let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
                match text.trim() {
                    text if text.starts_with("ref:") => found.insert(name, Loose::Symbolic),
                    id => found.insert(name, Loose::Id(id.to_owned())),
                };
            }
            _ => {}
        }
    }
    Ok(())
}
