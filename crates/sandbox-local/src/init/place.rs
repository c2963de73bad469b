//! Finding and making places in a root that is not entered yet, without leaving it through a link.

use crate::sys;
use crate::wire::Fault;
use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat, openat2};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

/// A handle on a path below `root`; links are resolved as if `root` were `/`.
pub(super) fn find(root: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    Ok(openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)?)
}

/// A handle on a directory below `root`, made with its parents when absent. The path may be absolute.
pub(super) fn directory(root: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    if let Ok(found) = find(root, path) {
        return Ok(found);
    }
    let mut done = std::path::PathBuf::new();
    let mut current = find(root, Path::new(""))?;
    for component in path.components() {
        let Component::Normal(name) = component else { continue };
        done.push(name);
        current = match find(root, &done) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match mkdirat(&current, name, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                find(root, &done)?
            }
            Err(error) => return Err(error),
        };
    }
    Ok(current)
}

/// A handle on a place for a mount of the same kind (file or directory) as `mount`, made when absent.
pub(super) fn mount_point(root: BorrowedFd<'_>, path: &Path, mount: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(mount)?.st_mode);
    if kind == rustix::fs::FileType::Directory {
        return directory(root, path);
    }
    if let Ok(found) = find(root, path) {
        return Ok(found);
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let parent = directory(root, parent)?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    drop(rustix::fs::openat(&parent, name, flags, Mode::from_raw_mode(0o644))?);
    find(root, path)
}

/// Makes a file system of no device and gives it as a detached mount.
pub(super) fn file_system(kind: &str, options: &[(&str, &str)], flags: MountAttrFlags) -> io::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        fsconfig_set_string(context.as_fd(), *key, *value)?;
    }
    fsconfig_create(context.as_fd())?;
    Ok(fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)?)
}

/// Attaches a detached mount to a place below `root`, which is made when absent.
pub(super) fn attach(root: BorrowedFd<'_>, path: &Path, mount: &OwnedFd) -> Result<(), Fault> {
    mount_point(root, path, mount.as_fd())
        .and_then(|place| sys::attach(mount, place))
        .map_err(|error| Fault::system(format!("mount at {} in the sandbox", path.display()), error))
}
