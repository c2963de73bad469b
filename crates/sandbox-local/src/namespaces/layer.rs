//! A read-only layer as files: for root in memory, for an ordinary user in a folder, made once per content. Used by `mask`, which
//! says what lies in it, and `etc`.

use super::ids::RUNNER;
use super::mask::Caller;
use crate::files::remove_tree;
use crate::sys;
use crate::wire::Owner;
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, Uid, XattrFlags, chownat, mknodat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// One thing in the layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// A directory; an opaque one hides what lies below it.
    Directory {
        mode: u32,
        owner: Owner,
        cover: Cover,
    },
    File {
        mode: u32,
        content: Vec<u8>,
    },
    /// Hides what lies below it.
    Whiteout,
    Link(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cover {
    /// What lies below shows through.
    Merge,
    /// Nothing shows through.
    Opaque,
}

/// A layer that is made.
#[derive(Debug)]
pub(super) enum Made {
    /// A detached mount of a file system in memory. Root's: over the whole of the host's root a layer may not lie in that root.
    Mount(OwnedFd),
    /// A directory.
    Directory(PathBuf),
}

impl Made {
    /// Another handle on it, for one sandbox.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Mount(mount) => sys::cloned(mount).map(Self::Mount),
            Self::Directory(path) => Ok(Self::Directory(path.clone())),
        }
    }

    /// Whether nobody removed it. Who asks is about to use it, and its age tells that.
    pub(super) fn is_there(&self) -> bool {
        match self {
            Self::Mount(_) => true,
            Self::Directory(place) => is_used(place),
        }
    }
}

/// Marks a folder as used, where it was not lately; false where it is none.
fn is_used(place: &Path) -> bool {
    const LATELY: Duration = Duration::from_secs(1800);
    let Ok(meta) = std::fs::metadata(place) else { return false };
    if !meta.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age < LATELY)) {
        let _ = std::fs::File::open(place).and_then(|open| open.set_modified(SystemTime::now()));
    }
    meta.is_dir()
}

pub(super) fn mount(entries: &BTreeMap<PathBuf, Entry>) -> io::Result<OwnedFd> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(context.as_fd(), "mode", "0755")?;
    fsconfig_create(context.as_fd())?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let mount = fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)?;
    let folder = PathBuf::from(format!("/proc/self/fd/{}", mount.as_raw_fd()));
    entries.iter().try_for_each(|(path, entry)| make(&folder, path, entry, Caller::Root))?;
    Ok(mount)
}

pub(super) fn directory(entries: &BTreeMap<PathBuf, Entry>, folder: &Path) -> io::Result<PathBuf> {
    let mut digest = Sha256::new();
    for (path, entry) in entries {
        digest.update(format!("{}\0", path.display()));
        match entry {
            Entry::File { mode, content } => {
                digest.update(format!("{mode} {}\0", content.len()));
                digest.update(content);
            }
            other => digest.update(format!("{other:?}\0")),
        }
    }
    let mut name = String::new();
    for byte in &digest.finalize()[..16] {
        let _ = write!(name, "{byte:02x}");
    }
    let place = folder.join(&name);
    if is_used(&place) {
        return Ok(place);
    }
    prune(folder, SystemTime::now());
    std::fs::create_dir_all(folder)?;
    let fresh = folder.join(format!("new-{}-{:?}", std::process::id(), std::thread::current().id()));
    remove_tree(&fresh)?;
    std::fs::create_dir(&fresh)?;
    let made = entries.iter().try_for_each(|(path, entry)| make(&fresh, path, entry, Caller::User));
    let made = made.and_then(|()| std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o755)));
    match made.and_then(|()| std::fs::rename(&fresh, &place)) {
        Ok(()) => Ok(place),
        // Another process was faster.
        Err(_) if place.is_dir() => remove_tree(&fresh).map(|()| place),
        Err(error) => {
            let _ = remove_tree(&fresh);
            Err(error)
        }
    }
}

/// So many made layers stay whatever their age.
const KEPT: usize = 4;
/// A job that began with a layer may still use it for so long.
const USED: Duration = Duration::from_secs(7 * 24 * 3600);

/// Removes layers that nothing uses any more: those of another state of the host's files. What cannot be removed stays.
fn prune(folder: &Path, now: SystemTime) {
    let Ok(listed) = std::fs::read_dir(folder) else { return };
    let used = |entry: &std::fs::DirEntry| entry.metadata().and_then(|meta| meta.modified()).ok();
    let mut made: Vec<(SystemTime, PathBuf)> =
        listed.filter_map(Result::ok).filter_map(|entry| Some((used(&entry)?, entry.path()))).collect();
    made.sort_by(|a, b| b.cmp(a));
    for (used, place) in made.into_iter().skip(KEPT) {
        if now.duration_since(used).is_ok_and(|age| age > USED) {
            let _ = remove_tree(&place);
        }
    }
}

fn make(folder: &Path, path: &Path, entry: &Entry, caller: Caller) -> io::Result<()> {
    let at = folder.join(path);
    match entry {
        Entry::Directory { mode, owner, cover } => {
            std::fs::create_dir(&at)?;
            if *cover == Cover::Opaque {
                rustix::fs::setxattr(&at, "user.overlay.opaque", b"y", XattrFlags::empty())?;
            }
            // An ordinary user's own id is the only one there is.
            if (*owner, caller) == (Owner::Job, Caller::Root) {
                let (uid, gid) = (Uid::from_raw(RUNNER), Gid::from_raw(RUNNER));
                chownat(CWD, &at, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
            }
            std::fs::set_permissions(&at, std::fs::Permissions::from_mode(*mode))
        }
        Entry::File { mode, content } => {
            std::fs::write(&at, content)?;
            std::fs::set_permissions(&at, std::fs::Permissions::from_mode(*mode))
        }
        Entry::Whiteout => Ok(mknodat(CWD, &at, FileType::CharacterDevice, Mode::empty(), 0)?),
        Entry::Link(target) => std::os::unix::fs::symlink(target, &at),
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, USED, prune};
    use std::time::{Duration, SystemTime};

    #[test]
    fn layers_that_nothing_uses_go_but_for_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let hour = Duration::from_secs(3600);
        for number in 0..8u32 {
            let place = folder.path().join(number.to_string());
            std::fs::create_dir(&place).unwrap();
            std::fs::write(place.join("file"), "").unwrap();
            // Six that are old, two that are used.
            let age = if number < 6 { USED + hour * (number + 1) } else { hour };
            std::fs::File::open(&place).unwrap().set_modified(now - age).unwrap();
        }
        prune(folder.path(), now);
        let mut left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!((left.len(), left), (KEPT, ["0", "1", "6", "7"].map(Into::into).to_vec()));
    }
}
