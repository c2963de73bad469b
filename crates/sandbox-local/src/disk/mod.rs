//! Where a job's writable layer and workspace lie on disk, and the limit on them.
//!
//! Root: one sparse ext4 image per job, without journal, loop-mounted. Its size and inode count are the limit, exactly; it is
//! used once, never mounted again after a job wrote to it, and thrown away as one file. Everybody else, and root where there
//! are no loop devices or no `mkfs.ext4`: a directory and a watcher ([`Watch`]).
//!
//! Who calls what, in which process:
//! - agent, once: [`Pool::open`] with a folder of its own in ekiden's state directory (it sweeps what dead processes left);
//! - agent, as soon as the limits are known: [`Pool::keep_ready`], which makes some ready in the background (as many as jobs
//!   will run at once; less or 0 when no more come);
//! - agent, per job: [`Pool::take`], at once when one is ready, else within half a millisecond (the first time a limit is seen
//!   `mkfs.ext4` makes its template, once for ever: some 15 ms; [`round_down`] keeps default limits to few values). An
//!   [`Image`] is a *detached mount*, not mounted anywhere: make directories in it with `mkdirat` below [`Disk::tree`], pass
//!   [`Image::mount`] to the child, who puts it in its tree with `move_mount(…, MOVE_MOUNT_F_EMPTY_PATH)`. Its root belongs
//!   to 0:0, mode 0755;
//! - agent, for a [`Directory`]: [`Directory::watch`] with what to do on breach (freeze, kill, name the result);
//! - agent, at the end, after the last process: [`Disk::limit_reached`], [`Disk::usage`], [`Disk::discard`].
//!
//! Crash safety: the image's file never has a name, the mount is in nobody's tree but the job's, and the loop device clears
//! itself with its last user, so nothing stays when everybody is killed. Directories bear their owner's name.

mod count;
mod directory;
mod image;
mod loop_device;
mod pool;
mod template;
#[cfg(test)]
mod tests;
mod watch;

pub use directory::{Directory, remove_tree};
pub use image::Image;
pub use pool::{Disk, DiskError, DiskLimit, DiskUsage, KeptDisk, Pool, round_down};
pub use watch::Watch;
