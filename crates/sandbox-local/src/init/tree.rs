//! Builds the root of a sandbox and enters it: overlays, devices, processes, binds, views. All places are handles, no path of
//! the host is resolved after the first step, and nothing of the job runs yet.

use super::place::{self, directory, find};
use super::{device, view};
use crate::sys::{self, MountChange};
use crate::wire::{Access, Bind, Content, Fault, Identity, Layer, Owner, Setup, Source};
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid, chownat, mkdirat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Where the parts wait before they are put together; a tmpfs over the host's `/tmp`, in this mount namespace alone.
const SCRATCH: &str = "/tmp";

/// The state of building.
pub(super) struct Builder<'a> {
    pub(super) setup: &'a Setup,
    /// Detached mounts, or handles on host directories, by source.
    sources: Vec<OwnedFd>,
    /// The writable file system.
    upper: OwnedFd,
    /// How many upper directories were made.
    uppers: usize,
    scratch: OwnedFd,
}

/// Builds the root, enters it, and gives the views as detached mounts, in the order of the spec.
pub(super) fn enter(setup: &Setup, fds: Vec<OwnedFd>) -> Result<Vec<OwnedFd>, Fault> {
    become_owner(setup)?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(|error| Fault::system("make the mounts private", error))?;
    let mut builder = Builder::new(setup, fds)?;
    let root = builder.root()?;
    for bind in &setup.binds {
        builder.bind(&root, bind)?;
    }
    let mut views = Vec::new();
    for wanted in &setup.views {
        views.push(view::prepare(&mut builder, wanted)?);
    }
    let (_, empty) = builder.scratch_directory("e")?;
    device::processes(root.as_fd(), &empty, &setup.off)?;
    let (devices, path) = builder.scratch_directory("d")?;
    device::devices(root.as_fd(), &devices, &path)?;
    switch_to(&root).map_err(|error| Fault::system("enter the sandbox's root", error))?;
    Ok(views)
}

/// Takes the ids that own the throw-away layer.
fn become_owner(setup: &Setup) -> Result<(), Fault> {
    let owner = owner_of(setup);
    // Where only one id is mapped, groups cannot be set, and there is nothing to set.
    let _ = rustix::thread::set_thread_groups(&[]);
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    rustix::thread::set_thread_res_gid(gid, gid, gid)
        .and_then(|()| rustix::thread::set_thread_res_uid(uid, uid, uid))
        .map_err(|error| Fault::system("take the ids of the sandbox", error))?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    Ok(())
}

/// The init's own user: root inside where a range is mapped, else the only one there is.
pub(super) fn owner_of(setup: &Setup) -> Identity {
    setup.init
}

impl<'a> Builder<'a> {
    fn new(setup: &'a Setup, fds: Vec<OwnedFd>) -> Result<Self, Fault> {
        let mut fds: Vec<Option<OwnedFd>> = fds.into_iter().map(Some).collect();
        let mut sources = Vec::with_capacity(setup.sources.len());
        for source in &setup.sources {
            sources.push(match source {
                Source::Mount(at) => fds
                    .get_mut(at.wrapping_sub(1))
                    .and_then(Option::take)
                    .ok_or_else(|| Fault::Invalid("a mount of the sandbox's spec is missing".to_owned()))?,
                Source::Path(path) => rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
                    .map_err(|error| Fault::system(format!("open {}", path.display()), error))?,
                Source::Tree(path) => sys::detached(path, true)
                    .map_err(|error| Fault::system(format!("open the tree at {}", path.display()), error))?,
            });
        }
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        // Later it is the job's /dev/shm; what else lies in it is a few small directories.
        let size = setup.shared_memory.map_or_else(String::new, |bytes| format!(",size={bytes}"));
        let options = std::ffi::CString::new(format!("mode=0755{size}"))
            .map_err(|_| Fault::Invalid("a size holds a NUL".to_owned()))?;
        mount("tmpfs", SCRATCH, "tmpfs", flags, options.as_c_str())
            .map_err(|error| Fault::system("mount a scratch file system", error))?;
        let scratch = rustix::fs::open(SCRATCH, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| Fault::system("open the scratch file system", error))?;
        // Overlays of older kernels want layers that are attached in this namespace.
        for (at, source) in setup.sources.iter().enumerate() {
            if let (Source::Mount(_), true) = (source, setup.is_lower(at)) {
                place::attach(scratch.as_fd(), &PathBuf::from(format!("s{at}")), &sources[at])?;
            }
        }
        let upper = rustix::io::fcntl_dupfd_cloexec(&sources[setup.upper], 3)
            .map_err(|error| Fault::system("open the writable layer", error))?;
        Ok(Self { setup, sources, upper, uppers: 0, scratch })
    }

    /// The handle of a source.
    pub(super) fn source(&self, at: usize) -> Result<&OwnedFd, Fault> {
        self.sources.get(at).ok_or_else(|| Fault::Invalid("a source of the sandbox's spec is missing".to_owned()))
    }

    /// Makes a fresh upper directory; the overlay shows it as its root's owner and mode.
    pub(super) fn fresh_upper(&mut self, owner: Owner, mode: u32) -> Result<Upper, Fault> {
        let number = self.uppers;
        self.uppers += 1;
        let made = (|| -> io::Result<Upper> {
            let upper = format!("u{number}");
            let made = match mkdirat(&self.upper, &upper, Mode::from_raw_mode(mode)) {
                Err(Errno::EXIST) if self.setup.content == Content::Kept => false,
                made => made.map(|()| true)?,
            };
            let work = self.work_directory(number)?;
            if made && owner == Owner::Job {
                self.give_to_job(self.upper.as_fd(), Path::new(&upper))?;
            }
            let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY | OFlags::NOFOLLOW;
            let directory = rustix::fs::openat(&self.upper, &upper, flags, Mode::empty())?;
            Ok(Upper { number, work, directory })
        })();
        made.map_err(|error| Fault::system("make the throw-away layer", error))
    }

    /// An overlay's work directory. The kernel takes none a second time that was in use without being written out.
    fn work_directory(&self, number: usize) -> io::Result<String> {
        let mut work = format!("w{number}");
        for again in 1_u32.. {
            match mkdirat(&self.upper, &work, Mode::from_raw_mode(0o700)) {
                Err(Errno::EXIST) if self.setup.content == Content::Kept => work = format!("w{number}.{again}"),
                made => return Ok(made.map(|()| work)?),
            }
        }
        Err(Errno::EXIST.into())
    }

    /// Makes something the job's user's.
    pub(super) fn give_to_job(&self, at: std::os::fd::BorrowedFd<'_>, name: &Path) -> io::Result<()> {
        let job = self.setup.job;
        if job == owner_of(self.setup) {
            return Ok(());
        }
        chownat(at, name, Some(Uid::from_raw(job.uid)), Some(Gid::from_raw(job.gid)), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(())
    }

    /// Mounts an overlay at a place.
    pub(super) fn overlay(&self, place: &OwnedFd, upper: &Upper, lowers: &[(usize, PathBuf)]) -> Result<(), Fault> {
        let mut options = String::from("lowerdir=");
        for (index, (at, below)) in lowers.iter().enumerate() {
            let fd = self.source(*at)?.as_raw_fd();
            let colon = if index == 0 { "" } else { ":" };
            let slash = if below.as_os_str().is_empty() { "" } else { "/" };
            options.push_str(&format!("{colon}/proc/self/fd/{fd}{slash}{}", escaped(below)));
        }
        let (fd, number, work) = (self.upper.as_raw_fd(), upper.number, &upper.work);
        options.push_str(&format!(
            ",upperdir=/proc/self/fd/{fd}/u{number},workdir=/proc/self/fd/{fd}/{work},userxattr,volatile"
        ));
        let options = std::ffi::CString::new(options)
            .map_err(|_| Fault::Invalid("a path of the sandbox's spec holds a NUL".to_owned()))?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("overlay", handle_path(place), "overlay", flags, options.as_c_str()).map_err(|error| {
            let options = options.to_string_lossy();
            Fault::system(format!("mount the throw-away layer ({options})"), error)
        })
    }

    fn root(&mut self) -> Result<OwnedFd, Fault> {
        let place =
            directory(self.scratch.as_fd(), Path::new("r")).map_err(|error| Fault::system("make the root", error))?;
        let mut root = None;
        for Layer { at, lowers } in &self.setup.layers {
            let upper = self.fresh_upper(Owner::Root, 0o755)?;
            match &root {
                None => {
                    self.overlay(&place, &upper, lowers)?;
                    let opened = find(self.scratch.as_fd(), Path::new("r"))
                        .map_err(|error| Fault::system("open the root", error))?;
                    root = Some(opened);
                }
                Some(root) => {
                    let place = directory(root.as_fd(), at)
                        .map_err(|error| Fault::system(format!("make /{} in the sandbox", at.display()), error))?;
                    self.overlay(&place, &upper, lowers)?;
                }
            }
        }
        root.ok_or_else(|| Fault::Invalid("the sandbox's spec has no root".to_owned()))
    }

    fn bind(&mut self, root: &OwnedFd, bind: &Bind) -> Result<(), Fault> {
        let shown = bind.at.display();
        match bind.access {
            Access::Read | Access::Write => {
                let change = if bind.access == Access::Read { MountChange::Closed } else { MountChange::NoPrivileges };
                let mount = self.source(bind.source)?;
                place::attach(root.as_fd(), &bind.at, mount)?;
                sys::mount_setattr(mount.as_fd(), change)
                    .map_err(|error| Fault::system(format!("protect /{shown} in the sandbox"), error))
            }
            Access::Layered => {
                let upper = self.fresh_upper(Owner::Job, 0o755)?;
                let place = directory(root.as_fd(), &bind.at)
                    .map_err(|error| Fault::system(format!("make /{shown} in the sandbox"), error))?;
                self.overlay(&place, &upper, &[(bind.source, PathBuf::new())])
            }
        }
    }

    /// A directory of the scratch file system.
    pub(super) fn scratch_directory(&self, name: &str) -> Result<(OwnedFd, PathBuf), Fault> {
        let made = directory(self.scratch.as_fd(), Path::new(name))
            .map_err(|error| Fault::system("make a scratch directory", error))?;
        Ok((made, Path::new(SCRATCH).join(name)))
    }
}

/// An upper directory.
pub(super) struct Upper {
    number: usize,
    /// The work directory beside it.
    work: String,
    /// A handle on it.
    pub(super) directory: OwnedFd,
}

/// A path by which the kernel finds what a handle points to.
fn handle_path(handle: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", handle.as_raw_fd())
}

/// Overlay options give `\`, `:` and `,` a meaning.
fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for letter in path.to_string_lossy().chars() {
        if matches!(letter, '\\' | ':' | ',') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

fn switch_to(root: &OwnedFd) -> io::Result<()> {
    rustix::process::fchdir(root)?;
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")?;
    Ok(())
}
