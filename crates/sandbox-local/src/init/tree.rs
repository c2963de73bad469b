//! Builds the root of a sandbox and enters it: overlays, devices, processes, binds, views. All places are handles, no path of
//! the host is resolved after the first step, and nothing of the job runs yet.

use super::place::{self, directory, find};
use super::scratch::Scratch;
use super::{device, view};
use crate::sys::{self, MountChange};
use crate::wire::{Access, Bind, Content, Fault, Frame, Layer, Owner, Setup, Source};
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid, chownat, mkdirat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// The state of building.
pub(super) struct Builder<'a> {
    pub(super) frame: &'a Frame,
    /// Detached mounts, or handles on host directories, by source.
    sources: Vec<OwnedFd>,
    /// The writable file system.
    upper: OwnedFd,
    /// How many upper directories were made.
    uppers: usize,
    pub(super) scratch: Scratch,
    root: OwnedFd,
}

/// Builds what needs no knowledge of the job. The first of `fds` is known to the frame as the number beside them.
pub(super) fn begin(frame: &Frame, scratch: Scratch, fds: (Vec<OwnedFd>, usize)) -> Result<Builder<'_>, Fault> {
    let sources = open(&frame.sources, fds)?;
    for at in (0..sources.len()).filter(|at| frame.is_lower(*at)) {
        attach_lower(&scratch, at, &frame.sources[at], &sources[at])?;
    }
    let upper = sources
        .get(frame.upper)
        .map(|upper| rustix::io::fcntl_dupfd_cloexec(upper, 3))
        .ok_or_else(missing)?
        .map_err(|error| Fault::system("open the writable layer", error))?;
    let (place, _) = scratch.directory("r")?;
    let mut builder = Builder { frame, sources, upper, uppers: 0, scratch, root: place };
    builder.layers()?;
    let root = builder.root()?;
    for bind in &frame.binds {
        builder.bind(&root, bind)?;
    }
    let (_, empty) = builder.scratch.directory("e")?;
    device::processes(root.as_fd(), &empty, &frame.off)?;
    let (devices, path) = builder.scratch.directory("d")?;
    device::devices(root.as_fd(), &devices, &path)?;
    Ok(builder)
}

fn missing() -> Fault {
    Fault::Invalid("a mount of the sandbox's spec is missing".to_owned())
}

fn open(sources: &[Source], (fds, first): (Vec<OwnedFd>, usize)) -> Result<Vec<OwnedFd>, Fault> {
    let mut fds: Vec<Option<OwnedFd>> = fds.into_iter().map(Some).collect();
    let mut opened = Vec::with_capacity(sources.len());
    for source in sources {
        opened.push(match source {
            Source::Mount(at) => fds.get_mut(at.wrapping_sub(first)).and_then(Option::take).ok_or_else(missing)?,
            Source::Path(path) => rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
                .map_err(|error| Fault::system(format!("open {}", path.display()), error))?,
            Source::Tree(path) => sys::detached(path, true)
                .map_err(|error| Fault::system(format!("open the tree at {}", path.display()), error))?,
        });
    }
    Ok(opened)
}

/// Overlays of older kernels want layers that are attached in this namespace.
fn attach_lower(scratch: &Scratch, at: usize, source: &Source, mount: &OwnedFd) -> Result<(), Fault> {
    if !matches!(source, Source::Mount(_)) {
        return Ok(());
    }
    let (place, _) = scratch.directory(&format!("s{at}"))?;
    sys::attach(mount, place).map_err(|error| Fault::system("mount a layer of the sandbox", error))
}

impl Builder<'_> {
    /// Adds what is the job's, enters the root, and gives the views as detached mounts, in the order of the spec.
    pub(super) fn finish(&mut self, setup: &Setup, fds: Vec<OwnedFd>) -> Result<Vec<OwnedFd>, Fault> {
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
            .map_err(|error| Fault::system("make the mounts private", error))?;
        let known = self.sources.len();
        self.sources.extend(open(&setup.sources, (fds, 0))?);
        for at in (known..self.sources.len()).filter(|at| setup.is_lower(*at)) {
            attach_lower(&self.scratch, at, &setup.sources[at - known], &self.sources[at])?;
        }
        let root = self.root()?;
        for bind in &setup.binds {
            self.bind(&root, bind)?;
        }
        let mut views = Vec::new();
        for wanted in &setup.views {
            views.push(view::prepare(self, wanted)?);
        }
        switch_to(&root).map_err(|error| Fault::system("enter the sandbox's root", error))?;
        Ok(views)
    }

    /// Another handle on the root.
    fn root(&self) -> Result<OwnedFd, Fault> {
        rustix::io::fcntl_dupfd_cloexec(&self.root, 3).map_err(|error| Fault::system("open the root", error))
    }

    /// The handle of a source.
    pub(super) fn source(&self, at: usize) -> Result<&OwnedFd, Fault> {
        self.sources.get(at).ok_or_else(missing)
    }

    /// Makes a fresh upper directory; the overlay shows it as its root's owner and mode.
    pub(super) fn fresh_upper(&mut self, owner: Owner, mode: u32) -> Result<Upper, Fault> {
        let number = self.uppers;
        self.uppers += 1;
        let made = (|| -> io::Result<Upper> {
            let upper = format!("u{number}");
            let made = match mkdirat(&self.upper, &upper, Mode::from_raw_mode(mode)) {
                Err(Errno::EXIST) if self.exists(number) => false,
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

    /// Whether the layers of this number may be there already: those of a kept sandbox, and the first of an image.
    fn exists(&self, number: usize) -> bool {
        self.frame.content == Content::Kept || number == 0
    }

    /// An overlay's work directory. The kernel takes none a second time that was in use without being written out.
    fn work_directory(&self, number: usize) -> io::Result<String> {
        let mut work = format!("w{number}");
        for again in 1_u32.. {
            match mkdirat(&self.upper, &work, Mode::from_raw_mode(0o700)) {
                Err(Errno::EXIST) if self.frame.content == Content::Kept => work = format!("w{number}.{again}"),
                Err(Errno::EXIST) if self.exists(number) => return Ok(work),
                made => return Ok(made.map(|()| work)?),
            }
        }
        Err(Errno::EXIST.into())
    }

    /// Makes something the job's user's.
    pub(super) fn give_to_job(&self, at: std::os::fd::BorrowedFd<'_>, name: &Path) -> io::Result<()> {
        let job = self.frame.job;
        if job == self.frame.init {
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

    /// Mounts the overlays, the root first.
    fn layers(&mut self) -> Result<(), Fault> {
        for (index, Layer { at, lowers }) in self.frame.layers.iter().enumerate() {
            let upper = self.fresh_upper(Owner::Root, 0o755)?;
            if index == 0 {
                self.overlay(&self.root, &upper, lowers)?;
                // What was a handle on the place is now one on what is mounted there.
                self.root =
                    find(self.scratch.top(), Path::new("r")).map_err(|error| Fault::system("open the root", error))?;
            } else {
                let place = directory(self.root.as_fd(), at)
                    .map_err(|error| Fault::system(format!("make /{} in the sandbox", at.display()), error))?;
                self.overlay(&place, &upper, lowers)?;
            }
        }
        if self.frame.layers.is_empty() {
            return Err(Fault::Invalid("the sandbox's spec has no root".to_owned()));
        }
        Ok(())
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
