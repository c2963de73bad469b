//! The zygote: a second process of the same binary, with one thread and no secret, from which every sandbox is forked.
//!
//! Forking from a process with threads can deadlock in the allocator; and what a fork copies, a hostile job may one day read.
//! So `main` calls [`Zygote::start`] before anything else. The zygote watches the parent: when that dies, at any moment and in
//! any way, it kills and cleans up whatever sandboxes are left, and ends.

mod inside;
mod map;
mod serve;

pub(crate) use map::write as write_map;

use crate::channel;
use crate::mapped;
use crate::sys::{self, Forked};
use crate::wire::ToZygote;
use rustix::process::Pid;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The zygote's `argv[0]`, by which `main` knows that it is one.
const MARK: &str = "ekiden: zygote";
/// Where the zygote finds its socket.
const SOCKET_FD: i32 = 3;
/// Where the zygote finds the pidfd of its parent.
const PARENT_FD: i32 = 4;

/// The zygote could not be started.
#[derive(Debug, thiserror::Error)]
#[error("could not start the zygote, the process that sandboxes are forked from ({what})")]
pub struct ZygoteError {
    what: &'static str,
    #[source]
    source: io::Error,
}

/// The parent's hold on its zygote.
#[derive(Debug)]
pub struct Zygote {
    socket: OwnedFd,
    pid: Pid,
}

impl Zygote {
    /// Starts the zygote and returns at once. In the zygote itself, it never returns. Call it first thing in `main`, before any
    /// thread, and before reading anything secret.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn start() -> Result<Self, ZygoteError> {
        match std::env::args_os().next() {
            Some(name) if name == MARK => serve::run(),
            Some(name) if mapped::is_worker(&name) => mapped::run(),
            _ => {}
        }
        Self::forked(|| drop(execute()))
    }

    /// The same in a process that the fork server forked: it has read nothing yet, so that its zygote need not be executed anew.
    pub(crate) fn fork() -> Result<Self, ZygoteError> {
        Self::forked(|| {
            sys::forget_environment();
            serve::run()
        })
    }

    /// Makes what every zygote of this process and of those forked from it needs.
    pub(crate) fn warm() {
        serve::warm();
    }

    /// Forks it; `go_on` is what the child does when it has shed everything inherited.
    fn forked(go_on: impl FnOnce()) -> Result<Self, ZygoteError> {
        let failed = |what| move |source| ZygoteError { what, source };
        let (ours, theirs) = channel::pair().map_err(failed("socketpair"))?;
        let parent = sys::own_pidfd().map_err(failed("pidfd_open"))?;
        match sys::fork().map_err(failed("fork"))? {
            Forked::Child => {
                // The parent learns of a failure by the end of the socket.
                if shed(theirs.as_fd(), parent.as_fd()).is_ok() {
                    go_on();
                }
                sys::exit_now(127)
            }
            Forked::Parent(pid) => Ok(Self { socket: ours, pid }),
        }
    }

    /// The zygote's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        // One that is gone needs no word.
        let _gone = channel::send_value(self.socket(), 0, &ToZygote::Over, &[]);
    }
}

/// Sheds everything inherited but memory.
fn shed(socket: BorrowedFd<'_>, parent: BorrowedFd<'_>) -> io::Result<()> {
    // A session of its own: what a terminal sends to the parent's group does not reach the sandboxes.
    rustix::process::setsid()?;
    let null = ManuallyDrop::new(rustix::fs::open("/dev/null", rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty())?);
    let above = |fd: BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(fd, 10).map(ManuallyDrop::new);
    // Closed below, by number.
    let (socket, parent, null) = (above(socket)?, above(parent)?, above(null.as_fd())?);
    for number in 0..3 {
        sys::put_at(null.as_fd(), number)?;
    }
    sys::put_at(socket.as_fd(), SOCKET_FD)?;
    sys::put_at(parent.as_fd(), PARENT_FD)?;
    sys::close_from(PARENT_FD + 1)?;
    rustix::process::chdir("/")?;
    sys::fresh_signals();
    Ok(())
}

/// Re-executes the binary, so that nothing is left of the parent's memory.
fn execute() -> io::Result<()> {
    let name = std::ffi::CString::new(MARK)?;
    Err(sys::execve(c"/proc/self/exe", &[name], &[]))
}
