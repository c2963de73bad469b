//! The zygote's life: take specs, fork inits, reap them, and clean up when the parent is gone.

use super::inside::Inside;
use super::map::{self, Ids, Mapper};
use super::{MARK, PARENT_FD, SOCKET_FD};
use crate::cgroup::Cgroups;
use crate::channel::{self, Message, Received, Receiver};
use crate::init;
use crate::mapped::remove_tree;
use crate::seccomp::Filters;
use crate::sys::{self, Forked};
use crate::wire::{Build, Fault, Fork, IdMap, Identity, Net, Owners, Reply, ToZygote};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, wait, waitpid};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

/// How long the cleaning waits for the last process of one sandbox.
const PATIENCE: Duration = Duration::from_secs(5);

/// Descriptors of [`Fork`] that are for the zygote itself; the others' numbers begin here.
const FIRST: usize = 3;

/// What is left to do for a sandbox when the parent dies.
struct Entry {
    init: Option<Pid>,
    /// How the init is let go on.
    go: OwnedFd,
    /// The job's user.
    job: Identity,
    map: IdMap,
    /// For `place`.
    inside: Option<Inside>,
    group: String,
    directory: Option<PathBuf>,
}

struct Server {
    socket: OwnedFd,
    parent: OwnedFd,
    children: OwnedFd,
    cgroups: Cgroups,
    filters: Filters,
    mapper: Mapper,
    entries: HashMap<String, Entry>,
    parting: Parting,
}

/// How the parent left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parting {
    /// Not at all, or without a word: what it had begun to make is still there.
    Unsaid,
    /// All that is left is known here.
    Said,
}

/// Runs the zygote; ends the process.
pub(super) fn run() -> ! {
    let code = match serve() {
        Ok(()) => 0,
        Err(_) => 1,
    };
    sys::exit_now(code)
}

/// Makes what is the same in every zygote, for those that are forked and not executed anew.
pub(super) fn warm() {
    let _kept = (Cgroups::of_this_machine(), Filters::ready());
}

fn serve() -> io::Result<()> {
    let socket = sys::inherited(SOCKET_FD)?;
    let parent = sys::inherited(PARENT_FD)?;
    if let Ok(name) = std::ffi::CString::new(MARK.replace(": ", "-")) {
        let _ = rustix::thread::set_name(&name);
    }
    sys::ignore_terminal_signals();
    if rustix::process::geteuid().is_root() {
        // An ordinary user's zygote stays dumpable: /proc/PID/uid_map of its children must stay the user's.
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    }
    let children = sys::child_signals()?;
    let mut server = Server {
        socket,
        parent,
        children,
        cgroups: Cgroups::of_this_machine(),
        filters: Filters::ready().clone(),
        mapper: Mapper::default(),
        entries: HashMap::new(),
        parting: Parting::Unsaid,
    };
    let outcome = server.serve();
    server.clean();
    outcome
}

impl Server {
    fn serve(&mut self) -> io::Result<()> {
        let mut receiver = Receiver::default();
        loop {
            self.mapper.get_ready();
            let mut polled = [
                PollFd::new(&self.socket, PollFlags::IN),
                PollFd::new(&self.parent, PollFlags::IN),
                PollFd::new(&self.children, PollFlags::IN),
            ];
            match poll(&mut polled, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let [control, parent, children] = polled.map(|fd| !fd.revents().is_empty());
            if children {
                self.reap();
            }
            // Its last words first.
            if control {
                match receiver.receive(&self.socket)? {
                    Received::Message(message) => self.handle(message),
                    Received::Part => {}
                    Received::Closed => return Ok(()),
                }
            } else if parent {
                // A pidfd is readable when its process is gone.
                return Ok(());
            }
            if self.parting == Parting::Said {
                return Ok(());
            }
        }
    }

    fn handle(&mut self, mut message: Message) {
        match message.decode() {
            Ok(ToZygote::Fork(asked)) => {
                let fds = std::mem::take(&mut message.fds);
                drop(message);
                if let Err((fault, socket)) = self.fork(*asked, fds) {
                    let _ = channel::send_value(socket.as_fd(), 0, &Reply::Failed(fault), &[]);
                }
            }
            Ok(ToZygote::Build(build)) => {
                let fds = std::mem::take(&mut message.fds);
                drop(message);
                self.build(*build, fds);
            }
            Ok(ToZygote::Place { name, at }) => {
                let fds = std::mem::take(&mut message.fds);
                if let [view, answer] = &fds[..] {
                    let fault = match self.entries.get(&name).and_then(|entry| entry.inside.as_ref()) {
                        Some(inside) => inside.place(view, &at, answer).err(),
                        None => Some(Fault::Invalid("the sandbox is gone".to_owned())),
                    };
                    if let Some(fault) = fault {
                        let _ = channel::send_value(answer.as_fd(), 0, &Reply::Failed(fault), &[]);
                    }
                }
            }
            Ok(ToZygote::TakeOut { name, at }) => {
                let fds = std::mem::take(&mut message.fds);
                if let [answer] = &fds[..] {
                    let fault = match self.entries.get(&name).and_then(|entry| entry.inside.as_ref()) {
                        Some(inside) => inside.take_out(&at, answer).err(),
                        None => Some(Fault::Invalid("the sandbox is gone".to_owned())),
                    };
                    if let Some(fault) = fault {
                        let _ = channel::send_value(answer.as_fd(), 0, &Reply::Failed(fault), &[]);
                    }
                }
            }
            Ok(ToZygote::Over) => self.parting = Parting::Said,
            Ok(ToZygote::Forget { name }) => {
                // One that never got a job waits still.
                if let Some(pid) = self.entries.remove(&name).and_then(|entry| entry.init) {
                    end(pid);
                }
            }
            // Only a parent of another build could send such a message; it sees the sandbox's socket end.
            Err(_) => {}
        }
    }

    /// Forks an init. A fault comes back with the socket to tell it on.
    fn fork(&mut self, asked: Fork, fds: Vec<OwnedFd>) -> Result<(), (Fault, OwnedFd)> {
        let mut fds = fds.into_iter();
        let (Some(socket), Some(go), Some(waits)) = (fds.next(), fds.next(), fds.next()) else { return Ok(()) };
        match self.try_fork(asked, &socket, go, waits, fds.collect()) {
            Ok(()) => Ok(()),
            Err(fault) => Err((fault, socket)),
        }
    }

    fn try_fork(
        &mut self,
        asked: Fork,
        socket: &OwnedFd,
        go: OwnedFd,
        waits: OwnedFd,
        fds: Vec<OwnedFd>,
    ) -> Result<(), Fault> {
        let missing = || Fault::Invalid("a descriptor of the sandbox's spec is missing".to_owned());
        let group_fd = match asked.group_fd {
            Some(at) => Some(fds.get(at.wrapping_sub(FIRST)).ok_or_else(missing)?.as_fd()),
            None => None,
        };
        let network = if asked.frame.network == Net::Host { 0 } else { sys::NEWNET };
        let forked = sys::clone_into(sys::NAMESPACES | network, group_fd)
            .map_err(|error| Fault::system("make the namespaces of the sandbox", error))?;
        let pid = match forked {
            Forked::Child => {
                let kept = fds.iter().chain([socket, &waits]);
                let _ = sys::close_all_but(&kept.map(AsRawFd::as_raw_fd).collect::<Vec<i32>>());
                std::mem::forget(go);
                if let Err(fault) = enter_groups(&asked.entrances, &fds) {
                    let _ = channel::send_value(socket.as_fd(), 0, &Reply::Failed(fault), &[]);
                    sys::exit_now(1)
                }
                init::run(&asked.frame, fds, FIRST, socket, &waits, &self.filters)
            }
            Forked::Parent(pid) => pid,
        };
        drop(waits);
        let job = asked.frame.job;
        let equipped = map::write(pid, &asked.map)
            .and_then(|()| equip(&mut self.mapper, (&asked.map, job), pid, &asked.mapped, &fds, FIRST))
            .and_then(|()| {
                channel::send_value(go.as_fd(), init::MAPPED, &(), &[])
                    .map_err(|error| Fault::system("start the sandbox's init", error))
            });
        let Fork { name, group, directory, map, .. } = asked;
        self.entries.insert(name, Entry { init: Some(pid), go, job, map, inside: None, group, directory });
        if equipped.is_err() {
            end(pid);
        }
        equipped
    }

    /// Gives an init its job. Where that fails, the init ends and the parent sees its socket end.
    fn build(&mut self, build: Build, fds: Vec<OwnedFd>) {
        let Some(entry) = self.entries.get_mut(&build.name) else { return };
        let Some(pid) = entry.init else { return };
        let job = entry.job;
        let mut equipped = equip(&mut self.mapper, (&entry.map, job), pid, &build.mapped, &fds, 0);
        if build.places && equipped.is_ok() {
            // Opened now: once the init is bound, an ordinary user's zygote could not.
            equipped = Inside::of(pid, job)
                .map(|inside| entry.inside = Some(inside))
                .map_err(|error| Fault::system("open the sandbox's namespaces", error));
        }
        let told = match equipped {
            Ok(()) => Message::of_bytes(init::SETUP, build.setup, fds).send(&entry.go),
            // The init passes it on, and ends.
            Err(fault) => channel::send_value(entry.go.as_fd(), init::SETUP + 1, &fault, &[]),
        };
        if told.is_err() {
            end(pid);
        }
    }

    fn reap(&mut self) {
        // Empties the descriptor; one reading stands for any number of children.
        let _ = rustix::io::read(&self.children, &mut [0; 128]);
        while let Ok(Some((pid, _))) = wait(WaitOptions::NOHANG) {
            for entry in self.entries.values_mut().filter(|entry| entry.init == Some(pid)) {
                entry.init = None;
            }
        }
    }

    /// The parent is gone: end everything that it left.
    fn clean(&mut self) {
        let inits: Vec<Pid> = self.entries.values().filter_map(|entry| entry.init).collect();
        for pid in &inits {
            // The end of a pid namespace's init ends the namespace.
            end(*pid);
        }
        for pid in inits {
            let _ = waitpid(Some(pid), WaitOptions::empty());
        }
        for (_, entry) in self.entries.drain() {
            let group = self.cgroups.adopt(&entry.group);
            if group.kill(PATIENCE).is_ok() {
                let _ = group.remove();
            }
            if let Some(directory) = entry.directory {
                let _ = remove_tree(&directory);
            }
        }
        if self.parting == Parting::Unsaid {
            // What the parent had begun to make when it died.
            self.cgroups.sweep();
        }
    }
}

/// What an init cannot do for itself: mapped mounts. `first` is the number of the first descriptor.
fn equip(
    mapper: &mut Mapper,
    (map, job): (&IdMap, Identity),
    pid: Pid,
    mapped: &[(usize, Owners)],
    fds: &[OwnedFd],
    first: usize,
) -> Result<(), Fault> {
    if mapped.is_empty() {
        return Ok(());
    }
    let own = map::of(pid).map_err(|error| Fault::system("open the sandbox's user namespace", error))?;
    for (at, owners) in mapped {
        let mount = fds
            .get(at.wrapping_sub(first))
            .ok_or_else(|| Fault::Invalid("a mount of the sandbox's spec is missing".to_owned()))?;
        mapper.map(mount.as_fd(), *owners, &Ids { own: own.as_fd(), map, job })?;
    }
    Ok(())
}

/// Kills a child that is not reaped yet, so that the number is still its own.
fn end(pid: Pid) {
    let _ = sys::kill(pid.as_raw_nonzero().get(), libc::SIGKILL);
}

/// In the child: moving a process may wait for the kernel, and the zygote has others to serve.
fn enter_groups(entrances: &[usize], fds: &[OwnedFd]) -> Result<(), Fault> {
    for entrance in entrances.iter().filter_map(|at| fds.get(at.wrapping_sub(FIRST))) {
        rustix::io::write(entrance, b"0").map_err(|error| Fault::system("enter the sandbox's control group", error))?;
    }
    sys::unshare(sys::NEWCGROUP).map_err(|error| Fault::system("make the sandbox's control group namespace", error))
}
