//! Watching a directory that no file system bounds. Called by `Directory::watch`.

use super::count::count;
use super::pool::{DiskLimit, DiskUsage};
use domain::LimitReached;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the file system's own counters are read: one call, a microsecond.
const TURN: Duration = Duration::from_millis(50);
/// The directory itself is counted at most this often, and for at most a fiftieth of the time: what the job writes may hide
/// behind what others on the host give back meanwhile.
const COUNT_EVERY: Duration = Duration::from_millis(200);
const COUNT_SHARE: u32 = 50;
/// With less than this left on the host, the job stops whatever it used itself.
const HOST_RESERVE: u64 = 64 << 20;

/// A running watcher; dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(
        directory: OwnedFd,
        limit: DiskLimit,
        on_reached: impl FnOnce(LimitReached) + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let thread =
            std::thread::Builder::new().name("disk-watch".to_owned()).stack_size(128 << 10).spawn(move || {
                if let Some(reached) = watch(&directory, limit, &stopped) {
                    on_reached(reached);
                }
            })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.stop.take());
        // The closure of a breach may drop the guard: a thread does not wait for itself.
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}

/// What the file system as a whole has left.
fn free(directory: &OwnedFd) -> DiskUsage {
    let stat = rustix::fs::fstatvfs(directory);
    stat.map(|stat| DiskUsage { bytes: stat.f_bavail * stat.f_frsize, inodes: stat.f_ffree }).unwrap_or_default()
}

fn watch(directory: &OwnedFd, limit: DiskLimit, stopped: &Receiver<()>) -> Option<LimitReached> {
    let first = free(directory);
    let mut known = DiskUsage::default();
    let mut free_then = first;
    let mut next_count = Instant::now() + COUNT_EVERY;
    let mut not_before = Instant::now();
    loop {
        match stopped.recv_timeout(TURN) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return None,
        }
        let now = free(directory);
        // The job cannot have written more than what the file system lost since the count, but for what others gave back.
        let most = DiskUsage {
            bytes: known.bytes + free_then.bytes.saturating_sub(now.bytes),
            inodes: known.inodes + free_then.inodes.saturating_sub(now.inodes),
        };
        let scarce = now.bytes < HOST_RESERVE && first.bytes > HOST_RESERVE;
        let suspected = over(most, limit).is_some() && Instant::now() >= not_before;
        if scarce && most.bytes > HOST_RESERVE {
            return Some(LimitReached::Disk { bytes: limit.bytes });
        }
        if !suspected && Instant::now() < next_count {
            continue;
        }
        let start = Instant::now();
        let counted = count(directory.as_fd());
        let mut usage = counted.usage;
        if counted.closed > 0 {
            // What a job hides from the count is judged by what the file system lost.
            usage.bytes = usage.bytes.max(first.bytes.saturating_sub(now.bytes));
            usage.inodes = usage.inodes.max(first.inodes.saturating_sub(now.inodes));
        }
        if let Some(reached) = over(usage, limit) {
            return Some(reached);
        }
        known = usage;
        free_then = now;
        let cost = start.elapsed();
        not_before = Instant::now() + cost * 4;
        next_count = Instant::now() + COUNT_EVERY.max(cost * COUNT_SHARE);
    }
}

fn over(usage: DiskUsage, limit: DiskLimit) -> Option<LimitReached> {
    if usage.bytes >= limit.bytes {
        Some(LimitReached::Disk { bytes: limit.bytes })
    } else if usage.inodes >= limit.inodes {
        Some(LimitReached::Inodes { count: limit.inodes })
    } else {
        None
    }
}
