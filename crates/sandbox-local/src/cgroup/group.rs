//! One sandbox's groups: made with limits, joined, read, ended, removed. Called by whoever makes sandboxes; see the module.

use super::detect::{Cgroups, LIMITING};
use super::usage::{Usage, keyed, number};
use domain::{Enforcement, Isolation, LimitReached};
use rustix::fs::{Mode, OFlags};
use sandbox::Limits;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A group could not be made, joined, ended or removed.
#[derive(Debug, thiserror::Error)]
#[error("control group: could not {what} {path}: {source}")]
pub struct CgroupError {
    what: &'static str,
    path: String,
    #[source]
    source: io::Error,
}

impl CgroupError {
    fn new(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self { what, path: path.display().to_string(), source }
    }
}

/// The groups of one sandbox in every hierarchy. Dropping it leaves them: [`Group::remove`] removes.
#[derive(Debug)]
pub struct Group {
    name: String,
    v2: Option<PathBuf>,
    v2_fd: Option<OwnedFd>,
    v1: BTreeMap<&'static str, PathBuf>,
    limits: Limits,
    isolation: Vec<Isolation>,
}

impl Group {
    pub(super) fn create(cgroups: &Cgroups, name: &str, limits: &Limits) -> Result<Self, CgroupError> {
        let mut group = Self::named(cgroups, format!("{}{name}", cgroups.owner), |controller| match controller {
            "cpu" => limits.cpu_millis.is_some(),
            _ => true,
        });
        group.limits = limits.clone();
        let made = group.make(cgroups);
        if let Err(error) = made {
            let _ = group.remove();
            return Err(error);
        }
        Ok(group)
    }

    pub(super) fn adopt(cgroups: &Cgroups, name: &str) -> Self {
        Self::named(cgroups, name.to_owned(), |_| true)
    }

    fn named(cgroups: &Cgroups, name: String, wanted: impl Fn(&str) -> bool) -> Self {
        let v2 = cgroups.v2.as_ref().map(|v2| v2.parent.join(&name));
        let v1 = cgroups
            .v1
            .iter()
            .filter(|(controller, _)| wanted(controller))
            .map(|(controller, parent)| (*controller, parent.join(&name)))
            .collect();
        let limits = Limits { memory: None, processes: None, cpu_millis: None, disk: None, inodes: None };
        Self { name, v2, v2_fd: None, v1, limits, isolation: Vec::new() }
    }

    fn make(&mut self, cgroups: &Cgroups) -> Result<(), CgroupError> {
        for place in self.places() {
            match rustix::fs::mkdir(place, Mode::from_raw_mode(0o755)) {
                // Hierarchies that are mounted together (`cpu,cpuacct`) share the directory.
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(CgroupError::new("make", place, error.into())),
            }
        }
        if let Some(place) = &self.v2 {
            let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
            let fd = rustix::fs::open(place, flags, Mode::empty())
                .map_err(|error| CgroupError::new("open", place, error.into()))?;
            self.v2_fd = Some(fd);
        }
        self.isolation = LIMITING.into_iter().map(|controller| self.limit(cgroups, controller)).collect();
        self.isolation.push(self.ending());
        Ok(())
    }

    /// Sets the limit of one controller and says whether it holds.
    fn limit(&self, cgroups: &Cgroups, controller: &'static str) -> Isolation {
        let (name, value) = match controller {
            "memory" => ("memory limit", self.limits.memory),
            "pids" => ("process limit", self.limits.processes),
            _ => ("cpu limit", self.limits.cpu_millis),
        };
        let off = |reason: String| Isolation { name: name.to_owned(), enforcement: Enforcement::Off { reason } };
        let Some(value) = value else { return off("none was asked for".to_owned()) };
        let in_v2 = cgroups.v2.as_ref().is_some_and(|v2| v2.controllers.contains(&controller));
        let place = if in_v2 { self.v2.as_ref() } else { self.v1.get(controller) };
        let Some(place) = place else {
            return off(cgroups
                .missing
                .get(controller)
                .cloned()
                .unwrap_or_else(|| format!("this host has no `{controller}` controller")));
        };
        let set = |file: &str, text: String| {
            std::fs::write(place.join(file), text).map_err(|error| format!("{}/{file}: {error}", place.display()))
        };
        let mut value_text = match controller {
            "memory" => bytes_text(value),
            "pids" => value.to_string(),
            _ => format!("{}.{:03} processors", value / 1000, value % 1000),
        };
        let done = match (controller, in_v2) {
            ("memory", true) => set("memory.max", value.to_string()).map(|()| {
                // Absent without swap accounting; then there is nothing to limit.
                if place.join("memory.swap.max").exists() && set("memory.swap.max", "0".to_owned()).is_err() {
                    value_text.push_str(", swap not counted");
                }
            }),
            ("memory", false) => set("memory.limit_in_bytes", value.to_string()).map(|()| {
                // The one counts memory and swap; without swap accounting, at least nothing of the job is swapped willingly.
                if set("memory.memsw.limit_in_bytes", value.to_string()).is_err() {
                    let _ = set("memory.swappiness", "0".to_owned());
                    if host_has_swap() {
                        value_text.push_str(", swap not counted (boot with swapaccount=1)");
                    }
                }
            }),
            ("pids", _) => set("pids.max", value.to_string()),
            (_, true) => set("cpu.max", format!("{} 100000", value.saturating_mul(100).max(1000))),
            (_, false) => set("cpu.cfs_period_us", "100000".to_owned())
                .and_then(|()| set("cpu.cfs_quota_us", value.saturating_mul(100).max(1000).to_string())),
        };
        match done {
            Ok(()) => Isolation { name: name.to_owned(), enforcement: Enforcement::On { value: value_text } },
            Err(reason) => off(reason),
        }
    }

    fn ending(&self) -> Isolation {
        let how = if self.v2.is_some() {
            Some("cgroup.kill")
        } else if self.v1.is_empty() {
            None
        } else {
            Some("by each process")
        };
        let enforcement = match how {
            Some(value) => Enforcement::On { value: value.to_owned() },
            None => Enforcement::Off {
                reason: "no control group can be made here; the end of the pid namespace ends the job's processes"
                    .to_owned(),
            },
        };
        Isolation { name: "control group".to_owned(), enforcement }
    }

    fn places(&self) -> impl Iterator<Item = &Path> {
        self.v2.iter().chain(self.v1.values()).map(PathBuf::as_path)
    }

    /// The name to [adopt](Cgroups::adopt) it by in another process.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The v2 directory for `CLONE_INTO_CGROUP`, when there is one.
    #[must_use]
    pub fn clone_into(&self) -> Option<BorrowedFd<'_>> {
        self.v2_fd.as_ref().map(AsFd::as_fd)
    }

    /// Puts a process (a pid as the caller sees it) into the v1 groups, and with `cloned_into` false into the v2 group too.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn attach(&self, pid: u32, cloned_into: bool) -> Result<(), CgroupError> {
        let v2 = self.v2.as_ref().filter(|_| !cloned_into);
        for place in v2.into_iter().chain(self.v1.values()) {
            // An adopted group does not know whether it has a cpu limit; without one its directory was not made.
            if self.v1.get("cpu") == Some(place) && !place.exists() {
                continue;
            }
            std::fs::write(place.join("cgroup.procs"), pid.to_string())
                .map_err(|error| CgroupError::new("move the sandbox into", place, error))?;
        }
        Ok(())
    }

    /// Files that a process of one thread enters all the groups by: it writes `0` to each, itself, before it does anything else.
    ///
    /// # Errors
    /// When a group is gone.
    pub fn entrances(&self) -> Result<Vec<OwnedFd>, CgroupError> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        // A thread that moves itself waits for nobody. By `cgroup.procs` it would be its whole process that moves, for which the kernel
        // stops every fork and exit of the machine and waits for all processors.
        let v2 = self.v2.iter().map(|place| place.join("cgroup.procs"));
        v2.chain(self.v1.values().map(|place| place.join("tasks")))
            .map(|file| {
                rustix::fs::open(&file, flags, Mode::empty())
                    .map_err(|error| CgroupError::new("open", &file, error.into()))
            })
            .collect()
    }

    /// [`Group::entrances`] of the v1 hierarchies alone, for a process that was cloned into the v2 group.
    ///
    /// # Errors
    /// When a group is gone.
    pub fn v1_entrances(&self) -> Result<Vec<OwnedFd>, CgroupError> {
        let entrances = self.entrances()?;
        Ok(entrances.into_iter().skip(self.v2.iter().count()).collect())
    }

    /// Which limits hold, and why those that do not hold do not.
    #[must_use]
    pub fn isolation(&self) -> &[Isolation] {
        &self.isolation
    }

    fn in_v2(&self, file: &str) -> Option<PathBuf> {
        self.v2.as_ref().map(|place| place.join(file)).filter(|file| file.exists())
    }

    /// What was used so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let v1 = |controller: &str, file: &str| self.v1.get(controller).map(|place| place.join(file));
        let memory_peak = self.in_v2("memory.peak").or_else(|| v1("memory", "memory.max_usage_in_bytes"));
        let cpu = self.in_v2("cpu.stat").and_then(|file| keyed(&file, "usage_usec"));
        let counters = self.counters();
        Usage { peak_memory: memory_peak.and_then(|file| number(&file)), cpu_micros: cpu, ..counters }
    }

    /// Only the counters of limits, the cheap part of [`Group::usage`].
    #[must_use]
    pub fn counters(&self) -> Usage {
        let memory_kills = match self.v1.get("memory") {
            Some(place) => keyed(&place.join("memory.oom_control"), "oom_kill"),
            None => self.v2.as_ref().and_then(|place| keyed(&place.join("memory.events"), "oom_kill")),
        };
        let pids = self.v1.get("pids").or(self.v2.as_ref());
        let refused_forks = pids.and_then(|place| keyed(&place.join("pids.events"), "max"));
        Usage { memory_kills: memory_kills.unwrap_or(0), refused_forks: refused_forks.unwrap_or(0), ..Usage::default() }
    }

    /// The limit that was run into since the earlier reading (`Usage::default()`: since the start), memory before processes.
    #[must_use]
    pub fn limit_reached(&self, since: &Usage) -> Option<LimitReached> {
        let now = self.counters();
        match (self.limits.memory, self.limits.processes) {
            (Some(bytes), _) if now.memory_kills > since.memory_kills => Some(LimitReached::Memory { bytes }),
            (_, Some(count)) if now.refused_forks > since.refused_forks => Some(LimitReached::Processes { count }),
            _ => None,
        }
    }

    /// Stops every process where it stands. Without v2 and without a v1 freezer it does nothing.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn freeze(&self) -> Result<(), CgroupError> {
        self.set_frozen("1", "FROZEN")
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn thaw(&self) -> Result<(), CgroupError> {
        self.set_frozen("0", "THAWED")
    }

    fn set_frozen(&self, v2: &str, v1: &str) -> Result<(), CgroupError> {
        let (place, text) = match (&self.v2, self.v1.get("freezer")) {
            (Some(place), _) => (place.join("cgroup.freeze"), v2),
            (None, Some(place)) => (place.join("freezer.state"), v1),
            (None, None) => return Ok(()),
        };
        std::fs::write(&place, text).map_err(|error| CgroupError::new("write", &place, error))
    }

    /// Kills until the group is empty; that it is empty is the proof.
    ///
    /// # Errors
    /// When something is still alive after `patience`.
    pub fn kill(&self, patience: Duration) -> Result<(), CgroupError> {
        super::end::kill(self.v2.as_deref(), &self.v1, patience)
            .map_err(|(place, error)| CgroupError::new("empty", &place, error))
    }

    /// Removes the groups, which must be empty; a process that was on its way into them when they were emptied is killed too. Absent ones
    /// are no error.
    ///
    /// # Errors
    /// When one is still busy after a second.
    pub fn remove(&self) -> Result<(), CgroupError> {
        let stop = Instant::now() + Duration::from_secs(1);
        for place in self.places() {
            loop {
                match rustix::fs::rmdir(place) {
                    Ok(()) | Err(rustix::io::Errno::NOENT) => break,
                    Err(rustix::io::Errno::BUSY) if Instant::now() < stop => {
                        super::end::pause();
                        self.kill(stop.saturating_duration_since(Instant::now()))?;
                    }
                    Err(error) => return Err(CgroupError::new("remove", place, error.into())),
                }
            }
        }
        Ok(())
    }
}

fn host_has_swap() -> bool {
    std::fs::read_to_string("/proc/swaps").is_ok_and(|text| text.lines().count() > 1)
}

fn bytes_text(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => format!("{}.{} {unit}", bytes / size, bytes % size * 10 / size),
        None => format!("{bytes} B"),
    }
}
