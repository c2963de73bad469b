//! The file system in memory that a root is put together in, in a mount namespace that is the sandbox's own. Called by `run`.

use crate::wire::{Fault, Frame};
use rustix::fs::{Gid, Mode, OFlags, Uid, mkdirat, openat};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Where the parts wait before they are put together, in this mount namespace alone: the first place that there is. What is mounted
/// there covers what it holds, and an ordinary user's job may bring in any directory but those of the first.
const PLACES: [&str; 3] = ["/sys/fs/cgroup", "/mnt", "/tmp"];

/// Makes the scratch file system.
pub(super) fn make(frame: &Frame) -> Result<Scratch, Fault> {
    become_owner(frame)?;
    // While it waits, what the host unmounts goes here too; the end of building ends that.
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .map_err(|error| Fault::system("keep the sandbox's mounts from the host", error))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    // Later it is the job's /dev/shm; what else lies in it is a few small directories.
    let size = frame.shared_memory.map_or_else(String::new, |bytes| format!(",size={bytes}"));
    let options = std::ffi::CString::new(format!("mode=0755{size}"))
        .map_err(|_| Fault::Invalid("a size holds a NUL".to_owned()))?;
    let place = PLACES.into_iter().map(Path::new).find(|place| place.is_dir()).unwrap_or(Path::new("/"));
    mount("tmpfs", place, "tmpfs", flags, options.as_c_str())
        .map_err(|error| Fault::system("mount a scratch file system", error))?;
    let top = rustix::fs::open(place, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| Fault::system("open the scratch file system", error))?;
    Ok(Scratch { top, place })
}

/// The scratch file system.
pub(super) struct Scratch {
    top: OwnedFd,
    place: &'static Path,
}

impl Scratch {
    /// A handle on its top.
    pub(super) fn top(&self) -> BorrowedFd<'_> {
        self.top.as_fd()
    }

    /// A new directory of it.
    pub(super) fn directory(&self, name: &str) -> Result<(OwnedFd, PathBuf), Fault> {
        let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY;
        let made = mkdirat(&self.top, name, Mode::from_raw_mode(0o755))
            .and_then(|()| openat(&self.top, name, flags, Mode::empty()))
            .map_err(|error| Fault::system("make a scratch directory", error))?;
        Ok((made, self.place.join(name)))
    }
}

/// Takes the ids that own the throw-away layer: root inside where a range is mapped, else the only ones there are.
fn become_owner(frame: &Frame) -> Result<(), Fault> {
    // Where only one id is mapped, groups cannot be set, and there is nothing to set.
    let _ = rustix::thread::set_thread_groups(&[]);
    let (uid, gid) = (Uid::from_raw(frame.init.uid), Gid::from_raw(frame.init.gid));
    rustix::thread::set_thread_res_gid(gid, gid, gid)
        .and_then(|()| rustix::thread::set_thread_res_uid(uid, uid, uid))
        .map_err(|error| Fault::system("take the ids of the sandbox", error))?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    Ok(())
}
