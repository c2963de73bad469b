//! One job's file system in a file without a name. Called by `pool` and the agent.

use super::directory::{Fate, remove_tree};
use super::loop_device;
use super::pool::{DiskLimit, DiskUsage};
use super::template::{self, Template};
use domain::LimitReached;
use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// A file system of exactly the limit's size, mounted in nobody's tree yet. When the last descriptor of it and the last
/// mount namespace with it are gone, so are the loop device and the file.
#[derive(Debug)]
pub struct Image {
    pub(super) mount: OwnedFd,
    /// The loop device.
    pub(super) device: String,
    pub(super) limit: DiskLimit,
    pub(super) fate: Fate,
    /// The job's user, by the number inside.
    pub(super) job: u32,
    /// What an empty one uses, so that usage tells the job's part.
    pub(super) empty: DiskUsage,
    /// How many inodes were freed in it.
    pub(super) removed: u64,
}

/// Above this, dirty pages are worth a call that forgets them.
const WORTH_FORGETTING: u64 = 4 << 20;
/// Up to this, emptying a file system is less work than making one.
const WORTH_EMPTYING: DiskUsage = DiskUsage { bytes: 4 << 20, inodes: 100 };
/// After so many inodes an image is thrown away. Without a journal, ext4 gives none anew that was freed within minutes: for each new file it goes past all of them
/// (`recently_deleted`), which after a hundred jobs costs more than what was saved.
const MOST_REMOVED: u64 = 512;

impl Image {
    pub(super) fn make(folder: &Path, template: &Template) -> io::Result<Self> {
        let limit = template.limit();
        let file = nameless(folder)?;
        rustix::fs::ftruncate(&file, limit.bytes)?;
        // Attaching flushes the file. Attached while it is one hole and filled after, an image of a short job never reaches
        // the disk, neither as blocks to write nor, at its end, as blocks to give back (200 images a second against 3,200).
        let (device, path) = loop_device::attach(&file)?;
        template.copy_to(&file)?;
        let mount = mounted(&path)?;
        drop(device);
        // The tables that a first file needs are read now, not by the job's first step.
        rustix::fs::mkdirat(&mount, "first", Mode::RWXU)?;
        rustix::fs::unlinkat(&mount, "first", AtFlags::REMOVEDIR)?;
        let (fate, job) = (Fate::Discarded, template.job());
        let mut image = Self { mount, device: path, limit, fate, job, empty: DiskUsage::default(), removed: 0 };
        image.empty = image.usage();
        Ok(image)
    }

    /// The file system of a sandbox that was kept, mounted at a place.
    pub(super) fn kept(place: &Path, limit: DiskLimit) -> io::Result<Self> {
        let mount = crate::sys::detached(place, false)?;
        // Nobody else gets it, so whose it was does not matter.
        Ok(Self {
            mount,
            device: String::new(),
            limit,
            fate: Fate::Kept,
            job: 0,
            empty: DiskUsage::default(),
            removed: 0,
        })
    }

    /// Makes it as new, where that is little work: what the job left is removed, and that nothing is left is proven by count.
    pub(super) fn emptied(mut self) -> Option<Self> {
        let used = self.usage();
        let much = used.bytes > WORTH_EMPTYING.bytes || used.inodes > WORTH_EMPTYING.inodes;
        // Those of its first directories too.
        self.removed += used.inodes + self.empty.inodes;
        if much || self.removed > MOST_REMOVED || self.fate == Fate::Kept {
            self.discard();
            return None;
        }
        // The job's mount had the ids of the job.
        self.mount = self.mounted_again().ok()?;
        self.empty().ok()?;
        (self.usage() == DiskUsage::default() && self.is_sound()).then_some(self)
    }

    /// Whether the kernel found nothing wrong with it, a full disk of the host below it for example.
    fn is_sound(&self) -> bool {
        let Some(name) = self.device.strip_prefix("/dev/") else { return false };
        std::fs::read(format!("/sys/fs/ext4/{name}/errors_count")).is_ok_and(|count| count == b"0\n")
    }

    fn empty(&self) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let top = rustix::fs::openat(&self.mount, ".", flags, Mode::empty())?;
        for entry in Dir::read_from(&top)? {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b".." | b"lost+found") {
                remove_tree(top.as_fd(), entry.file_name())?;
            }
        }
        template::fill(&top, self.job)
    }

    /// Whether it serves a job of this limit and user.
    pub(super) fn is_for(&self, limit: DiskLimit, job: u32) -> bool {
        self.limit == limit && self.job == job
    }

    /// The detached mount: for `mkdirat`, and for `move_mount` by the child.
    #[must_use]
    pub fn mount(&self) -> BorrowedFd<'_> {
        self.mount.as_fd()
    }

    /// Another mount of it, whose owners are as they lie on it; the job's own went with the job.
    pub(crate) fn mounted_again(&self) -> io::Result<OwnedFd> {
        mounted(&self.device)
    }

    /// The limit that it was made for.
    #[must_use]
    pub fn limit(&self) -> DiskLimit {
        self.limit
    }

    /// What the job wrote.
    #[must_use]
    pub fn usage(&self) -> DiskUsage {
        let Ok(stat) = rustix::fs::fstatvfs(&self.mount) else { return self.empty };
        let bytes = (stat.f_blocks - stat.f_bfree) * stat.f_frsize;
        let inodes = stat.f_files - stat.f_ffree;
        DiskUsage { bytes: bytes.saturating_sub(self.empty.bytes), inodes: inodes.saturating_sub(self.empty.inodes) }
    }

    /// The limit that the file system stands at now: no block, or no inode, is left.
    #[must_use]
    pub fn limit_reached(&self) -> Option<LimitReached> {
        let stat = rustix::fs::fstatvfs(&self.mount).ok()?;
        // The last blocks cannot always be had: an extent or a directory may need one more.
        if stat.f_bavail * stat.f_frsize < 256 << 10 {
            Some(LimitReached::Disk { bytes: self.limit.bytes })
        } else if stat.f_ffree == 0 {
            Some(LimitReached::Inodes { count: self.limit.inodes })
        } else {
            None
        }
    }

    /// Gives it back. What a job left unwritten is not written any more.
    pub(super) fn discard(self) {
        if self.fate == Fate::Discarded && self.usage().bytes > WORTH_FORGETTING {
            let opened = rustix::fs::openat(
                &self.mount,
                ".",
                OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            );
            // Without it the end is as sure, only slower.
            let _ = opened.and_then(loop_device::forget);
        }
    }
}

/// A detached mount of the ext4 file system on a device.
fn mounted(device: &str) -> io::Result<OwnedFd> {
    let context = rustix::mount::fsopen("ext4", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(context.as_fd(), "source", device)?;
    // Nobody reads the image after a crash: no table is zeroed in the background, no write waits for the disk.
    rustix::mount::fsconfig_set_flag(context.as_fd(), "noinit_itable")?;
    rustix::mount::fsconfig_set_flag(context.as_fd(), "nobarrier")?;
    rustix::mount::fsconfig_create(context.as_fd())?;
    let attributes =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOATIME;
    Ok(rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// A file without a name in the folder.
fn nameless(folder: &Path) -> io::Result<OwnedFd> {
    let mode = Mode::RUSR | Mode::WUSR;
    match rustix::fs::open(folder, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode) {
        Ok(file) => Ok(file),
        // Some file systems have no O_TMPFILE.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::ISDIR | rustix::io::Errno::INVAL) => {
            let path = folder.join(format!(".image-{}-{:?}", std::process::id(), std::thread::current().id()));
            let file = rustix::fs::open(&path, OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC, mode)?;
            rustix::fs::unlink(&path)?;
            Ok(file)
        }
        Err(error) => Err(error.into()),
    }
}
