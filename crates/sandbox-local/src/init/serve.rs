//! The init's life: answer the parent, reap everything. It ends with its socket, and the sandbox with it.

use super::{signal, step};
use crate::channel::{self, Message, Received, Receiver};
use crate::sys::{self, Forked};
use crate::wire::{End, ExecRequest, Fault, Protection, Reply, Request};
use crate::{files, hash};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, wait};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Instant;

/// A command that runs.
struct Running {
    number: u64,
    started: Instant,
    collect: Vec<PathBuf>,
    collect_limit: u64,
    /// Removed with the collected files.
    files: Vec<PathBuf>,
}

struct Init<'a> {
    socket: &'a OwnedFd,
    off: &'a [Protection],
    running: HashMap<Pid, Running>,
    /// Which process was started for which exec, for signals after its end.
    leaders: HashMap<u64, Pid>,
}

/// Answers until the parent is gone.
pub(super) fn serve(socket: &OwnedFd, children: &OwnedFd, off: &[Protection]) -> io::Result<()> {
    // What a command gets as its standard input: the sandbox's own, not the zygote's of the host.
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    sys::put_at(null.as_fd(), 0)?;
    drop(null);
    let mut init = Init { socket, off, running: HashMap::new(), leaders: HashMap::new() };
    let mut receiver = Receiver::default();
    loop {
        let mut polled = [PollFd::new(socket, PollFlags::IN), PollFd::new(children, PollFlags::IN)];
        match poll(&mut polled, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let [asked, ended] = polled.map(|fd| !fd.revents().is_empty());
        if ended {
            let _ = rustix::io::read(children, &mut [0; 128]);
            init.reap()?;
        }
        if asked {
            match receiver.receive(socket)? {
                Received::Message(message) => init.handle(message)?,
                Received::Part => {}
                Received::Closed => return Ok(()),
            }
        }
    }
}

impl Init<'_> {
    fn reply(&self, number: u64, reply: &Reply) -> io::Result<()> {
        channel::send_value(self.socket.as_fd(), number, reply, &[])
    }

    fn handle(&mut self, message: Message) -> io::Result<()> {
        let number = message.number;
        let done = |result: Result<(), Fault>| match result {
            Ok(()) => Reply::Done,
            Err(fault) => Reply::Failed(fault),
        };
        let reply = match message.decode()? {
            Request::Exec(request) => self.exec(number, request, message.fds),
            Request::Read { path, limit } => match files::read(&path, limit) {
                Ok(content) => Reply::Content(content),
                Err(fault) => Reply::Failed(fault),
            },
            Request::First { paths } => Reply::First(
                paths.iter().position(|path| matches!(files::read(path, 0), Ok(Some(_)) | Err(Fault::Invalid(_)))),
            ),
            Request::Write { files } => done(files.iter().try_for_each(files::write)),
            Request::Signal { exec, signal } => {
                let leader = self.leaders.get(&exec).copied();
                let all = !self.off.contains(&Protection::Descendants);
                done(match leader {
                    Some(leader) if all => signal::came_from(leader, signal),
                    Some(leader) => signal::group(leader, signal),
                    None => Ok(()),
                })
            }
            Request::SignalAll { signal } => done(signal::everything(signal)),
            // These may take long.
            Request::Remove { paths } => {
                return self.aside(number, || done(paths.iter().try_for_each(|path| files::remove(path))));
            }
            Request::Hash { patterns, workspace, home } => {
                return self.aside(number, || match hash::digest(&patterns, &workspace, &home) {
                    Ok(digest) => Reply::Digest(digest),
                    Err(fault) => Reply::Failed(fault),
                });
            }
        };
        self.reply(number, &reply)
    }

    /// Does something in a process of its own, which answers for itself.
    fn aside(&self, number: u64, work: impl FnOnce() -> Reply) -> io::Result<()> {
        match sys::fork() {
            Ok(Forked::Child) => {
                let reply = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
                    .unwrap_or_else(|_| Reply::Failed(Fault::Invalid("the sandbox's helper broke".to_owned())));
                sys::exit_now(i32::from(self.reply(number, &reply).is_err()))
            }
            Ok(Forked::Parent(_)) => Ok(()),
            Err(error) => self.reply(number, &Reply::Failed(Fault::system("start a helper in the sandbox", error))),
        }
    }

    fn exec(&mut self, number: u64, request: ExecRequest, fds: Vec<OwnedFd>) -> Reply {
        let started = Instant::now();
        match step::start(&request, &fds, self.off) {
            Ok(pid) => {
                let files = request.files.into_iter().map(|file| file.path).collect();
                let (collect, collect_limit) = (request.collect, request.collect_limit);
                self.running.insert(pid, Running { number, started, collect, collect_limit, files });
                self.leaders.insert(number, pid);
                Reply::Started
            }
            Err(fault) => {
                // What was written for a command that never ran.
                for file in &request.files {
                    let _ = files::remove(&file.path);
                }
                Reply::Failed(fault)
            }
        }
    }

    fn reap(&mut self) -> io::Result<()> {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if let Some(running) = self.running.remove(&pid) {
                self.ended(running, status)?;
            }
        }
        Ok(())
    }

    fn ended(&self, running: Running, status: WaitStatus) -> io::Result<()> {
        let end = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => End::Exited(code),
            (None, Some(signal)) => End::Signalled(signal),
            (None, None) => End::Exited(255),
        };
        let micros = u64::try_from(running.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let collected = running.collect.iter().map(|path| files::collect(path, running.collect_limit)).collect();
        self.reply(running.number, &Reply::Ended { end, collected, micros })?;
        // While the engine hears of it; what it asks next comes after.
        let others = running.collect.iter().filter(|path| !running.files.contains(path));
        for path in running.files.iter().chain(others) {
            let _ = files::remove(path);
        }
        Ok(())
    }
}
