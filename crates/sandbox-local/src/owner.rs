//! Names that say which process a thing belongs to, so that a later start can tell what is left over. Used by `cgroup` and
//! `disk` for what must be named in the file system.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Begins each of our names.
pub(crate) const PREFIX: &str = "ekiden-";

/// `ekiden-<pid namespace>.<pid>.<start time>.`: a pid alone is used again, and means nothing in another pid namespace.
pub(crate) fn own_name(proc_root: &Path) -> String {
    let pid = std::process::id();
    let namespace = pid_namespace(proc_root).unwrap_or_default();
    let start = start_time(proc_root, pid).unwrap_or_default();
    format!("{PREFIX}{namespace}.{pid}.{start}.")
}

/// Whether the thing of this name belongs to a process of our pid namespace that is gone.
pub(crate) fn is_stale(name: &str, proc_root: &Path) -> bool {
    let Some(owner) = name.strip_prefix(PREFIX) else { return false };
    let mut parts = owner.splitn(4, '.');
    let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok());
    let (Some(namespace), Some(pid), Some(start)) = (number(), number(), number()) else { return false };
    let Ok(pid) = u32::try_from(pid) else { return false };
    pid_namespace(proc_root) == Some(namespace) && start_time(proc_root, pid) != Some(start)
}

fn pid_namespace(proc_root: &Path) -> Option<u64> {
    std::fs::metadata(proc_root.join("self/ns/pid")).ok().map(|meta| meta.ino())
}

/// Field 22 of `/proc/PID/stat`, in clock ticks since boot; `None` for a process that has ended, reaped or not.
fn start_time(proc_root: &Path, pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(proc_root.join(pid.to_string()).join("stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_dead_owners_of_this_namespace_are_stale() {
        let proc_root = Path::new("/proc");
        let own = own_name(proc_root);
        assert!(!is_stale(&format!("{own}job"), proc_root));
        let namespace = pid_namespace(proc_root).unwrap();
        let pid = std::process::id();
        assert!(is_stale(&format!("{PREFIX}{namespace}.{pid}.1.job"), proc_root), "the pid was used again");
        assert!(!is_stale(&format!("{PREFIX}1.{pid}.1.job"), proc_root), "another namespace's pids mean nothing here");
        assert!(!is_stale("ekiden-agent", proc_root));
    }

    #[test]
    fn an_ended_process_is_gone_before_its_parent_has_asked_for_it() {
        let proc_root = tempfile::tempdir().unwrap();
        let folder = |name: &str| proc_root.path().join(name);
        std::fs::create_dir_all(folder("self/ns/pid")).unwrap();
        std::fs::create_dir_all(folder("7")).unwrap();
        let stat = |state: &str| format!("7 (a) b) {state} {}99 0", "0 ".repeat(18));
        let name = format!("{PREFIX}{}.7.99.job", pid_namespace(proc_root.path()).unwrap());
        for (state, stale) in [("S", false), ("R", false), ("Z", true)] {
            std::fs::write(folder("7/stat"), stat(state)).unwrap();
            assert_eq!(is_stale(&name, proc_root.path()), stale, "{state}");
        }
    }
}
