//! Where a job's writable layer and workspace lie on disk, and the limit on them.
//!
//! Root: one sparse ext4 image per job, without journal, loop-mounted. Its size and inode count are the limit, exactly.
//! After a job that wrote much it is thrown away as one file; after one that wrote next to nothing it is emptied, counted, and
//! serves the next, by way of the fork server where that has another process (`returns`). Everybody else, and root where there
//! are no loop devices or no `mkfs.ext4`: a directory and a watcher ([`Watch`]).
//!
//! Who calls what, in which process:
//! - agent, once: [`Pool::open`] with a folder of its own in ekiden's state directory (it sweeps what dead processes left);
//! - agent, per job or ahead of it: [`Pool::take`], within half a millisecond (the first time a limit is seen `mkfs.ext4` makes
//!   its template, once for ever: some 15 ms; [`round_down`] keeps default limits to few values). //!   [`Image`] is a *detached mount*, not mounted anywhere: make directories in it with `mkdirat` below [`Disk::tree`], pass
//!   [`Image::mount`] to the child, who puts it in its tree with `move_mount(…, MOVE_MOUNT_F_EMPTY_PATH)`. Its root belongs
//!   to 0:0, mode 0755;
//! - agent, for a [`Directory`]: [`Directory::watch`] with what to do on breach (freeze, kill, name the result);
//! - agent, at the end, after the last process: [`Disk::limit_reached`], [`Disk::usage`], [`Pool::give_back`].
//!
//! Crash safety: the image's file never has a name, the mount is in nobody's tree but the job's, and the loop device clears
//! itself with its last user, so nothing stays when everybody is killed. Directories bear their owner's name.

mod count;
mod directory;
mod image;
mod loop_device;
mod pool;
mod returns;
mod template;
#[cfg(test)]
mod tests;
mod watch;

pub use directory::{Directory, remove_tree};
pub use image::Image;
pub use pool::{Disk, DiskError, DiskLimit, DiskUsage, KeptDisk, Pool, round_down};
pub use watch::Watch;
