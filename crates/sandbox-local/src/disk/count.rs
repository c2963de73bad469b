//! How much lies in a directory that a job can write. Called by the watcher and for a receipt.

use super::pool::DiskUsage;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, StatxFlags};
use std::collections::HashSet;
use std::ffi::CString;
use std::os::fd::BorrowedFd;

/// What was counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) usage: DiskUsage,
    /// Directories that could not be looked into, other than an overlay's own work directory.
    pub(super) closed: u64,
}

/// Counts blocks and files below a directory: no links followed, no mounts entered, hard links counted once.
pub(super) fn count(top: BorrowedFd<'_>) -> Count {
    let mut count = Count::default();
    let mut linked = HashSet::new();
    // Paths, not descriptors: a job can nest deeper than a process may hold files open.
    let mut waiting = vec![CString::default()];
    while let Some(path) = waiting.pop() {
        let name = if path.is_empty() { c"." } else { path.as_c_str() };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        let entries = rustix::fs::openat2(top, name, flags, Mode::empty(), resolve).and_then(Dir::new);
        let Ok(mut entries) = entries else {
            count.closed += u64::from(!path.as_bytes().ends_with(b"work/work"));
            continue;
        };
        while let Some(Ok(entry)) = entries.read() {
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let Ok(fd) = entries.fd() else { break };
            let wanted = StatxFlags::BLOCKS | StatxFlags::NLINK | StatxFlags::INO | StatxFlags::TYPE;
            let Ok(stat) = rustix::fs::statx(fd, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW, wanted) else {
                continue;
            };
            let directory = FileType::from_raw_mode(stat.stx_mode.into()) == FileType::Directory;
            if stat.stx_nlink > 1 && !directory && !linked.insert(stat.stx_ino) {
                continue;
            }
            count.usage.bytes += stat.stx_blocks * 512;
            count.usage.inodes += 1;
            if directory {
                let mut below = path.clone().into_bytes();
                if !below.is_empty() {
                    below.push(b'/');
                }
                below.extend_from_slice(entry.file_name().to_bytes());
                waiting.extend(CString::new(below));
            }
        }
    }
    count
}
