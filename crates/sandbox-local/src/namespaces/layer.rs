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

    /// Whether somebody removed it.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Directory(path) if !path.is_dir())
    }
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
    if place.is_dir() {
        return Ok(place);
    }
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
