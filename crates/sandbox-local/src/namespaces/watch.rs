//! Limits on memory and processes where no control group can be made (an ordinary user on a host that delegates none): a thread
//! counts what the sandbox's processes use and ends the sandbox when it is too much. After the fact, so `soft`.

use crate::cgroup::Group;
use domain::{Enforcement, Isolation, LimitReached};
use sandbox::Limits;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often is counted. A process fills some ten megabytes in that time.
const TURN: Duration = Duration::from_millis(20);

/// What is to be watched, because the kernel does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Watched {
    memory: Option<u64>,
    processes: Option<u64>,
}

/// A running watcher; dropping it ends it.
#[derive(Debug)]
pub(super) struct Watcher {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watched {
    /// Those limits that were asked for and that the group does not enforce.
    pub(super) fn of(limits: &Limits, group: Option<&Group>) -> Self {
        let enforced = |name: &str| {
            let mut listed = group.iter().flat_map(|group| group.isolation());
            listed.any(|known| known.name == name && matches!(known.enforcement, Enforcement::On { .. }))
        };
        Self {
            memory: limits.memory.filter(|_| !enforced("memory limit")),
            processes: limits.processes.filter(|_| !enforced("process limit")),
        }
    }

    /// Says of a protection of the group that it is watched.
    pub(super) fn told(&self, told: &Isolation) -> Isolation {
        let value = match told.name.as_str() {
            "memory limit" => self.memory.map(|bytes| format!("{} MiB", bytes >> 20)),
            "process limit" => self.processes.map(|count| count.to_string()),
            _ => None,
        };
        match (value, &told.enforcement) {
            (Some(value), Enforcement::Off { reason }) => Isolation {
                name: told.name.clone(),
                enforcement: Enforcement::Soft { value: format!("{value}; watched, for {reason}") },
            },
            _ => told.clone(),
        }
    }

    /// Starts a thread that calls `reached` once, when one of the limits is. None when there is nothing to watch.
    pub(super) fn start(
        self,
        init: BorrowedFd<'_>,
        reached: impl FnOnce(LimitReached) + Send + 'static,
    ) -> io::Result<Option<Watcher>> {
        if self == Self::default() {
            return Ok(None);
        }
        let pid = pid_of(init)?;
        let (stop, stopped) = channel::<()>();
        let thread =
            std::thread::Builder::new().name("limits-watch".to_owned()).stack_size(128 << 10).spawn(move || {
                while stopped.recv_timeout(TURN) == Err(RecvTimeoutError::Timeout) {
                    if let Some(limit) = self.look(pid) {
                        return reached(limit);
                    }
                }
            })?;
        Ok(Some(Watcher { stop: Some(stop), thread: Some(thread) }))
    }

    fn look(&self, init: i32) -> Option<LimitReached> {
        let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
        let (mut memory, mut count) = (0, 0);
        let mut stack = vec![init];
        while let Some(pid) = stack.pop() {
            count += 1;
            if let Some(limit) = self.processes.filter(|limit| count > *limit) {
                return Some(LimitReached::Processes { count: limit });
            }
            if self.memory.is_some() {
                memory += own_pages(pid).unwrap_or(0) * page;
            }
            let Ok(children) = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")) else { continue };
            stack.extend(children.split_whitespace().filter_map(|child| child.parse::<i32>().ok()));
        }
        self.memory.filter(|limit| memory > *limit).map(|bytes| LimitReached::Memory { bytes })
    }
}

/// Pages that a process holds alone: resident without those of files.
fn own_pages(pid: i32) -> Option<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut fields = statm.split(' ').skip(1);
    let mut number = || fields.next()?.parse::<u64>().ok();
    Some(number()?.saturating_sub(number()?))
}

/// The number of a pidfd's process, as this process sees it.
fn pid_of(pidfd: BorrowedFd<'_>) -> io::Result<i32> {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_fd().as_raw_fd()))?;
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok());
    pid.filter(|pid| *pid > 0).ok_or_else(|| io::ErrorKind::NotFound.into())
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.stop.take());
        // What it calls may drop it: a thread does not wait for itself.
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}
