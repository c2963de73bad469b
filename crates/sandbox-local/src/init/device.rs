//! `/dev` and `/proc` of a sandbox: only harmless devices, a fresh process table, and the host's details left out.

use super::place::{attach, file_system, find};
use crate::sys::{self, MountChange};
use crate::wire::{Fault, Protection};
use rustix::fs::{AtFlags, Mode, OFlags, chmodat, mkdirat, openat, symlinkat};
use rustix::mount::MountAttrFlags;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// The devices of a job (`security` R58).
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];
/// World-readable files of `/proc` that tell of the host, not of the job.
const HIDDEN_FILES: [&str; 4] = ["proc/keys", "proc/key-users", "proc/interrupts", "proc/sysrq-trigger"];
const HIDDEN_DIRECTORIES: [&str; 2] = ["proc/acpi", "proc/scsi"];

const QUIET: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NOEXEC);

/// Makes `/dev` in the root that `root` is a handle of, from an empty directory of the scratch file system: a file system of its
/// own for it, and another for `/dev/shm`, would each cost as much as an overlay.
pub(super) fn devices(root: BorrowedFd<'_>, empty: &OwnedFd, path: &Path) -> Result<(), Fault> {
    let failed = |error: std::io::Error| Fault::system("make /dev of the sandbox", error);
    let at = empty.as_fd();
    for (name, target) in LINKS {
        symlinkat(target, at, name).map_err(|error| failed(error.into()))?;
    }
    for (name, mode) in [("pts", 0o755), ("mqueue", 0o755), ("shm", 0o1777)] {
        mkdirat(at, name, Mode::from_raw_mode(mode)).map_err(|error| failed(error.into()))?;
        // The umask took bits of the mode away.
        chmodat(at, name, Mode::from_raw_mode(mode), AtFlags::empty()).map_err(|error| failed(error.into()))?;
    }
    let directory = sys::detached(path, false).map_err(failed)?;
    attach(root, Path::new("dev"), &directory)?;
    // Only there: a tree that already holds them would be copied mount by mount.
    for device in DEVICES {
        put_device(directory.as_fd(), device).map_err(failed)?;
    }
    let terminals = file_system("devpts", &[("mode", "0620"), ("ptmxmode", "0666")], QUIET).map_err(failed)?;
    attach(root, Path::new("dev/pts"), &terminals)
}

fn put_device(directory: BorrowedFd<'_>, name: &str) -> std::io::Result<()> {
    let source = sys::detached(&Path::new("/dev").join(name), false)?;
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let place = openat(directory, name, flags, Mode::from_raw_mode(0o666))?;
    sys::attach(&source, &place)
}

/// Makes `/proc` in the root that `root` is a handle of. `empty`: an empty directory.
pub(super) fn processes(root: BorrowedFd<'_>, empty: &Path, off: &[Protection]) -> Result<(), Fault> {
    if off.contains(&Protection::ProcessTable) {
        let host = sys::detached(Path::new("/proc"), true).map_err(|error| Fault::system("open /proc", error))?;
        return attach(root, Path::new("proc"), &host);
    }
    let flags = QUIET | MountAttrFlags::MOUNT_ATTR_NODEV;
    let proc = file_system("proc", &[], flags).map_err(|error| {
        let fix = "Where ekiden itself runs in a container, that needs an unmasked /proc (docker: --security-opt systempaths=unconfined)";
        Fault::Invalid(format!("could not mount a fresh /proc in the sandbox: {error}. {fix}"))
    })?;
    attach(root, Path::new("proc"), &proc)?;
    for (paths, with) in [(&HIDDEN_FILES[..], Path::new("/dev/null")), (&HIDDEN_DIRECTORIES[..], empty)] {
        for path in paths {
            // First its place, which this kernel may not have: a copy that finds none waits for all processors when it goes.
            let Ok(place) = find(root, Path::new(path)) else { continue };
            sys::detached(with, false)
                .and_then(|cover| {
                    sys::mount_setattr(cover.as_fd(), MountChange::ReadOnly)?;
                    sys::attach(cover, place)
                })
                .map_err(|error| Fault::system(format!("cover /{path} in the sandbox"), error))?;
        }
    }
    Ok(())
}
