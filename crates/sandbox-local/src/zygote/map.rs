//! Writing the id maps of new user namespaces, and user namespaces that only hold a map (for mapped mounts).

use crate::sys::{self, MountChange};
use crate::wire::{Fault, IdMap, Identity, Owners};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, WaitOptions, waitpid};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Command;

/// Writes the map of a new process's user namespace.
pub(crate) fn write(pid: Pid, map: &IdMap) -> Result<(), Fault> {
    let pid = pid.as_raw_nonzero();
    let put = |file: &str, text: String| {
        fs::write(format!("/proc/{pid}/{file}"), text)
            .map_err(|error| Fault::system(format!("write the {file} of the sandbox's user namespace"), error))
    };
    // Where memory runs out, the job's processes go before the host's; raising it needs no right.
    put("oom_score_adj", "500".to_owned())?;
    match map {
        IdMap::Range { base, count } => {
            put("uid_map", format!("0 {base} {count}"))?;
            put("gid_map", format!("0 {base} {count}"))
        }
        IdMap::Own { inside, uid, gid } => {
            put("setgroups", "deny".to_owned())?;
            put("uid_map", format!("{inside} {uid} 1"))?;
            put("gid_map", format!("{inside} {gid} 1"))
        }
        IdMap::Helped { uid, gid, users, groups } => {
            helped("newuidmap", pid.get(), *uid, *users)?;
            helped("newgidmap", pid.get(), *gid, *groups)
        }
    }
}

fn helped(program: &str, pid: i32, own: u32, (first, count): (u32, u32)) -> Result<(), Fault> {
    let numbers = [pid.unsigned_abs(), 0, own, 1, 1, first, count].map(|number| number.to_string());
    let output =
        Command::new(program).args(numbers).output().map_err(|error| Fault::system(format!("run {program}"), error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Fault::Invalid(format!("{program} refused the id range of the sandbox: {}", said.trim())))
}

/// Whose ids a mount is to be mapped to.
pub(super) struct Ids<'a> {
    /// The sandbox's user namespace.
    pub(super) own: BorrowedFd<'a>,
    pub(super) map: &'a IdMap,
    pub(super) job: Identity,
}

impl Ids<'_> {
    /// The maps of users and groups for a mount; `None`: those of the sandbox.
    fn of(&self, owners: Owners) -> Option<[String; 2]> {
        match owners {
            Owners::Sandbox => None,
            Owners::Host => {
                let IdMap::Range { base, count } = *self.map else { return None };
                Some([self.job.uid, self.job.gid].map(|job| {
                    let after = job + 1;
                    let rest = format!("{after} {} {}\n", base + after, count.saturating_sub(after));
                    if job == 0 { rest } else { format!("0 {base} {job}\n{rest}") }
                }))
            }
            Owners::Job { uid, gid } => {
                let (outside_uid, outside_gid) = self.map.outside(self.job);
                Some([format!("{uid} {outside_uid} 1"), format!("{gid} {outside_gid} 1")])
            }
        }
    }
}

/// Maps the owners of detached mounts. Keeps the user namespaces that it needed for the next time.
#[derive(Debug, Default)]
pub(super) struct Mapper {
    /// By their maps.
    known: HashMap<[String; 2], OwnedFd>,
    /// For the first map that is asked for.
    blank: Option<Blank>,
}

impl Mapper {
    /// Makes ahead what the first sandbox would have to wait for; most zygotes have one alone. Where that cannot be had, who needs it will tell.
    pub(super) fn get_ready(&mut self) {
        if self.known.is_empty() && self.blank.is_none() && rustix::process::geteuid().is_root() {
            self.blank = Blank::make().ok();
        }
    }

    /// Maps one mount for a sandbox.
    pub(super) fn map(&mut self, mount: BorrowedFd<'_>, owners: Owners, ids: &Ids<'_>) -> Result<(), Fault> {
        let failed = |error: io::Error| {
            let why =
                "the file system below does not support mapped mounts; ext4, xfs, btrfs do, tmpfs from Linux 6.3 on";
            Fault::Invalid(format!("could not map the owners of a mount: {error} ({why})"))
        };
        let Some(maps) = ids.of(owners) else {
            return sys::mount_setattr(mount, MountChange::Mapped(ids.own)).map_err(failed);
        };
        // Slots are used again, so this stays small.
        if self.known.len() > 256 {
            self.known.clear();
        }
        let known = match self.known.entry(maps) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let made = self.blank.take().map_or_else(Blank::make, Ok).and_then(|blank| blank.write(new.key()));
                new.insert(made.map_err(|error| Fault::system("make a user namespace for a mapped mount", error))?)
            }
        };
        sys::mount_setattr(mount, MountChange::Mapped(known.as_fd())).map_err(failed)
    }
}

/// The user namespace of a process.
pub(super) fn of(pid: Pid) -> io::Result<OwnedFd> {
    open(pid, "ns/user", OFlags::RDONLY)
}

fn open(pid: Pid, file: &str, flags: OFlags) -> io::Result<OwnedFd> {
    let path = format!("/proc/{}/{file}", pid.as_raw_nonzero());
    Ok(rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty())?)
}

/// A user namespace without processes, whose maps are not written yet. Making it takes twenty times as long as writing them.
#[derive(Debug)]
struct Blank {
    namespace: OwnedFd,
    users: OwnedFd,
    groups: OwnedFd,
}

impl Blank {
    fn make() -> io::Result<Self> {
        let pid = sys::spawn_in_user_namespace()?;
        let made = (|| {
            let (users, groups) = (open(pid, "uid_map", OFlags::WRONLY)?, open(pid, "gid_map", OFlags::WRONLY)?);
            Ok(Self { namespace: of(pid)?, users, groups })
        })();
        waitpid(Some(pid), WaitOptions::empty())?;
        made
    }

    fn write(self, [users, groups]: &[String; 2]) -> io::Result<OwnedFd> {
        rustix::io::write(&self.users, users.as_bytes())?;
        rustix::io::write(&self.groups, groups.as_bytes())?;
        Ok(self.namespace)
    }
}
