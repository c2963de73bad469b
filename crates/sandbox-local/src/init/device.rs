//! `/dev` and `/proc` of a sandbox: only harmless devices, a fresh process table, and the host's details left out.

use super::place::{attach, file_system, find};
use crate::sys::{self, MountChange};
use crate::wire::{Fault, Protection};
use rustix::fs::{Mode, OFlags, mkdirat, openat, symlinkat};
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

/// Makes `/dev` in the root that `root` is a handle of.
pub(super) fn devices(root: BorrowedFd<'_>) -> Result<(), Fault> {
    let failed = |what: &'static str| move |error| Fault::system(format!("make {what} of the sandbox"), error);
    let directory = file_system("tmpfs", &[("mode", "0755"), ("size", "64k")], QUIET).map_err(failed("/dev"))?;
    attach(root, Path::new("dev"), &directory)?;
    let at = directory.as_fd();
    for device in DEVICES {
        put_device(at, device).map_err(failed("a device"))?;
    }
    for (name, target) in LINKS {
        symlinkat(target, at, name).map_err(|error| failed("a link in /dev")(error.into()))?;
    }
    for name in ["pts", "shm", "mqueue"] {
        mkdirat(at, name, Mode::from_raw_mode(0o755)).map_err(|error| failed("/dev")(error.into()))?;
    }
    let terminals =
        file_system("devpts", &[("mode", "0620"), ("ptmxmode", "0666")], QUIET).map_err(failed("/dev/pts"))?;
    attach(root, Path::new("dev/pts"), &terminals)?;
    let shared = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let memory = file_system("tmpfs", &[("mode", "1777")], shared).map_err(failed("/dev/shm"))?;
    attach(root, Path::new("dev/shm"), &memory)
}

fn put_device(directory: BorrowedFd<'_>, name: &str) -> std::io::Result<()> {
    let source = sys::detached(&Path::new("/dev").join(name), false)?;
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let place = openat(directory, name, flags, Mode::from_raw_mode(0o666))?;
    sys::attach(&source, &place)
}

/// Makes `/proc` in the root that `root` is a handle of.
pub(super) fn processes(root: BorrowedFd<'_>, off: &[Protection]) -> Result<(), Fault> {
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
    let covered = |path: &str, with: &OwnedFd| -> Result<(), Fault> {
        match find(root, Path::new(path)) {
            Ok(place) => {
                sys::attach(with, place).map_err(|error| Fault::system(format!("cover /{path} in the sandbox"), error))
            }
            // This kernel has no such file.
            Err(_) => Ok(()),
        }
    };
    for path in HIDDEN_FILES {
        let null = sys::detached(Path::new("/dev/null"), false)
            .and_then(|mount| sys::mount_setattr(mount.as_fd(), MountChange::ReadOnly).map(|()| mount))
            .map_err(|error| Fault::system("open /dev/null", error))?;
        covered(path, &null)?;
    }
    for path in HIDDEN_DIRECTORIES {
        if find(root, Path::new(path)).is_ok() {
            let flags = flags | MountAttrFlags::MOUNT_ATTR_RDONLY;
            let empty = file_system("tmpfs", &[("mode", "0555"), ("size", "4k")], flags)
                .map_err(|error| Fault::system("make an empty directory", error))?;
            covered(path, &empty)?;
        }
    }
    Ok(())
}
