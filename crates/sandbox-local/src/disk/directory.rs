//! A job's directory on the host's own file system, where no image can be mounted. Called by `pool` and the agent.

use super::pool::{DiskError, DiskLimit};
use super::watch::Watch;
use domain::LimitReached;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A directory that bears its owner's name. Its limit holds while it is [watched](Directory::watch).
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    fd: OwnedFd,
    limit: DiskLimit,
    fate: Fate,
    reached: Arc<OnceLock<LimitReached>>,
}

/// What becomes of a disk when its sandbox ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is thrown away.
    Discarded,
    /// It stays, as it was kept before.
    Kept,
}

impl Directory {
    pub(super) fn kept(path: &Path, limit: DiskLimit) -> Result<Self, DiskError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::open(path, flags, Mode::empty());
        let fd = opened.map_err(|error| DiskError::new("open", path, error.into()))?;
        Ok(Self { path: path.to_owned(), fd, limit, fate: Fate::Kept, reached: Arc::default() })
    }

    pub(super) fn make(folder: &Path, name: &str, limit: DiskLimit) -> Result<Self, DiskError> {
        let path = folder.join(format!("{}{name}", crate::owner::own_name(Path::new("/proc"))));
        let made = rustix::fs::mkdir(&path, Mode::from_raw_mode(0o755)).and_then(|()| {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::open(&path, flags, Mode::empty())
        });
        let fd = made.map_err(|error| DiskError::new("make", &path, error.into()))?;
        Ok(Self { path, fd, limit, fate: Fate::Discarded, reached: Arc::default() })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is to be removed when everybody who could is gone.
    #[must_use]
    pub fn leftover(&self) -> Option<&Path> {
        (self.fate == Fate::Discarded).then_some(self.path.as_path())
    }

    /// The directory itself.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Its limit.
    #[must_use]
    pub fn limit(&self) -> DiskLimit {
        self.limit
    }

    /// What the watcher saw.
    #[must_use]
    pub fn limit_reached(&self) -> Option<LimitReached> {
        self.reached.get().cloned()
    }

    /// Watches until the guard is dropped; on breach calls `on_reached` once, from the watcher's thread.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn watch(&self, on_reached: impl FnOnce(LimitReached) + Send + 'static) -> Result<Watch, DiskError> {
        let failed = |error| DiskError::new("watch", &self.path, error);
        let fd = self.fd.try_clone().map_err(failed)?;
        let reached = Arc::clone(&self.reached);
        let tell = move |limit: LimitReached| {
            let _ = reached.set(limit.clone());
            on_reached(limit);
        };
        Watch::start(fd, self.limit, tell).map_err(failed)
    }

    /// Removes it and everything in it.
    pub(super) fn discard(self) -> Result<(), DiskError> {
        if self.fate == Fate::Kept {
            return Ok(());
        }
        crate::mapped::remove_tree(&self.path).map_err(|error| DiskError::new("remove", &self.path, error))
    }
}

/// Removes the directories of owners that are gone.
pub(super) fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| crate::owner::is_stale(name, Path::new("/proc"))) {
            let _ = crate::mapped::remove_tree(&entry.path());
        }
    }
}

/// So deep directories are held open at a time; what lies deeper is lifted to the top first.
const DEPTH: usize = 16;

/// Removes `name` in `parent` with all it holds, as a job may have left it: nothing is followed, no mount is entered, names
/// are only used relative to a directory that is held open, and nesting costs no depth of ours.
///
/// # Errors
/// The first thing that could not be removed.
pub fn remove_tree(parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // Directories answer EISDIR, on some file systems EPERM.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error),
    }
    let mut top = Dir::new(open_directory(parent, name)?)?;
    let mut lifted = 0;
    loop {
        let before = lifted;
        empty(&mut top, 1, None, &mut lifted)?;
        if lifted == before {
            break;
        }
        top.rewind();
    }
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
}

/// Removes what is in a directory. Directories that lie too deep are lifted into `top`, where there is one above, and are to be removed from there;
/// `lifted` says how many were.
fn empty(directory: &mut Dir, depth: usize, top: Option<BorrowedFd<'_>>, lifted: &mut u64) -> Result<(), Errno> {
    let entries = entries(directory)?;
    let here = directory.fd()?;
    let top = top.unwrap_or(here);
    for (name, kind) in entries {
        if kind != FileType::Directory {
            rustix::fs::unlinkat(here, &name, AtFlags::empty())?;
        } else if depth < DEPTH {
            let mut inner = Dir::new(open_directory(here, &name)?)?;
            empty(&mut inner, depth + 1, Some(top), lifted)?;
            rustix::fs::unlinkat(here, &name, AtFlags::REMOVEDIR)?;
        } else {
            // Its own `..` changes, so it must be writable too.
            drop(open_directory(here, &name)?);
            lift(here, &name, top, lifted)?;
        }
    }
    Ok(())
}

/// Moves a directory to the top, under a name that is free there.
fn lift(from: BorrowedFd<'_>, name: &CStr, top: BorrowedFd<'_>, lifted: &mut u64) -> Result<(), Errno> {
    loop {
        *lifted += 1;
        let new = CString::new(format!(".lifted-{lifted}")).map_err(|_| Errno::INVAL)?;
        match rustix::fs::renameat_with(from, name, top, &new, rustix::fs::RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => {}
            done => return done,
        }
    }
}

fn entries(directory: &mut Dir) -> Result<Vec<(CString, FileType)>, Errno> {
    let mut found = Vec::new();
    while let Some(entry) = directory.read() {
        let entry = entry?;
        if matches!(entry.file_name().to_bytes(), b"." | b"..") {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                let stat = rustix::fs::statat(directory.fd()?, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(stat.st_mode)
            }
            kind => kind,
        };
        found.push((entry.file_name().to_owned(), kind));
    }
    Ok(found)
}

/// Opens a directory for removing in it, giving its owner the right to when it was taken away (an overlay's work directory
/// has mode 000).
fn open_directory(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let open = |flags| {
        rustix::fs::openat2(
            parent,
            name,
            flags | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
            resolve,
        )
    };
    let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if stat.st_mode & 0o700 != 0o700 && !rustix::process::geteuid().is_root() {
        let handle = open(OFlags::PATH)?;
        // A handle's mode is changed through its own link in /proc, never through the job's name.
        let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&handle));
        rustix::fs::chmod(link, Mode::RWXU)?;
    }
    open(OFlags::RDONLY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_goes_whatever_a_job_left_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let precious = dir.path().join("precious");
        std::fs::create_dir(&precious).unwrap();
        std::fs::write(precious.join("file"), "text").unwrap();
        let tree = dir.path().join("tree");
        std::fs::create_dir_all(tree.join("a/b")).unwrap();
        std::os::unix::fs::symlink(&precious, tree.join("a/link")).unwrap();
        std::fs::write(tree.join(".lifted-1"), "in the way").unwrap();
        std::fs::create_dir(tree.join(".lifted-2")).unwrap();
        std::fs::create_dir_all(tree.join("work/work")).unwrap();
        std::fs::set_permissions(tree.join("work/work"), std::os::unix::fs::PermissionsExt::from_mode(0o0)).unwrap();
        // Deeper than a path may be long.
        let deep = "d".repeat(100);
        let mut here = rustix::fs::open(&tree, OFlags::DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..50 {
            rustix::fs::mkdirat(&here, &deep, Mode::RWXU).unwrap();
            rustix::fs::mkdirat(&here, "beside", Mode::RWXU).unwrap();
            here = rustix::fs::openat(&here, &deep, OFlags::DIRECTORY, Mode::empty()).unwrap();
        }
        crate::files::remove_tree(&tree).unwrap();
        assert!(!tree.exists());
        assert_eq!(std::fs::read_to_string(precious.join("file")).unwrap(), "text");
        crate::files::remove_tree(&tree).unwrap();
    }
}
