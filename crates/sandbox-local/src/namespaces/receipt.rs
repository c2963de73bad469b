//! What a sandbox was and used, for its receipt.

use super::ids::Ids;
use super::mask::Caller;
use super::watch::Watched;
use crate::cgroup::{Group, Usage};
use crate::disk::Disk;
use domain::{Enforcement, Isolation, LimitReached, Receipt};
use sandbox::{Network, Profile, Root, SandboxSpec};
use std::time::Duration;

/// Everything that is known when a sandbox stands.
#[derive(Debug)]
pub(super) struct Facts {
    profile: &'static str,
    network: &'static str,
    root: String,
    isolation: Vec<Isolation>,
    start: Duration,
}

/// What is known when it has ended.
#[derive(Debug, Default)]
pub(super) struct Used {
    pub(super) usage: Usage,
    pub(super) limit_reached: Option<LimitReached>,
    pub(super) kept: Option<String>,
}

fn on(name: &str, value: impl Into<String>) -> Isolation {
    Isolation { name: name.to_owned(), enforcement: Enforcement::On { value: value.into() } }
}

fn off(name: &str, reason: impl Into<String>) -> Isolation {
    Isolation { name: name.to_owned(), enforcement: Enforcement::Off { reason: reason.into() } }
}

impl Facts {
    pub(super) fn new(
        spec: &SandboxSpec,
        caller: Caller,
        ids: &Ids,
        inside: &[(String, Option<String>)],
        group: Option<&Group>,
        disk: Option<&Disk>,
        start: Duration,
    ) -> Self {
        let alone = if spec.profile == Profile::Root { super::one_id_only() } else { None };
        let mut isolation = vec![
            match alone {
                None => on("user namespace", ids.described()),
                Some(reason) => {
                    let lost = "the job is root without other ids, so su, useradd -m, chown and apt-get fail";
                    off("ids for --profile root", format!("{lost}: {reason}"))
                }
            },
            on("mount namespace", "root read-only below a throw-away layer"),
            on("process namespace", ""),
            on("ipc, host name and control group namespaces", ""),
        ];
        isolation.push(match &spec.network {
            Network::Outbound { .. } => on("network namespace", "connections are carried out from outside"),
            Network::None => on("network namespace", "loopback only"),
            Network::Host => off("network namespace", "the job was given the host's network"),
        });
        isolation.push(match spec.profile {
            Profile::Hardened => on("capabilities", "none"),
            Profile::Root => on("capabilities", "those of root over its own ids"),
        });
        if caller == Caller::User && spec.profile == Profile::Hardened {
            isolation.push(on(
                "own files of the caller",
                "hidden by the mount namespace alone: the job has the caller's id",
            ));
        }
        isolation.extend(inside.iter().map(|(name, reason)| match reason {
            None => on(name, ""),
            Some(reason) => off(name, reason.clone()),
        }));
        let watched = Watched::of(&spec.limits, group);
        isolation.extend(group.iter().flat_map(|group| group.isolation()).map(|told| watched.told(told)));
        isolation.extend(disk.map(Disk::isolation));
        Self {
            profile: match spec.profile {
                Profile::Hardened => "hardened",
                Profile::Root => "root",
            },
            network: match spec.network {
                Network::Outbound { .. } => "outbound",
                Network::None => "none",
                Network::Host => "host",
            },
            root: match &spec.root {
                Root::Host => "host".to_owned(),
                Root::Dir(path) => path.display().to_string(),
            },
            isolation,
            start,
        }
    }

    pub(super) fn receipt(&self, used: Used) -> Receipt {
        Receipt {
            backend: "namespaces".to_owned(),
            profile: self.profile.to_owned(),
            network: self.network.to_owned(),
            root: self.root.clone(),
            machine: machine(),
            isolation: self.isolation.clone(),
            start_micros: u64::try_from(self.start.as_micros()).unwrap_or(u64::MAX),
            peak_memory: used.usage.peak_memory,
            cpu_micros: used.usage.cpu_micros,
            refused: Vec::new(),
            limit_reached: used.limit_reached,
            kept: used.kept,
        }
    }
}

/// The machine's name.
pub(crate) fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
