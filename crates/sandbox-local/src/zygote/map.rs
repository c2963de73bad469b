//! Writing the id maps of new user namespaces, and user namespaces that only hold a map (for mapped mounts).

use crate::sys::{self, Forked, MountChange};
use crate::wire::{Fault, IdMap, Owners};
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

/// Maps the owners of detached mounts. Keeps the user namespaces that it needed for the next time.
#[derive(Debug, Default)]
pub(super) struct Mapper {
    /// By owner on the file system and owner outside.
    known: HashMap<[u32; 4], OwnedFd>,
}

impl Mapper {
    /// Maps one mount for the sandbox whose init is `pid`.
    pub(super) fn map(
        &mut self,
        mount: BorrowedFd<'_>,
        owners: Owners,
        own: BorrowedFd<'_>,
        job: (u32, u32),
    ) -> Result<(), Fault> {
        let failed = |error: io::Error| {
            let why =
                "the file system below does not support mapped mounts; ext4, xfs, btrfs do, tmpfs from Linux 6.3 on";
            Fault::Invalid(format!("could not map the owners of a mount: {error} ({why})"))
        };
        match owners {
            Owners::Sandbox => sys::mount_setattr(mount, MountChange::Mapped(own)).map_err(failed),
            Owners::Job { uid, gid } => {
                let key = [uid, gid, job.0, job.1];
                // Slots are used again, so this stays small.
                if self.known.len() > 256 {
                    self.known.clear();
                }
                let failed_namespace = |error| Fault::system("make a user namespace for a mapped mount", error);
                let known = match self.known.entry(key) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => new.insert(namespace(key).map_err(failed_namespace)?),
                };
                sys::mount_setattr(mount, MountChange::Mapped(known.as_fd())).map_err(failed)
            }
        }
    }
}

/// The user namespace of a process.
pub(super) fn of(pid: Pid) -> io::Result<OwnedFd> {
    use rustix::fs::{Mode, OFlags};
    Ok(rustix::fs::open(
        format!("/proc/{}/ns/user", pid.as_raw_nonzero()),
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

/// A user namespace that maps one user and one group.
fn namespace([uid, gid, outside_uid, outside_gid]: [u32; 4]) -> io::Result<OwnedFd> {
    let (hold, held) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    match sys::clone_into(sys::NEWUSER, None)? {
        Forked::Child => {
            drop(held);
            // Lives until the zygote closes its end.
            let _ = rustix::io::read(&hold, &mut [0; 1]);
            sys::exit_now(0)
        }
        Forked::Parent(pid) => {
            let made = fs::write(format!("/proc/{}/uid_map", pid.as_raw_nonzero()), format!("{uid} {outside_uid} 1"))
                .and_then(|()| {
                    fs::write(format!("/proc/{}/gid_map", pid.as_raw_nonzero()), format!("{gid} {outside_gid} 1"))
                })
                .and_then(|()| of(pid));
            drop(held);
            waitpid(Some(pid), WaitOptions::empty())?;
            made
        }
    }
}
