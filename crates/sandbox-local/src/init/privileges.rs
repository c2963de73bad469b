//! The network of a sandbox, and how its init gives up everything that it does not need. Since the init is bound before it
//! starts anything, so is every command of the job, at no cost of its own.

use crate::landlock::Ruleset;
use crate::netns::{self, Way};
use crate::seccomp::Filters;
use crate::wire::{Fault, Frame, Identity, Net, Profile, Protection};
use domain::Enforcement;
use egress::Policy;
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets};
use std::os::fd::OwnedFd;
use std::path::Path;

/// What root of its own range may do (`isolation` 8.1, profile `root`).
const ROOT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::AUDIT_WRITE);
/// More than any kernel has.
const CAPABILITIES: u32 = 64;
/// Soft limit on open files, as on the servers' machines.
const OPEN_FILES: u64 = 65_536;

/// Brings the network up; gives the sockets that the parent serves.
pub(super) fn network(frame: &Frame) -> Result<Vec<OwnedFd>, Fault> {
    let way = match frame.network {
        Net::Host => return Ok(Vec::new()),
        Net::Loopback => Way::LoopbackOnly,
        Net::Relayed => Way::Relayed,
    };
    let policy = Policy::new(&frame.allow).map_err(|error| Fault::Invalid(error.to_string()))?;
    let sockets = netns::set_up_for(way, &policy).map_err(|error| Fault::Invalid(error.to_string()))?;
    Ok(sockets
        .map(|sockets| {
            [Some(sockets.tcp4), Some(sockets.udp4), sockets.tcp6, sockets.udp6].into_iter().flatten().collect()
        })
        .unwrap_or_default())
}

/// Gives up what no sandbox needs and building does not use: the host's name, resources, the way back to more capabilities.
pub(super) fn lower(frame: &Frame) -> Result<(), Fault> {
    let failed = |what: &'static str| move |error: rustix::io::Errno| Fault::system(what, error);
    rustix::system::sethostname(frame.host_name.as_bytes()).map_err(failed("name the sandbox's host"))?;
    limits();
    if !frame.off.contains(&Protection::Capabilities) {
        bounding(frame.profile);
        if frame.profile == Profile::Hardened {
            let bits = CapabilitiesSecureBits::NO_ROOT
                | CapabilitiesSecureBits::NO_ROOT_LOCKED
                | CapabilitiesSecureBits::NO_SETUID_FIXUP
                | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
                | CapabilitiesSecureBits::KEEP_CAPS_LOCKED;
            rustix::thread::set_capabilities_secure_bits(bits).map_err(failed("lock the capabilities of the job"))?;
        }
    }
    Ok(())
}

/// Gives up everything else that is not needed, for ever. Gives each protection, and why it is off when it is.
pub(super) fn settle(frame: &Frame, filters: &Filters) -> Result<Vec<(String, Option<String>)>, Fault> {
    let failed = |what: &'static str| move |error: rustix::io::Errno| Fault::system(what, error);
    let on = |protection| !frame.off.contains(&protection);
    become_job(frame.job).map_err(failed("become the job's user"))?;
    if on(Protection::Capabilities) {
        let kept = match frame.profile {
            Profile::Hardened => CapabilitySet::empty(),
            Profile::Root => ROOT,
        };
        let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
        rustix::thread::set_capabilities(None, sets).map_err(failed("drop the capabilities of the job"))?;
    }
    // The change of ids has hidden it already, unless the system says otherwise (fs.suid_dumpable).
    let dumpable = if on(Protection::Undumpable) { DumpableBehavior::NotDumpable } else { DumpableBehavior::Dumpable };
    rustix::process::set_dumpable_behavior(dumpable).map_err(failed("hide the init"))?;
    // A change of ids has cleared it.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed("follow the zygote"))?;
    rustix::thread::set_no_new_privs(true).map_err(failed("forbid new privileges"))?;
    let mut shown = vec![("no new privileges".to_owned(), None)];
    if on(Protection::Landlock) {
        let writable: Vec<&Path> = frame.writable.iter().map(std::path::PathBuf::as_path).collect();
        let told = Ruleset::prepare(&writable)
            .and_then(|ruleset| ruleset.restrict())
            .map_err(|error| Fault::Invalid(error.to_string()))?;
        let off = match told.enforcement {
            Enforcement::Off { reason } => Some(reason),
            Enforcement::On { .. } | Enforcement::Soft { .. } => None,
        };
        shown.push((told.name, off));
    }
    if on(Protection::Seccomp) {
        let profile = match frame.profile {
            Profile::Hardened => sandbox::Profile::Hardened,
            Profile::Root => sandbox::Profile::Root,
        };
        filters.load(profile).map_err(|error| Fault::Invalid(error.to_string()))?;
        shown.push(("seccomp".to_owned(), None));
    }
    Ok(shown)
}

/// No core files, and as many open files as the servers give. Raising a hard limit would need a capability; it is left.
fn limits() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(Resource::Core, none);
    let now = rustix::process::getrlimit(Resource::Nofile);
    let current = now.maximum.map_or(OPEN_FILES, |maximum| maximum.min(OPEN_FILES));
    let _ = rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: now.maximum });
}

fn bounding(profile: Profile) {
    let kept = match profile {
        Profile::Hardened => CapabilitySet::empty(),
        Profile::Root => ROOT,
    };
    for bit in 0..CAPABILITIES {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        // The first number that the kernel does not know ends the list.
        if !kept.contains(capability)
            && rustix::thread::remove_capability_from_bounding_set(capability) == Err(rustix::io::Errno::INVAL)
        {
            return;
        }
    }
}

fn become_job(job: Identity) -> Result<(), rustix::io::Errno> {
    let (uid, gid) = (rustix::fs::Uid::from_raw(job.uid), rustix::fs::Gid::from_raw(job.gid));
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    rustix::thread::set_thread_res_uid(uid, uid, uid)?;
    Ok(())
}
