//! What a sandbox is made of before its job is known: ids, control group, disk, and an init that waits in its own namespaces.
//! Called by `Namespaces::prepare`, which makes one where none was made ahead.

use super::ids::Ids;
use super::link::{error_of, io_error};
use super::mask::{self, Caller, Kind};
use super::seen::Seen;
use super::{Held, Shared, disk_limit, etc, spec};
use crate::channel::{self, Message};
use crate::disk::Disk;
use crate::init::SETUP;
use crate::wire::{Build, Content, Fork, Frame, Protection, ToZygote};
use ::sandbox::{Limits, SandboxError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// How many wait at most.
const AHEAD: usize = 4;

/// What a spare was made for; a job that wants the same can have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fit {
    /// Root, profile, network.
    pub(super) kind: Kind,
    /// Targets that are open.
    pub(super) allow: Vec<String>,
    pub(super) limits: Limits,
    /// What tests have switched off.
    pub(super) off: Vec<Protection>,
}

/// A sandbox without a job. Dropping it gives everything back.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) held: Held,
    /// The init answers here; first, that its sandbox stands.
    pub(super) socket: OwnedFd,
    /// Where the init waits for its job.
    go: OwnedFd,
    /// How many sources the init knows.
    pub(super) sources: usize,
    /// What it was made from.
    seen: Seen,
    /// Given back last.
    pub(super) ids: Ids,
}

impl Spare {
    /// Makes one, on a disk of its own or on one that was kept.
    pub(super) fn make(shared: &Arc<Shared>, fit: &Fit, kept: Option<Disk>) -> Result<Self, SandboxError> {
        // One process may have several makers of sandboxes, and the groups' names are the process's.
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let name = format!("s{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let profile = fit.kind.profile;
        let ids = match fit.kind.caller {
            Caller::Root => Ids::range(&shared.ranges, profile)
                .map_err(|error| io_error("take an id range for the sandbox", error))?,
            Caller::User => Ids::own(profile),
        };
        let own_etc = fit.kind.has_own_etc().then(|| etc::copy(Path::new("/etc"), &shared.masks)).transpose();
        let own_etc = own_etc.map_err(|error| io_error(format!("copy /etc to {}", shared.masks.display()), error))?;
        let (seen, mask) = shared.mask(&fit.kind)?;
        let mut held = Held { shared: shared.clone(), name: name.clone(), group: None, disk: None };
        let group =
            shared.cgroups.create(&name, &fit.limits).map_err(|error| SandboxError::Unsupported(error.to_string()))?;
        let group = held.group.insert(group);
        let content = if kept.is_some() { Content::Kept } else { Content::Fresh };
        let own_disk = || shared.disk(disk_limit(&fit.limits, &shared.masks), &name, ids.job.uid);
        let disk = held.disk.insert(kept.map_or_else(own_disk, Ok)?);
        let pair = || channel::pair().map_err(|error| io_error("make a socket", error));
        let ((socket, theirs), (go, waits)) = (pair()?, pair()?);
        let own_go = go.try_clone().map_err(|error| io_error("make a socket", error))?;
        let mut fds = vec![theirs, own_go, waits];
        let mut position = |fd| {
            fds.push(fd);
            fds.len() - 1
        };
        let group_fd = group.clone_into().map(|fd| fd.try_clone_to_owned()).transpose();
        let group_fd = group_fd.map_err(|error| io_error("open the control group", error))?.map(&mut position);
        let entrances = group.v1_entrances().map_err(|error| SandboxError::Invalid(error.to_string()))?;
        let entrances = entrances.into_iter().map(position).collect();
        let base = spec::base(&fit.kind, spec::Lower { mask, own_etc }, disk, fds).map_err(error_of)?;
        let sources = base.sources.len();
        let fork = Fork {
            name,
            group: group.name().to_owned(),
            group_fd,
            entrances,
            directory: match disk {
                Disk::Directory(directory, _) => directory.leftover().map(Path::to_owned),
                Disk::Image(_) => None,
            },
            map: ids.map.clone(),
            mapped: base.mapped,
            frame: Frame {
                sources: base.sources,
                upper: base.upper,
                content,
                layers: base.layers,
                binds: base.binds,
                init: ids.init,
                job: ids.job,
                profile,
                network: fit.kind.network,
                allow: fit.allow.clone(),
                // Counted by the control group too, where there is one: a program that asks for the size shall hear what it can have.
                shared_memory: fit.limits.memory,
                host_name: mask::HOST_NAME.to_owned(),
                writable: base.writable,
                off: fit.off.clone(),
            },
        };
        shared.tell(&ToZygote::Fork(Box::new(fork)), base.fds)?;
        Ok(Self { held, socket, go, sources, seen, ids })
    }

    /// Tells the init its job.
    pub(super) fn build(&self, assembled: spec::Assembled) -> Result<(), SandboxError> {
        let spec::Assembled { setup, mapped, fds } = assembled;
        let places = !setup.views.is_empty();
        if mapped.is_empty() && !places {
            return Message::new(SETUP, &setup, fds)
                .and_then(|message| message.send(&self.go))
                .map_err(|error| io_error("tell the sandbox its job", error));
        }
        let setup = postcard::to_allocvec(&setup).map_err(|error| SandboxError::Invalid(error.to_string()))?;
        let build = Build { name: self.held.name.clone(), mapped, places, setup };
        self.held.shared.tell(&ToZygote::Build(Box::new(build)), fds)
    }

    /// Whether what it was made from is as it was.
    fn is_current(&self, fit: &Fit) -> bool {
        self.seen.is_so_still(&fit.kind)
    }

    /// Whether its init still waits: what waits says nothing.
    fn waits(&self) -> bool {
        let mut polled = [PollFd::new(&self.socket, PollFlags::IN)];
        matches!(poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0))
    }
}

/// Those that were made ahead. They are not part of [`Shared`], which they keep alive.
#[derive(Debug, Default)]
pub(super) struct Spares {
    state: Mutex<State>,
    /// The maker has ended.
    rested: Condvar,
}

/// A backend's hold of them. With the last one, what is being made is finished and given back with the others: a process that ends in the
/// middle of it would leave files.
#[derive(Debug, Default)]
pub(super) struct Hold(Arc<Spares>);

impl Hold {
    pub(super) fn spares(&self) -> &Arc<Spares> {
        &self.0
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.state().expected = None;
        let _groups = self.0.waiting();
    }
}

#[derive(Debug, Default)]
struct State {
    ready: Vec<(Fit, Spare)>,
    /// What is expected, and how many of it are still to be made.
    expected: Option<(Fit, usize)>,
    maker: Maker,
    /// The last maker; it may have ended.
    thread: Option<JoinHandle<()>>,
}

/// Whether a thread is making some.
#[derive(Debug, Default, PartialEq, Eq)]
enum Maker {
    #[default]
    Idle,
    Running,
}

impl Spares {
    /// So many more will be asked for. Whatever was made for something else is given back.
    pub(super) fn expect(self: &Arc<Self>, shared: &Arc<Shared>, fit: Fit, count: usize) {
        let dropped = {
            let mut state = self.state();
            let before = state.expected.take().filter(|(known, _)| *known == fit).map_or(0, |(_, left)| left);
            let (kept, dropped) = std::mem::take(&mut state.ready).into_iter().partition(|(known, _)| *known == fit);
            state.ready = kept;
            state.expected = Some((fit, before.saturating_add(count)));
            let dropped: Vec<(Fit, Spare)> = dropped;
            dropped
        };
        drop(dropped);
        self.make(shared);
    }

    /// One that fits, when one is ready.
    pub(super) fn take(self: &Arc<Self>, shared: &Arc<Shared>, fit: &Fit) -> Option<Spare> {
        let found = loop {
            let mut state = self.state();
            let Some(at) = state.ready.iter().position(|(known, _)| known == fit) else {
                // Whoever asks makes one itself: one less to come.
                if let Some((_, left)) = state.expected.as_mut().filter(|(known, _)| known == fit) {
                    *left = left.saturating_sub(1);
                }
                break None;
            };
            let (_, spare) = state.ready.remove(at);
            drop(state);
            if spare.waits() && spare.is_current(fit) {
                break Some(spare);
            }
        };
        self.make(shared);
        found
    }

    /// Starts the thread that makes them, when one is missing and none runs. It ends when none is missing.
    fn make(self: &Arc<Self>, shared: &Arc<Shared>) {
        {
            let mut state = self.state();
            // Not one by one: what is made now takes time from the job that has just begun.
            if state.maker == Maker::Running || !state.is_missing() || state.ready.len() > AHEAD / 2 {
                return;
            }
            state.maker = Maker::Running;
        }
        let (spares, shared) = (self.clone(), shared.clone());
        let run = move || {
            while let Some(fit) = spares.next() {
                match Spare::make(&shared, &fit, None) {
                    Ok(spare) => spares.state().ready.push((fit, spare)),
                    // The job that asks will see it.
                    Err(_) => spares.state().expected = None,
                }
            }
        };
        let started = std::thread::Builder::new().name("spares".to_owned()).stack_size(512 << 10).spawn(run);
        match started {
            Ok(thread) => self.state().thread = Some(thread),
            Err(_) => self.state().maker = Maker::Idle,
        }
    }

    /// Waits until none is being made; the names of the control groups of those that wait.
    pub(super) fn waiting(&self) -> Vec<String> {
        let state = self.rested.wait_while(self.state(), |state| state.maker == Maker::Running);
        let thread = state.unwrap_or_else(PoisonError::into_inner).thread.take();
        // Until it is gone it has a hold on those that it made.
        let _ended = thread.map(JoinHandle::join);
        let state = self.state();
        let groups = state.ready.iter().filter_map(|(_, spare)| spare.held.group.as_ref());
        groups.map(|group| group.name().to_owned()).collect()
    }

    /// The next one to make.
    fn next(&self) -> Option<Fit> {
        let mut state = self.state();
        if !state.is_missing() {
            state.maker = Maker::Idle;
            self.rested.notify_all();
            return None;
        }
        let (fit, left) = state.expected.as_mut()?;
        *left -= 1;
        Some(fit.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_missing(&self) -> bool {
        self.ready.len() < AHEAD && self.expected.as_ref().is_some_and(|(_, left)| *left > 0)
    }
}
