//! The processes of an agent of ours and what they use, as the kernel tells it. Called by `stress` and `bench`.

use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// By which the fork server is known.
const FORK_SERVER: &[u8] = b"fork-server";

/// The processes of jobs, and those that wait to be one: what the agent started, and what its fork server forked.
pub(crate) fn jobs(agent: u32) -> Vec<u32> {
    let (servers, mut jobs): (Vec<u32>, Vec<u32>) = children(agent).into_iter().partition(|pid| is_fork_server(*pid));
    jobs.extend(servers.into_iter().flat_map(children));
    jobs
}

/// The process from which those of an agent's jobs are forked, once it needed one.
pub(crate) fn fork_server(agent: u32) -> Option<u32> {
    children(agent).into_iter().find(|pid| is_fork_server(*pid))
}

/// How much of one core processes use over a time, each with those that it started.
///
/// # Errors
/// When one of them is gone: that is no rest.
pub(crate) fn share_of_core(roots: &[u32], time: Duration) -> Result<f64> {
    let before = used(roots);
    std::thread::sleep(time);
    let after = used(roots);
    for root in roots {
        ensure!(after.contains_key(root), "the process {root} is gone");
    }
    let ticks: u64 = after.iter().map(|(pid, ticks)| ticks.saturating_sub(*before.get(pid).unwrap_or(&0))).sum();
    // A tick is a hundredth of a second.
    Ok(ticks as f64 / 100.0 / time.as_secs_f64())
}

/// What each of them, and of those that they started, has used so far.
fn used(roots: &[u32]) -> BTreeMap<u32, u64> {
    let mut known = BTreeMap::new();
    let mut next = roots.to_vec();
    while let Some(pid) = next.pop() {
        if let Some(ticks) = ticks(pid)
            && known.insert(pid, ticks).is_none()
        {
            next.extend(children(pid));
        }
    }
    known
}

/// `None` for one that is gone, though nobody may have waited for it yet.
fn ticks(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let is_dead = matches!(fields.next()?, "Z" | "X");
    let ticks = fields.skip(10).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    (!is_dead).then_some(ticks)
}

fn is_fork_server(pid: u32) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.windows(FORK_SERVER.len()).any(|part| part == FORK_SERVER)
}

/// The children of all threads of a process.
fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(Path::new("/proc").join(pid.to_string()).join("task"));
    let of =
        |task: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(task.ok()?.path().join("children")).ok();
    let texts: Vec<String> = tasks.into_iter().flatten().filter_map(of).collect();
    texts.iter().flat_map(|text| text.split_whitespace()).filter_map(|pid| pid.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::{children, fork_server, share_of_core, used};
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    struct Killed(Child);

    impl Drop for Killed {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn a_process_that_is_gone_does_not_rest() {
        let own = std::process::id();
        assert!(share_of_core(&[own], Duration::ZERO).is_ok());
        // `cat` ends with its input; `wait` only leaves it dead.
        let mut child = Killed(Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
        let pid = child.0.id();
        assert!(children(own).contains(&pid) && used(&[own]).contains_key(&pid));
        drop(child.0.stdin.take());
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut child.0.stdout.take().unwrap(), &mut rest).unwrap();
        while !std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") Z ") {
            std::thread::yield_now();
        }
        assert!(share_of_core(&[pid], Duration::ZERO).is_err(), "nobody has waited for it, and it is gone");
        assert_eq!(fork_server(own), None);
    }
}
