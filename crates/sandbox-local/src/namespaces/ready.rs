//! What makers of sandboxes find the same on this machine whatever the job: places on disk, the layer over the root, an empty file
//! system. A fork server has it before it forks, so that each job's process is born with it; others make it for themselves. Nothing of a
//! job is in it but the name of its repository, and nothing of the environment.

use super::layers::Layers;
use super::link::io_error;
use super::mask::{self, Caller, Kind};
use super::{Options, disk_limit, ids, outside_pool, spec};
use crate::cgroup::Cgroups;
use crate::disk::{DiskLimit, Pool};
use ::sandbox::{Expected, SandboxError};
use serde::{Deserialize, Serialize};
use std::os::fd::{OwnedFd, RawFd};
use std::path::{Path, PathBuf};

/// After so many forks, what processes may have left whose end nobody saw is looked for.
const FORKS: u32 = 256;

/// What a job's process will need, as far as it is the same for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    state: PathBuf,
    kind: Kind,
    limit: DiskLimit,
}

impl Wanted {
    /// For a sandbox that is expected; `state` as in [`Options`].
    #[must_use]
    pub fn new(state: &Path, expected: &Expected) -> Self {
        Self {
            state: state.to_owned(),
            kind: spec::mask_kind(expected, Caller::own(), &[]),
            limit: disk_limit(&expected.limits, state),
        }
    }
}

/// What a fork server does beside its forks.
#[derive(Debug)]
pub(crate) struct Chores {
    /// Looks for what dead processes have left.
    sweeps: bool,
    /// Makes what an image of this limit is made from, for a job with this number.
    provides: Option<(DiskLimit, u32)>,
}

/// What is there.
#[derive(Debug)]
pub struct Ready {
    pub(super) state: PathBuf,
    pub(super) pool: Pool,
    /// Disks that are directories, where the first pool lies in a directory that jobs are shown.
    pub(super) outside: Option<Pool>,
    pub(super) masks: PathBuf,
    pub(super) layers: Layers,
    /// Forks since leftovers were looked for.
    forks: u32,
    /// What was not there for the last fork, and is still to be made.
    missing: Option<(DiskLimit, u32)>,
    /// What was made then, or could not be.
    provided: Option<(DiskLimit, u32)>,
}

impl Ready {
    /// Makes the places.
    pub(super) fn make(state: &Path) -> Result<Self, SandboxError> {
        let failed = |error| io_error(format!("make the state directory {}", state.display()), error);
        std::fs::create_dir_all(state).map_err(failed)?;
        let pool = Pool::at(&state.join("disks")).map_err(|error| SandboxError::Invalid(error.to_string()))?;
        let outside = match (mask::is_shown(state), Caller::own()) {
            (false, _) => None,
            (true, Caller::Root) => Some(outside_pool()?),
            (true, Caller::User) => {
                let text = format!(
                    "the state directory {} lies in a directory that jobs are shown; set XDG_DATA_HOME to one in your home",
                    state.display()
                );
                return Err(SandboxError::Invalid(text));
            }
        };
        let (state, masks) = (state.to_owned(), state.join("masks"));
        // Nobody has looked yet.
        let forks = FORKS;
        Ok(Self { state, pool, outside, masks, layers: Layers::default(), forks, missing: None, provided: None })
    }

    /// What a fork server has for the next process, which waits for it: nothing that may take long. What fails is left to that process,
    /// whose job hears of it.
    pub(crate) fn for_next(known: Option<Self>, wanted: &Wanted) -> Option<Self> {
        let known = known.filter(|known| known.state == wanted.state);
        let mut ready = known.or_else(|| Self::make(&wanted.state).ok())?;
        ready.forks = ready.forks.saturating_add(1);
        ready.layers.get_ready(&wanted.kind, &ready.masks);
        let disk = (wanted.limit, ids::job_of(wanted.kind.profile));
        ready.pool.offer(disk.0, disk.1);
        ready.missing = ready.pool.prepare(disk.0, disk.1).then_some(disk);
        Some(ready)
    }

    /// A process ended otherwise than it should have.
    pub(crate) fn expect_leftovers(&mut self) {
        self.forks = FORKS;
    }

    /// What may take long and nobody waits for, if there is any: it is for a helper.
    pub(crate) fn chores(&mut self) -> Option<Chores> {
        let sweeps = self.forks > FORKS;
        if sweeps {
            self.forks = 0;
        }
        let provides = self.missing.take().filter(|missing| self.provided != Some(*missing));
        self.provided = provides.or(self.provided);
        (sweeps || provides.is_some()).then_some(Chores { sweeps, provides })
    }

    /// Does them.
    pub(crate) fn help(&self, chores: &Chores) {
        if let Some((limit, job)) = chores.provides {
            self.pool.provide(limit, job);
        }
        if chores.sweeps {
            self.sweep();
        }
    }

    /// Gives back what dead processes have left.
    pub(super) fn sweep(&self) {
        Cgroups::of_this_machine().sweep();
        self.pool.sweep();
        self.outside.iter().for_each(Pool::sweep);
    }

    /// A process was forked.
    pub(crate) fn is_handed_over(&mut self) {
        self.layers.are_handed_over();
        self.pool.is_handed_over();
    }

    /// In the process that was forked: what it does not use any more goes back by this socket. The descriptors that it has of all this.
    pub(crate) fn is_of_job(&self, returns: OwnedFd) -> Vec<RawFd> {
        let mut fds = self.layers.fds();
        fds.extend(self.pool.is_of_job(returns));
        fds
    }

    /// The disks that jobs' processes share.
    pub(crate) fn disks(&self) -> &Pool {
        &self.pool
    }

    /// Whether a maker with these options can use it.
    pub(super) fn is_for(&self, options: &Options) -> bool {
        self.state == options.state
    }
}
