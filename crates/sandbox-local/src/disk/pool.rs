//! Disks for jobs: new ones, and what this host can do. Called by whoever makes sandboxes.

use super::directory::Directory;
use super::image::Image;
use super::template::{self, Template};
use domain::{Enforcement, Isolation, LimitReached};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How much a job may put on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DiskLimit {
    /// Bytes, what the file system keeps for itself included.
    pub bytes: u64,
    /// Files and directories.
    pub inodes: u64,
}

impl DiskLimit {
    /// A limit of bytes, and of inodes where one is given, else one for each 16 KiB, as `mkfs` would.
    #[must_use]
    pub fn new(bytes: u64, inodes: Option<u64>) -> Self {
        Self { bytes, inodes: inodes.unwrap_or((bytes >> 14).clamp(1024, 16 << 20)) }
    }
}

/// Bytes rounded down to four leading binary digits. Limits that follow the free disk take few values in this way, and the
/// file system of each is made once.
#[must_use]
pub fn round_down(bytes: u64) -> u64 {
    let kept = bytes.checked_ilog2().map_or(0, |top| top.saturating_sub(3));
    bytes >> kept << kept
}

/// What a job put on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DiskUsage {
    /// Bytes.
    pub bytes: u64,
    /// Files and directories.
    pub inodes: u64,
}

/// A disk could not be made or given back.
#[derive(Debug, thiserror::Error)]
#[error("the job's disk: could not {what} {path}: {source}")]
pub struct DiskError {
    what: &'static str,
    path: String,
    #[source]
    source: io::Error,
}

impl DiskError {
    pub(super) fn new(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self { what, path: path.display().to_string(), source }
    }
}

/// How many emptied images wait for the next jobs, where there are next jobs.
pub(super) const KEPT: usize = 8;
/// What the kernel says of a file system whose checksums are wrong (`EUCLEAN`).
const DAMAGED: i32 = 117;

/// Makes disks in one folder. Shared by all jobs of a process; several processes may use one folder. A clone is the same pool.
#[derive(Debug, Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    template: Option<Template>,
    /// Images that were hardly used, made as new.
    pub(super) emptied: Vec<Image>,
    /// Who uses one next.
    pub(super) next: Next,
    /// Why images cannot be had here, once that is known.
    no_images: Option<NoImages>,
}

/// Who uses an image next that was made as new.
#[derive(Debug)]
pub(super) enum Next {
    /// This process, for another of its jobs.
    Own,
    /// The process of another job: this one has no other. The socket leads to the fork server.
    Others(OwnedFd),
}

/// Why images cannot be had.
#[derive(Debug, Clone)]
enum NoImages {
    /// Something is not there, and may come.
    Lacks(&'static str),
    /// They were tried, and refused.
    Refused(String),
}

impl State {
    /// Why images cannot be had here, as it is now.
    fn no_images(&mut self) -> Option<String> {
        if let Some(NoImages::Lacks(_)) = self.no_images {
            self.no_images = what_lacks();
        }
        self.no_images.as_ref().map(|why| match why {
            NoImages::Lacks(what) => (*what).to_owned(),
            NoImages::Refused(why) => why.clone(),
        })
    }
}

/// One job's disk.
#[derive(Debug)]
pub enum Disk {
    /// A file system of the limit's size.
    Image(Image),
    /// A directory to be watched; the text says why it is no image.
    Directory(Directory, String),
}

/// What a kept disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum KeptDisk {
    /// A file system, mounted.
    Image,
    /// A directory.
    Directory,
}

impl Pool {
    /// A pool in the folder, which is made when absent and in which leftovers of dead processes are removed.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, DiskError> {
        let pool = Self::at(folder)?;
        pool.sweep();
        Ok(pool)
    }

    /// The same, with the leftovers, which may be many.
    pub(crate) fn at(folder: &Path) -> Result<Self, DiskError> {
        make_folder(folder)?;
        let state = State { template: None, emptied: Vec::new(), next: Next::Own, no_images: what_lacks() };
        Ok(Self { shared: Arc::new(Shared { folder: folder.to_owned(), state: Mutex::new(state) }) })
    }

    /// Has at hand what an image of this limit is made from, where it was made before; tells whether it is still to be made.
    pub(crate) fn prepare(&self, limit: DiskLimit, job: u32) -> bool {
        let is_wanted = {
            let mut state = self.state();
            let is_there = state.template.as_ref().is_some_and(|template| template.is_for(limit, job));
            !is_there && state.no_images().is_none() && limit.bytes >= template::SMALLEST
        };
        if !is_wanted {
            return false;
        }
        match Template::made(&self.shared.folder, limit, job) {
            Ok(template) => {
                self.state().template = Some(template);
                false
            }
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Makes what an image of this limit is made from, for whoever wants one next. Where that fails, [`Pool::take`] will tell.
    pub(crate) fn provide(&self, limit: DiskLimit, job: u32) {
        let _unused = Template::get(&self.shared.folder, limit, job);
    }

    /// Removes the directories of dead processes.
    pub(crate) fn sweep(&self) {
        super::directory::sweep(&self.shared.folder);
    }

    /// A disk for one job; `name` is the sandbox's, `job` its user by the number inside. An image has the directories of the first
    /// overlay in it already (`u0`, `w0`).
    ///
    /// # Errors
    /// When neither an image nor a directory can be made.
    pub fn take(&self, limit: DiskLimit, name: &str, job: u32) -> Result<Disk, DiskError> {
        // Somebody may have cleaned up: state that is in use is made again.
        if !self.shared.folder.is_dir() {
            make_folder(&self.shared.folder)?;
        }
        let emptied = {
            let mut state = self.state();
            let found = state.emptied.iter().position(|image| image.is_for(limit, job));
            found.map(|at| state.emptied.swap_remove(at))
        };
        match emptied.map_or_else(|| self.image(limit, job), Ok) {
            Ok(image) => Ok(Disk::Image(image)),
            Err(reason) => Ok(Disk::Directory(Directory::make(&self.shared.folder, name, limit)?, reason)),
        }
    }

    /// Takes a disk back, after the job's last process is gone. What is not yet written never will be.
    ///
    /// # Errors
    /// When something of a directory could not be removed.
    pub fn give_back(&self, disk: Disk) -> Result<(), DiskError> {
        let image = match disk {
            Disk::Image(image) => image,
            Disk::Directory(directory, _) => return directory.discard(),
        };
        if let Some(image) = image.emptied() {
            let mut state = self.state();
            match &state.next {
                Next::Own if state.emptied.len() < KEPT => state.emptied.push(image),
                Next::Own => {}
                // One that nobody takes is thrown away.
                Next::Others(socket) => drop(image.send(socket, &self.shared.folder)),
            }
        }
        Ok(())
    }

    fn image(&self, limit: DiskLimit, job: u32) -> Result<Image, String> {
        if limit.bytes < template::SMALLEST {
            return Err(format!("no file system fits in {} bytes", limit.bytes));
        }
        let known = {
            let mut state = self.state();
            if let Some(reason) = state.no_images() {
                return Err(reason);
            }
            state.template.clone().filter(|template| template.is_for(limit, job))
        };
        let folder = &self.shared.folder;
        let from = |template: io::Result<Template>| {
            let template = template?;
            let image = Image::make(folder, &template)?;
            self.state().template = Some(template);
            Ok(image)
        };
        let mut made = from(known.map_or_else(|| Template::get(folder, limit, job), Ok));
        // A template that was damaged on disk is made anew, once.
        if made.as_ref().is_err_and(|error: &io::Error| error.raw_os_error() == Some(DAMAGED)) {
            made = Template::forget(folder, limit, job).and_then(|()| from(Template::get(folder, limit, job)));
        }
        made.map_err(|error| {
            let reason = format!("no image can be mounted: {error}");
            // Busy or full may pass; what this host or user is not allowed will not.
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported | io::ErrorKind::NotFound
            ) {
                self.state().no_images = Some(NoImages::Refused(reason.clone()));
            }
            reason
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.shared.folder
    }

    pub(super) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the folder, for its owner alone.
fn make_folder(folder: &Path) -> Result<(), DiskError> {
    std::fs::create_dir_all(folder).map_err(|error| DiskError::new("make", folder, error))?;
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(folder, private).map_err(|error| DiskError::new("make private", folder, error))
}

/// What images need and this machine, or user, has not.
fn what_lacks() -> Option<NoImages> {
    let lacks = if !rustix::process::geteuid().is_root() {
        "an ordinary user can mount no image"
    } else if !Path::new("/dev/loop-control").exists() {
        "this host has no loop devices (modprobe loop)"
    } else if template::mkfs().is_none() {
        "mkfs.ext4 is not installed (apt-get install e2fsprogs)"
    } else {
        return None;
    };
    Some(NoImages::Lacks(lacks))
}

impl Disk {
    /// The directory to make the job's directories in.
    #[must_use]
    pub fn tree(&self) -> BorrowedFd<'_> {
        match self {
            Self::Image(image) => image.mount(),
            Self::Directory(directory, _) => directory.fd(),
        }
    }

    /// The disk of a sandbox that was kept, as it lies at a place: a file system is mounted there, or it is a directory. It stays
    /// when it is discarded.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn kept(place: &Path, limit: DiskLimit, kind: KeptDisk) -> Result<Self, DiskError> {
        match kind {
            KeptDisk::Image => {
                Image::kept(place, limit).map(Self::Image).map_err(|error| DiskError::new("open", place, error))
            }
            KeptDisk::Directory => {
                let reason = "it was so when it was kept".to_owned();
                Directory::kept(place, limit).map(|directory| Self::Directory(directory, reason))
            }
        }
    }

    /// The limit that it was made for.
    #[must_use]
    pub fn limit(&self) -> DiskLimit {
        match self {
            Self::Image(image) => image.limit(),
            Self::Directory(directory, _) => directory.limit(),
        }
    }

    /// What was written.
    #[must_use]
    pub fn usage(&self) -> DiskUsage {
        match self {
            Self::Image(image) => image.usage(),
            Self::Directory(directory, _) => super::count::count(directory.fd()).usage,
        }
    }

    /// The limit that was run into: an image stands at it now, a directory's watcher saw it.
    #[must_use]
    pub fn limit_reached(&self) -> Option<LimitReached> {
        match self {
            Self::Image(image) => image.limit_reached(),
            Self::Directory(directory, _) => directory.limit_reached(),
        }
    }

    /// How the limit holds.
    #[must_use]
    pub fn isolation(&self) -> Isolation {
        let value = |limit: DiskLimit| format!("{} MiB, {} files", limit.bytes >> 20, limit.inodes);
        let enforcement = match self {
            Self::Image(image) => Enforcement::On { value: value(image.limit()) },
            Self::Directory(directory, reason) => {
                Enforcement::Soft { value: format!("{}; watched, for {reason}", value(directory.limit())) }
            }
        };
        Isolation { name: "disk limit".to_owned(), enforcement }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacked_and_came_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let pool = Pool::open(folder.path()).unwrap();
        let limit = DiskLimit { bytes: 16 << 20, inodes: 512 };
        pool.state().no_images = Some(NoImages::Lacks("it lacked"));
        // What lacks now is told, or an image is there.
        match pool.take(limit, "job", 1001).unwrap() {
            Disk::Image(_) => {}
            Disk::Directory(_, why) => assert_ne!(why, "it lacked"),
        }
        pool.state().no_images = Some(NoImages::Refused("no".to_owned()));
        assert!(matches!(pool.take(limit, "refused", 1001).unwrap(), Disk::Directory(_, why) if why == "no"));
    }
}
