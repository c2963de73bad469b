//! Sandboxes of Linux namespaces: the default backend. The parent's side: everything that needs the caller's rights or may
//! take time (control group, disk, masks, spec) is made here, in threads; the zygote only forks.

mod apt;
mod begin;
mod environment;
mod etc;
mod ids;
mod kept;
mod layer;
mod layers;
mod link;
mod lists;
mod mask;
mod process;
mod ready;
mod receipt;
mod sandbox;
mod seen;
mod spare;
mod spec;
mod sudo;
mod terminal;
mod watch;

pub(crate) use environment::Caller as CallerVariables;
pub use environment::HostVariables;
pub use ids::one_id_only;
pub(crate) use ids::subordinate;
pub use kept::{Kept, kept, remove_kept};
pub(crate) use link::error_of;
pub(crate) use process::number_of;
pub use ready::{Ready, Wanted};
pub(crate) use receipt::machine;

use crate::cgroup::{Cgroups, Group};
use crate::channel::Message;
use crate::disk::{Disk, DiskLimit, Pool, round_down};
use crate::wire::{Protection, ToZygote};
use crate::zygote::Zygote;
use ::sandbox::{Backend, Expected, Limits, Network, Sandbox, SandboxError, SandboxSpec};
use async_trait::async_trait;
use egress::Policy;
use ids::Ranges;
use layers::Layers;
use link::io_error;
use mask::{Caller, Kind};
use seen::Seen;
use spare::{Fit, Hold};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How sandboxes are made on this machine.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where disks and layers lie; made when absent. [`Options::default_state`] is the usual place.
    pub state: PathBuf,
    /// What of the caller's environment is passed on.
    pub variables: HostVariables,
}

impl Options {
    /// `/var/lib/ekiden` for root, else `ekiden` in the user's data directory.
    #[must_use]
    pub fn default_state() -> PathBuf {
        // Root of a user namespace that an ordinary user made may not write there; nor may anybody on a read-only disk.
        let system = PathBuf::from("/var/lib/ekiden");
        if rustix::process::geteuid().is_root() && can_hold(&system) {
            return system;
        }
        let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || absolute("HOME").map(|home| home.join(".local/share"));
        absolute("XDG_DATA_HOME").or_else(home).unwrap_or_else(std::env::temp_dir).join("ekiden")
    }
}

/// Whether files can be made in a folder, or the folder itself where it is missing.
fn can_hold(folder: &Path) -> bool {
    let existing = folder.ancestors().find(|place| place.exists());
    let wanted = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    existing.is_some_and(|place| rustix::fs::access(place, wanted).is_ok())
}

/// Makes sandboxes of Linux namespaces. Shared by all jobs of a process.
#[derive(Debug, Clone)]
pub struct Namespaces {
    shared: Arc<Shared>,
    spares: Arc<Hold>,
}

/// What all sandboxes of a process share.
#[derive(Debug)]
struct Shared {
    zygote: Arc<Zygote>,
    messages: Arc<AtomicU64>,
    cgroups: Cgroups,
    pool: Pool,
    /// Disks that are directories, where the first pool lies in a directory that jobs are shown.
    outside: Option<Pool>,
    ranges: Arc<Ranges>,
    caller: Caller,
    environment: environment::Caller,
    masks: PathBuf,
    layers: Mutex<Layers>,
    serves: Serves,
    off: Vec<Protection>,
}

/// Whom a maker of sandboxes works for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Serves {
    /// Jobs that run at the same time: what takes time is done by other threads than theirs.
    Many,
    /// One job, whose process has nothing else to do, and no use for another thread.
    One,
}

impl Namespaces {
    /// Gets ready to make sandboxes; gives back what dead processes of earlier runs have left.
    ///
    /// # Errors
    /// When the state directory cannot be made.
    pub fn new(zygote: Zygote, options: &Options) -> Result<Self, SandboxError> {
        let ready = Ready::make(&options.state)?;
        ready.sweep();
        Ok(Self::of_ready(zygote, options, ready, Serves::Many))
    }

    /// The same in a process that a fork server forked for one job, and had something ready for it.
    ///
    /// # Errors
    /// As [`Namespaces::new`], where what was ready is for another state directory.
    pub fn with(zygote: Zygote, options: &Options, ready: Option<Ready>) -> Result<Self, SandboxError> {
        match ready {
            Some(ready) if ready.is_for(options) => Ok(Self::of_ready(zygote, options, ready, Serves::One)),
            _ => Self::new(zygote, options),
        }
    }

    fn of_ready(zygote: Zygote, options: &Options, ready: Ready, serves: Serves) -> Self {
        let Ready { state, pool, outside, masks, layers, .. } = ready;
        Self {
            shared: Arc::new(Shared {
                zygote: Arc::new(zygote),
                messages: Arc::new(AtomicU64::new(1)),
                cgroups: Cgroups::of_this_machine(),
                pool,
                outside,
                // Opened by each process: what is locked by a descriptor is locked for all that inherited it.
                ranges: Arc::new(Ranges::open(&[Path::new("/run/ekiden"), &state])),
                caller: Caller::own(),
                environment: environment::Caller::read(options.variables),
                masks,
                layers: Mutex::new(layers),
                serves,
                off: Vec::new(),
            }),
            spares: Arc::default(),
        }
    }

    /// The same with protections switched off, so that a test sees that their attacks then succeed. For tests alone.
    #[doc(hidden)]
    #[must_use]
    pub fn weakened(&self, off: Vec<Protection>) -> Self {
        let shared = &self.shared;
        Self {
            shared: Arc::new(Shared {
                zygote: shared.zygote.clone(),
                messages: shared.messages.clone(),
                cgroups: shared.cgroups.clone(),
                pool: shared.pool.clone(),
                outside: shared.outside.clone(),
                ranges: shared.ranges.clone(),
                caller: shared.caller,
                environment: shared.environment.clone(),
                masks: shared.masks.clone(),
                layers: Mutex::default(),
                serves: shared.serves,
                off,
            }),
            spares: Arc::default(),
        }
    }

    /// The control groups of the sandboxes that were made ahead and wait, once none is being made. For tests alone.
    #[doc(hidden)]
    #[must_use]
    pub fn made_ahead(&self) -> Vec<String> {
        self.spares.spares().waiting()
    }
}

/// An overlay's upper directory cannot lie in its lower one.
fn outside_pool() -> Result<Pool, SandboxError> {
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let home = home.unwrap_or_else(|| PathBuf::from("/root"));
    let folder = home.join(".local/share/ekiden/disks");
    let folder = if mask::is_shown(&folder) { PathBuf::from("/root/.local/share/ekiden/disks") } else { folder };
    Pool::at(&folder).map_err(|error| SandboxError::Invalid(error.to_string()))
}

/// The usual limits: 40 % of the memory that is available, 25 % of the disk that is free where `state` lies, 4,096 processes.
#[must_use]
pub fn default_limits(state: &Path) -> Limits {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    Limits {
        memory: available.map(|kib| kib * 1024 / 10 * 4),
        processes: Some(4096),
        cpu_millis: None,
        disk: free_disk(state).map(|bytes| round_down(bytes / 4)),
        inodes: None,
    }
}

/// Free bytes of the file system that a directory lies in, or will.
fn free_disk(place: &Path) -> Option<u64> {
    let stat = place.ancestors().find_map(|place| rustix::fs::statvfs(place).ok())?;
    Some(stat.f_bavail * stat.f_frsize)
}

fn disk_limit(limits: &Limits, place: &Path) -> DiskLimit {
    // Without a limit: what the host has.
    let bytes = limits.disk.or_else(|| free_disk(place).map(round_down)).unwrap_or(1 << 30);
    DiskLimit::new(bytes, limits.inodes)
}

#[async_trait]
impl Backend for Namespaces {
    fn name(&self) -> &'static str {
        "namespaces"
    }

    fn expect(&self, expected: &Expected, count: usize) {
        let env = self.shared.environment.variables(&[], true);
        // What is wrong with it, the job that asks will hear.
        if let Ok((fit, _)) = self.shared.fit(expected, &env) {
            self.spares.spares().expect(&self.shared, fit, count);
        }
    }

    async fn prepare(&self, spec: SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        Ok(Box::new(self.prepare_over(spec, None).await?))
    }
}

/// What a sandbox holds outside; dropping it gives everything back.
#[derive(Debug)]
struct Held {
    shared: Arc<Shared>,
    name: String,
    group: Option<Group>,
    disk: Option<Disk>,
}

impl Shared {
    /// Does what takes time.
    async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Arc<Self>) -> T + Send + 'static,
    ) -> Result<T, SandboxError> {
        match self.serves {
            Serves::One => Ok(work(self)),
            Serves::Many => {
                let shared = self.clone();
                let done = tokio::task::spawn_blocking(move || work(&shared)).await;
                done.map_err(|error| SandboxError::Invalid(error.to_string()))
            }
        }
    }

    /// What a sandbox needs that can be made before its job is known; and the policy of its way out, if it has one.
    fn fit(&self, expected: &Expected, env: &[(String, String)]) -> Result<(Fit, Option<Policy>), SandboxError> {
        let (allow, policy) = match &expected.network {
            Network::Outbound { allow } => {
                let allow: Vec<String> = allow.iter().cloned().chain(environment::proxies(env)).collect();
                let policy = Policy::new(&allow).map_err(|error| SandboxError::Invalid(error.to_string()))?;
                (allow, Some(policy))
            }
            Network::None | Network::Host => (Vec::new(), None),
        };
        let kind = spec::mask_kind(expected, self.caller, &self.off);
        Ok((Fit { kind, allow, limits: expected.limits.clone(), off: self.off.clone() }, policy))
    }

    fn disk(&self, limit: DiskLimit, name: &str, job: u32) -> Result<Disk, SandboxError> {
        let failed = |error: crate::disk::DiskError| SandboxError::Unsupported(error.to_string());
        match (self.pool.take(limit, name, job).map_err(failed)?, &self.outside) {
            (Disk::Directory(directory, reason), Some(outside)) => {
                self.pool.give_back(Disk::Directory(directory, reason)).map_err(failed)?;
                outside.take(limit, name, job).map_err(failed)
            }
            (disk, _) => Ok(disk),
        }
    }

    /// Sends the zygote a message.
    fn tell(&self, message: &ToZygote, fds: Vec<OwnedFd>) -> Result<(), SandboxError> {
        let number = self.messages.fetch_add(1, Ordering::Relaxed);
        Message::new(number, message, fds)
            .and_then(|message| message.send(self.zygote.socket()))
            .map_err(|error| io_error("reach the zygote, which has ended", error))
    }

    /// The layer of a kind, and what it was made from.
    fn mask(&self, kind: &Kind) -> Result<(Seen, layer::Made), SandboxError> {
        let mut known = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = known.take(kind, &self.masks);
        taken.map_err(|error| io_error(format!("make a layer in {}", self.masks.display()), error))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);
        let mut clean = true;
        if let Some(group) = self.group.take() {
            clean &= group.kill(PATIENCE).and_then(|()| group.remove()).is_ok();
        }
        if let Some(disk) = self.disk.take() {
            clean &= self.shared.pool.give_back(disk).is_ok();
        }
        if clean {
            let _ = self.shared.tell(&ToZygote::Forget { name: std::mem::take(&mut self.name) }, Vec::new());
        }
    }
}
