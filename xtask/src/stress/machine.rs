//! What jobs and agents may leave on a machine: processes, mounts, control groups, loop devices, network interfaces, files.

use anyhow::Result;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folders in which sandboxes keep what outlives a call, and how deep it lies there.
const FOLDERS: [(&str, usize); 6] = [
    ("/var/lib/ekiden", 2),
    ("/run/ekiden", 2),
    ("/sys/fs/cgroup", 2),
    ("/sys/class/net", 1),
    ("/tmp", 1),
    ("/dev/shm", 1),
];

/// What is there now.
#[derive(Debug)]
pub(super) struct Machine {
    names: BTreeSet<PathBuf>,
}

impl Machine {
    pub(super) fn look() -> Self {
        let mut names = BTreeSet::new();
        for (folder, depth) in FOLDERS {
            names_below(Path::new(folder), depth, &mut names);
        }
        Self { names }
    }

    /// What is there now and was not, and whose owner is gone; what lies in the agents' folders; what runs the program. `marks` are what
    /// command lines and mounts of jobs hold.
    pub(super) fn left(&self, ekiden: &Path, agents: &[&Path], marks: &[String]) -> Result<Vec<String>> {
        let mut left = Vec::new();
        for name in Self::look().names.difference(&self.names) {
            if is_stale(name) {
                left.push(format!("{} is left", name.display()));
            }
        }
        for entry in agents.iter().flat_map(|data| std::fs::read_dir(data.join("spool"))).flatten() {
            left.push(format!("{} is left", entry?.path().display()));
        }
        let own = std::process::id().to_string();
        for process in std::fs::read_dir("/proc")? {
            let process = process?.path();
            let is_number =
                process.file_name().is_some_and(|name| name.to_string_lossy().bytes().all(|b| b.is_ascii_digit()));
            if !is_number || process.ends_with(&own) {
                continue;
            }
            let text = |name: &str| {
                String::from_utf8_lossy(&std::fs::read(process.join(name)).unwrap_or_default()).replace('\0', " ")
            };
            let (line, groups) = (text("cmdline"), text("cgroup"));
            let runs_it = std::fs::read_link(process.join("exe")).is_ok_and(|exe| exe == ekiden);
            let is_stray =
                groups.lines().filter_map(|line| line.rsplit_once('/')).any(|(_, name)| is_stale(Path::new(name)));
            if runs_it || is_stray || marks.iter().any(|mark| line.contains(mark.as_str())) {
                left.push(format!("the process {} is left: {line}", process.display()));
            }
        }
        let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
        left.extend(
            mounts
                .lines()
                .filter(|line| marks.iter().any(|mark| line.contains(mark)))
                .map(|line| format!("the mount {line} is left")),
        );
        for device in std::fs::read_dir("/sys/block").into_iter().flatten().flatten() {
            let file = std::fs::read_to_string(device.path().join("loop/backing_file")).unwrap_or_default();
            if marks.iter().any(|mark| file.contains(mark)) || is_stale(Path::new(file.trim())) {
                left.push(format!("{} is left over {file}", device.path().display()));
            }
        }
        Ok(left)
    }
}

/// Whether a name of ours (`ekiden-<pid namespace>.<pid>.<start>.`) belongs to a process that is gone.
fn is_stale(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(rest) = name.strip_prefix("ekiden-") else { return false };
    let mut parts = rest.splitn(4, '.').filter_map(|part| part.parse::<u64>().ok());
    let (Some(_), Some(pid), Some(start)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let began = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(19)?.parse().ok());
    began != Some(start)
}

fn names_below(folder: &Path, depth: usize, names: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if depth > 1 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names_below(&path, depth - 1, names);
        }
        names.insert(path);
    }
}

#[cfg(test)]
mod tests {
    use super::is_stale;
    use std::path::Path;

    #[test]
    fn names_of_processes_that_are_gone_are_stale() {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let start = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
        let pid = std::process::id();
        assert!(!is_stale(Path::new(&format!("/x/ekiden-7.{pid}.{start}.4"))));
        assert!(is_stale(Path::new(&format!("/x/ekiden-7.{pid}.1.4"))));
        assert!(!is_stale(Path::new("/tmp/ekiden-test-abc")) && !is_stale(Path::new("/tmp/other")));
    }
}
