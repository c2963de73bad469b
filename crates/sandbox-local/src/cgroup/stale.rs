//! Whose group is it, and does that process still live? Called by `Cgroups::detect` and `Cgroups::sweep`.

use super::Cgroups;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Begins the name of each of our groups.
pub(super) const PREFIX: &str = "ekiden-";

/// `ekiden-<pid namespace>.<pid>.<start time>.`: a pid alone is used again, and means nothing in another pid namespace.
pub(super) fn own_name(proc_root: &Path) -> String {
    let pid = std::process::id();
    let namespace = pid_namespace(proc_root).unwrap_or_default();
    let start = start_time(proc_root, pid).unwrap_or_default();
    format!("{PREFIX}{namespace}.{pid}.{start}.")
}

fn pid_namespace(proc_root: &Path) -> Option<u64> {
    std::fs::metadata(proc_root.join("self/ns/pid")).ok().map(|meta| meta.ino())
}

/// Field 22 of `/proc/PID/stat`, in clock ticks since boot.
fn start_time(proc_root: &Path, pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(proc_root.join(pid.to_string()).join("stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Whether the group of this name belongs to a process of our pid namespace that is gone.
fn is_stale(name: &str, proc_root: &Path) -> bool {
    let Some(owner) = name.strip_prefix(PREFIX) else { return false };
    let mut parts = owner.splitn(4, '.');
    let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok());
    let (Some(namespace), Some(pid), Some(start)) = (number(), number(), number()) else { return false };
    let Ok(pid) = u32::try_from(pid) else { return false };
    pid_namespace(proc_root) == Some(namespace) && start_time(proc_root, pid) != Some(start)
}

pub(super) fn sweep(cgroups: &Cgroups, proc_root: &Path) -> usize {
    let mut stale = BTreeSet::new();
    for parent in cgroups.parents() {
        let Ok(entries) = std::fs::read_dir(parent) else { continue };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        stale.extend(names.filter(|name| is_stale(name, proc_root)));
    }
    stale
        .iter()
        .filter(|name| {
            let group = cgroups.adopt(name);
            group.kill(Duration::from_secs(1)).is_ok() && group.remove().is_ok()
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_groups_of_dead_owners_of_this_namespace_are_stale() {
        let proc_root = Path::new("/proc");
        let own = own_name(proc_root);
        assert!(!is_stale(&format!("{own}job"), proc_root));
        let namespace = pid_namespace(proc_root).unwrap();
        let pid = std::process::id();
        assert!(is_stale(&format!("{PREFIX}{namespace}.{pid}.1.job"), proc_root), "the pid was used again");
        assert!(!is_stale(&format!("{PREFIX}1.{pid}.1.job"), proc_root), "another namespace's pids mean nothing here");
        assert!(!is_stale("ekiden-agent", proc_root));
    }
}
