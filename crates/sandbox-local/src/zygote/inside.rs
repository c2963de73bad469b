//! Putting a view into a sandbox that runs. The init itself may no longer mount, so a helper of the zygote enters the sandbox's
//! user and mount namespaces (not its process namespace: the job never sees it), mounts, and ends.

use crate::channel;
use crate::sys::{self, Forked};
use crate::wire::{Fault, Identity, Reply};
use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, ResolveFlags, mkdirat, openat2};
use rustix::io::Errno;
use rustix::mount::UnmountFlags;
use rustix::process::Pid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// The namespaces that a helper enters.
pub(super) struct Inside {
    user: OwnedFd,
    mount: OwnedFd,
    job: Identity,
}

impl Inside {
    /// Those of an init.
    pub(super) fn of(pid: Pid, job: Identity) -> io::Result<Self> {
        let open = |name: &str| {
            let path = format!("/proc/{}/ns/{name}", pid.as_raw_nonzero());
            rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        };
        Ok(Self { user: open("user")?, mount: open("mnt")?, job })
    }

    /// Starts the helper, which answers by itself.
    pub(super) fn place(&self, view: &OwnedFd, at: &Path, answer: &OwnedFd) -> Result<(), Fault> {
        self.help(answer, || put(view, at))
    }

    /// Starts a helper that takes a placed view out again, and answers by itself.
    pub(super) fn take_out(&self, at: &Path, answer: &OwnedFd) -> Result<(), Fault> {
        self.help(answer, || take_out(at))
    }

    fn help(&self, answer: &OwnedFd, work: impl FnOnce() -> Result<(), Fault>) -> Result<(), Fault> {
        match sys::fork().map_err(|error| Fault::system("start a helper", error))? {
            Forked::Child => {
                let reply = match self.enter().and_then(|()| work()) {
                    Ok(()) => Reply::Done,
                    Err(fault) => Reply::Failed(fault),
                };
                sys::exit_now(i32::from(channel::send_value(answer.as_fd(), 0, &reply, &[]).is_err()))
            }
            // Reaped with the inits.
            Forked::Parent(_) => Ok(()),
        }
    }

    fn enter(&self) -> Result<(), Fault> {
        let failed = |error: Errno| Fault::system("enter the sandbox", error);
        move_into_link_name_space(self.user.as_fd(), Some(LinkNameSpaceType::User)).map_err(failed)?;
        move_into_link_name_space(self.mount.as_fd(), Some(LinkNameSpaceType::Mount)).map_err(failed)?;
        // Directories are made with the rights of the job's user; only the right to mount is kept.
        sys::set_file_ids(self.job.uid, self.job.gid);
        use rustix::thread::{CapabilitySet, CapabilitySets};
        let mount = CapabilitySet::SYS_ADMIN;
        let sets = CapabilitySets { effective: mount, permitted: mount, inheritable: CapabilitySet::empty() };
        rustix::thread::set_capabilities(None, sets).map_err(failed)
    }
}

/// Unmounts what was placed at a path. A job may have moved or replaced what lies on the way: then there is nothing to take out,
/// and no link leads to another mount.
fn take_out(at: &Path) -> Result<(), Fault> {
    let failed = |error: Errno| Fault::system(format!("take out the tree at {}", at.display()), error);
    let (Some(parent), Some(name)) = (at.parent(), at.file_name()) else { return Ok(()) };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let parent = match openat2(CWD, parent, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Ok(parent) => parent,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    rustix::process::fchdir(&parent).map_err(failed)?;
    match rustix::mount::unmount(name, UnmountFlags::NOFOLLOW | UnmountFlags::DETACH) {
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Mounts the view at a path that is absent or an empty directory. No link is followed.
fn put(view: &OwnedFd, at: &Path) -> Result<(), Fault> {
    let failed = |error: io::Error| Fault::system(format!("place a tree at {}", at.display()), error);
    if !at.is_absolute() {
        return Err(Fault::Invalid(format!("the path {} is not absolute", at.display())));
    }
    let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let open = |path: &Path, flags| openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS);
    let mut done = PathBuf::from("/");
    for component in at.components() {
        match component {
            Component::RootDir => continue,
            Component::Normal(name) => done.push(name),
            _ => return Err(Fault::Invalid(format!("the path {} holds . or ..", at.display()))),
        }
        if matches!(open(&done, flags), Err(Errno::NOENT)) {
            match mkdirat(CWD, &done, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(failed(error.into())),
            }
        }
    }
    let place = open(at, flags | OFlags::DIRECTORY).map_err(|error| failed(error.into()))?;
    let listed =
        open(at, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC).map_err(|error| failed(error.into()))?;
    let entries = Dir::read_from(&listed).map_err(|error| failed(error.into()))?;
    let mut names =
        entries.filter_map(Result::ok).filter(|entry| !matches!(entry.file_name().to_bytes(), b"." | b".."));
    if let Some(entry) = names.next() {
        let name = entry.file_name().to_string_lossy();
        return Err(Fault::Invalid(format!("{} is not empty: it holds {name}", at.display())));
    }
    // The view is the job's own; where the job may not look is no place for it.
    rustix::fs::accessat(CWD, at, rustix::fs::Access::WRITE_OK, AtFlags::EACCESS)
        .map_err(|error| failed(error.into()))?;
    sys::attach(view, place).map_err(failed)
}
