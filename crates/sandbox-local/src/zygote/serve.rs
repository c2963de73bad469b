//! The zygote's life: take specs, fork inits, reap them, and clean up when the parent is gone.

use super::inside::Inside;
use super::map::{self, Mapper};
use super::{MARK, PARENT_FD, SOCKET_FD};
use crate::cgroup::Cgroups;
use crate::channel::{self, Message, Received, Receiver};
use crate::init;
use crate::mapped::remove_tree;
use crate::seccomp::Filters;
use crate::sys::{self, Forked};
use crate::wire::{Fault, IdMap, Net, Prepare, Reply, ToZygote};
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

/// What is left to do for a sandbox when the parent dies.
struct Entry {
    init: Option<Pid>,
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
}

/// Runs the zygote; ends the process.
pub(super) fn run() -> ! {
    let code = match serve() {
        Ok(()) => 0,
        Err(_) => 1,
    };
    sys::exit_now(code)
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
        cgroups: Cgroups::detect(),
        filters: Filters::compile(),
        mapper: Mapper::default(),
        entries: HashMap::new(),
    };
    let outcome = server.serve();
    server.clean();
    outcome
}

impl Server {
    fn serve(&mut self) -> io::Result<()> {
        let mut receiver = Receiver::default();
        loop {
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
            // A pidfd is readable when its process is gone.
            if parent {
                return Ok(());
            }
            if control {
                match receiver.receive(&self.socket)? {
                    Received::Message(message) => self.handle(message),
                    Received::Part => {}
                    Received::Closed => return Ok(()),
                }
            }
        }
    }

    fn handle(&mut self, mut message: Message) {
        match message.decode() {
            Ok(ToZygote::Prepare(prepare)) => {
                let fds = std::mem::take(&mut message.fds);
                drop(message);
                self.prepare(*prepare, fds);
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
            Ok(ToZygote::Forget { name }) => {
                self.entries.remove(&name);
            }
            // Only a parent of another build could send such a message; it sees the sandbox's socket end.
            Err(_) => {}
        }
    }

    fn prepare(&mut self, prepare: Prepare, fds: Vec<OwnedFd>) {
        let name = prepare.name.clone();
        let entry =
            Entry { init: None, inside: None, group: prepare.group.clone(), directory: prepare.directory.clone() };
        self.entries.insert(name.clone(), entry);
        // The child never returns from here.
        let answer = fds.first().and_then(|fd| rustix::io::fcntl_dupfd_cloexec(fd, 3).ok());
        if let (Err(fault), Some(socket)) = (self.fork(&name, prepare, fds), answer) {
            let _ = channel::send_value(socket.as_fd(), 0, &Reply::Failed(fault), &[]);
        }
    }

    fn fork(&mut self, name: &str, prepare: Prepare, fds: Vec<OwnedFd>) -> Result<(), Fault> {
        let missing = || Fault::Invalid("a descriptor of the sandbox's spec is missing".to_owned());
        let (go, wait_for_go) = channel::pair().map_err(|error| Fault::system("make a socket", error))?;
        let group_fd = match prepare.group_fd {
            Some(at) => Some(fds.get(at).ok_or_else(missing)?.as_fd()),
            None => None,
        };
        let network = if prepare.setup.network == Net::Host { 0 } else { sys::NEWNET };
        let forked = sys::clone_into(sys::NAMESPACES | network, group_fd)
            .map_err(|error| Fault::system("make the namespaces of the sandbox", error))?;
        let pid = match forked {
            Forked::Child => {
                drop(go);
                let keep: Vec<i32> = fds.iter().chain([&wait_for_go]).map(AsRawFd::as_raw_fd).collect();
                let _ = sys::close_all_but(&keep);
                if let Err(fault) = enter_groups(&prepare.entrances, &fds) {
                    if let Some(socket) = fds.first() {
                        let _ = channel::send_value(socket.as_fd(), 0, &Reply::Failed(fault), &[]);
                    }
                    sys::exit_now(1)
                }
                init::run(&prepare.setup, fds, &wait_for_go, &self.filters)
            }
            Forked::Parent(pid) => pid,
        };
        drop(wait_for_go);
        if let Some(entry) = self.entries.get_mut(name) {
            entry.init = Some(pid);
            if !prepare.setup.views.is_empty() {
                // Opened now: once the init is bound, an ordinary user's zygote could not.
                let inside = Inside::of(pid, prepare.setup.job);
                entry.inside = Some(inside.map_err(|error| Fault::system("open the sandbox's namespaces", error))?);
            }
        }
        let done = self.equip(pid, &prepare, &fds).and_then(|()| {
            channel::send_value(go.as_fd(), 0, &(), &[])
                .map_err(|error| Fault::system("start the sandbox's init", error))
        });
        if done.is_err() {
            let _ = sys::kill(pid.as_raw_nonzero().get(), libc::SIGKILL);
        }
        done
    }

    /// What the child cannot do for itself: ids, mapped mounts.
    fn equip(&mut self, pid: Pid, prepare: &Prepare, fds: &[OwnedFd]) -> Result<(), Fault> {
        map::write(pid, &prepare.map)?;
        if prepare.mapped.is_empty() {
            return Ok(());
        }
        let own = map::of(pid).map_err(|error| Fault::system("open the sandbox's user namespace", error))?;
        let job = match &prepare.map {
            IdMap::Range { base, .. } => {
                (base.saturating_add(prepare.setup.job.uid), base.saturating_add(prepare.setup.job.gid))
            }
            IdMap::Own { uid, gid, .. } | IdMap::Helped { uid, gid, .. } => (*uid, *gid),
        };
        for (at, owners) in &prepare.mapped {
            let mount =
                fds.get(*at).ok_or_else(|| Fault::Invalid("a mount of the sandbox's spec is missing".to_owned()))?;
            self.mapper.map(mount.as_fd(), *owners, own.as_fd(), job)?;
        }
        Ok(())
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
            // Not reaped yet, so the number is still this child's. The end of a pid namespace's init ends the namespace.
            let _ = sys::kill(pid.as_raw_nonzero().get(), libc::SIGKILL);
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
        // What the parent had begun to make when it died.
        self.cgroups.sweep();
    }
}

/// In the child: moving a process may wait for the kernel, and the zygote has others to serve.
fn enter_groups(entrances: &[usize], fds: &[OwnedFd]) -> Result<(), Fault> {
    for entrance in entrances.iter().filter_map(|at| fds.get(*at)) {
        rustix::io::write(entrance, b"0").map_err(|error| Fault::system("enter the sandbox's control group", error))?;
    }
    sys::unshare(sys::NEWCGROUP).map_err(|error| Fault::system("make the sandbox's control group namespace", error))
}
