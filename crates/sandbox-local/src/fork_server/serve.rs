//! The fork server's life: fork when asked, tell who ended, end with the agent.

use super::{Fork, Said};
use crate::channel::{self, Message, Received, Receiver};
use crate::disk::Pool;
use crate::namespaces::Ready;
use crate::sys::{self, Forked};
use crate::zygote::{Zygote, ZygoteError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, wait};
use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Where the agent put the socket.
const SOCKET_FD: i32 = 0;

/// After so long without a job, what would have been used again is thrown away.
const LULL: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };

/// How [`serve`] came back.
#[derive(Debug)]
pub enum Served {
    /// In the fork server: the agent is gone.
    Over,
    /// In a forked process, whose stdin, stdout and stderr are those that the agent gave.
    Job {
        /// Its own.
        zygote: Result<Zygote, ZygoteError>,
        /// What the agent wanted it to have.
        ready: Option<Ready>,
    },
}

/// What became of a request.
enum Handled {
    Answered,
    /// This is the new process.
    Job,
}

struct Server {
    socket: OwnedFd,
    children: OwnedFd,
    /// For the next process.
    ready: Option<Ready>,
    /// Where jobs' processes give back what the next ones can use, and their end of it.
    returns: (OwnedFd, OwnedFd),
    /// Processes of jobs that run.
    jobs: HashSet<Pid>,
    /// The process that does what may take long, while it runs.
    helper: Option<Pid>,
}

/// Serves the agent whose socket is stdin. Returns once here, and once in every process that it forks. To be called first thing in `main`.
///
/// # Errors
/// When stdin is no agent's socket, or it fails.
pub fn serve() -> io::Result<Served> {
    let (socket, children) = (sys::inherited(SOCKET_FD)?, sys::child_signals()?);
    let returns = channel::pair()?;
    let mut server = Server { socket, children, ready: None, returns, jobs: HashSet::new(), helper: None };
    if !rustix::net::sockopt::socket_type(&server.socket).is_ok_and(|kind| kind == rustix::net::SocketType::SEQPACKET) {
        return Err(io::Error::other("stdin is no socket of an agent: the agent starts this by itself"));
    }
    // What a job's process leaves behind it comes here to be reaped, also where nobody above reaps: the agent of a container has no one else's
    // children in mind. What is forked does not inherit it. Without it those have another parent, as before.
    let _unused = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    Zygote::warm();
    match server.serve() {
        Ok(Handled::Answered) => Ok(Served::Over),
        // The agent went away between its question and the answer.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Served::Over),
        Err(error) => Err(error),
        Ok(Handled::Job) => {
            let ready = server.ready.take();
            // Its other descriptors are closed already, and their numbers may be others' now.
            std::mem::forget(server);
            Ok(Served::Job { zygote: Zygote::fork(), ready })
        }
    }
}

impl Server {
    fn serve(&mut self) -> io::Result<Handled> {
        let mut receiver = Receiver::default();
        loop {
            let mut polled = [&self.socket, &self.children, &self.returns.0].map(|fd| PollFd::new(fd, PollFlags::IN));
            let images = self.ready.as_ref().map(Ready::disks).filter(|disks| disks.has_images());
            match poll(&mut polled, images.map(|_| &LULL)) {
                Ok(0) => {
                    images.into_iter().for_each(Pool::forget_images);
                    continue;
                }
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let [asked, children, returned] = polled.map(|fd| !fd.revents().is_empty());
            if children {
                self.reap()?;
            }
            if returned {
                self.take_back();
            }
            if asked {
                match receiver.receive(&self.socket)? {
                    Received::Message(message) => {
                        if let Handled::Job = self.handle(message)? {
                            return Ok(Handled::Job);
                        }
                    }
                    Received::Part => {}
                    Received::Closed => return Ok(Handled::Answered),
                }
            }
        }
    }

    fn handle(&mut self, mut message: Message) -> io::Result<Handled> {
        let Fork { wanted } = message.decode()?;
        let number = message.number;
        let fds = std::mem::take(&mut message.fds);
        if let Some(wanted) = wanted {
            self.ready = Ready::for_next(self.ready.take(), &wanted);
        }
        let forked = match sys::fork() {
            Ok(Forked::Child) => {
                // Nobody hears of a failure here but by the end of the pipes.
                if self.become_job(&fds).is_err() {
                    sys::exit_now(127);
                }
                std::mem::forget(fds);
                return Ok(Handled::Job);
            }
            Ok(Forked::Parent(pid)) => {
                self.ready.iter_mut().for_each(Ready::is_handed_over);
                pidfd(pid).map(|pidfd| (pid, pidfd))
            }
            Err(error) => Err(error),
        };
        match forked {
            Ok((pid, pidfd)) => {
                self.jobs.insert(pid);
                let said = Said::Forked { pid: number_of(pid) };
                channel::send_value(self.socket.as_fd(), number, &said, &[pidfd.as_fd()])?;
            }
            Err(error) => {
                let said = Said::Failed(error.raw_os_error().unwrap_or_default());
                channel::send_value(self.socket.as_fd(), number, &said, &[])?;
            }
        }
        self.help();
        Ok(Handled::Answered)
    }

    /// Has a helper do what may take long: whoever asks for a process must not wait for it, nor those who wait for an end.
    fn help(&mut self) {
        if self.helper.is_some() {
            return;
        }
        let Some(ready) = &mut self.ready else { return };
        let Some(chores) = ready.chores() else { return };
        match sys::fork() {
            Ok(Forked::Child) => {
                // The agent hears of the fork server's end by the socket's.
                if shed().is_ok() {
                    ready.help(&chores);
                }
                sys::exit_now(0)
            }
            Ok(Forked::Parent(pid)) => self.helper = Some(pid),
            // The next fork tries again.
            Err(_) => ready.expect_leftovers(),
        }
    }

    /// Takes what a job's process gives back. What cannot be used, or nobody has a place for, is thrown away: the next job has a new one.
    fn take_back(&self) {
        if let Ok(Received::Message(message)) = Receiver::default().receive(&self.returns.0)
            && let Some(ready) = &self.ready
        {
            let _unused = ready.disks().take_back(message, self.jobs.len());
        }
    }

    /// Makes the forked process what a started one would be.
    fn become_job(&self, fds: &[OwnedFd]) -> io::Result<()> {
        let [stdin, stdout, stderr] = fds else { return Err(io::ErrorKind::InvalidInput.into()) };
        for (fd, number) in [(stdin, 0), (stdout, 1), (stderr, 2)] {
            debug_assert!(fd.as_raw_fd() > 2, "what the agent sends comes above its own");
            sys::put_at(fd.as_fd(), number)?;
        }
        // Of its own, for the fork server's is forgotten.
        let returns = self.returns.1.try_clone()?;
        let kept = self.ready.as_ref().map(|ready| ready.is_of_job(returns)).unwrap_or_default();
        sys::close_all_but(&kept)?;
        sys::unblock_signals()?;
        rustix::process::setpgid(None, None)?;
        Ok(())
    }

    fn reap(&mut self) -> io::Result<()> {
        let mut signals = [0; 1024];
        // It only says that there is somebody; who, `wait` says.
        while rustix::io::read(&self.children, &mut signals).is_ok_and(|read| read > 0) {}
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if self.helper == Some(pid) {
                self.helper = None;
                // What came meanwhile.
                self.help();
                continue;
            }
            if status.exit_status() != Some(0) {
                self.ready.iter_mut().for_each(Ready::expect_leftovers);
            }
            if self.jobs.remove(&pid) {
                let said = Said::Gone { pid: number_of(pid), status: status.as_raw() };
                channel::send_value(self.socket.as_fd(), 0, &said, &[])?;
            }
        }
        Ok(())
    }
}

/// Lets go of what a helper has no use for.
fn shed() -> io::Result<()> {
    let null = rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty())?;
    sys::put_at(null.as_fd(), SOCKET_FD)?;
    drop(null);
    sys::close_all_but(&[])?;
    sys::unblock_signals()
}

fn pidfd(pid: Pid) -> io::Result<OwnedFd> {
    Ok(rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?)
}

fn number_of(pid: Pid) -> u32 {
    pid.as_raw_nonzero().get().unsigned_abs()
}
