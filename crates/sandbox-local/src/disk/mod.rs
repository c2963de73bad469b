//! Where a job's writable layer and workspace lie on disk, and the limit on it.
//!
//! Root: one sparse ext4 image per job, without journal, loop-mounted; its size and inode count are the limit, exactly, and
//! throwing it away is one unlink. Everybody else: a directory and a watcher ([`Watch`]).
//!
//! Who calls what, in which process:
//! - agent, once: [`Pool::open`] with the state directory; it makes the template when there is none;
//! - agent, per job: [`Pool::take`], blocking for well under a millisecond when one is ready ([`Pool::prepare`] makes them
//!   ready ahead, from any thread). An [`Image`] is a *detached mount* (a file descriptor), not mounted anywhere: make
//!   directories in it with `mkdirat`, hand it to the child, who puts it in its tree with `move_mount`. It belongs to the
//!   agent's user namespace; root of the file system is `0:0`, mode 0755;
//! - agent, at the end: [`Disk::usage`], [`Disk::limit_reached`], [`Disk::discard`], after the sandbox's last process is gone.
//!
//! Crash safety: the image's file has no name from the start and the loop device clears itself when its last user is
//! gone, so nothing stays when the process is killed. Directories bear their owner's name and are swept by [`Pool::open`].

mod directory;
mod image;
mod pool;
mod template;
mod watch;

pub use directory::Directory;
pub use image::Image;
pub use pool::{Disk, DiskError, DiskUsage, Pool};
pub use watch::Watch;

// Signatures that callers code against (bodies follow):
// impl Pool {
//   pub fn open(state: &Path) -> Pool;                                 // agent; what is missing is told by `isolation`
//   pub fn prepare(&self, bytes: u64, inodes: u64, count: usize);      // agent, any thread: make that many ready
//   pub fn take(&self, bytes: u64, inodes: u64, name: &str) -> Result<Disk, DiskError>;
// }
// pub enum Disk { Image(Image), Directory(Directory) }
// impl Disk {
//   pub fn tree(&self) -> BorrowedFd;        // the directory to make `upper`, `work`, `workspace`, … in with mkdirat
//   pub fn isolation(&self) -> domain::Isolation;
//   pub fn usage(&self) -> DiskUsage { bytes, inodes };
//   pub fn limit_reached(&self) -> Option<domain::LimitReached>;   // full now (image) or watcher hit (directory)
//   pub fn discard(self) -> Result<(), DiskError>;                 // after the last process; fast, drops unwritten data
// }
// impl Image { pub fn mount(&self) -> BorrowedFd }     // detached mount fd: pass to the child, move_mount(fd, "", …, F_EMPTY_PATH)
// impl Directory {
//   pub fn path(&self) -> &Path;
//   pub fn watch(&self, on_reached: impl FnOnce(LimitReached) + Send + 'static) -> Watch;   // freeze + kill in the closure
// }
