//! Signals to what came from a command.

use crate::sys;
use crate::wire::Fault;
use rustix::process::Pid;
use std::collections::HashSet;

/// One process as `/proc/PID/stat` tells.
struct Process {
    pid: i32,
    parent: i32,
    group: i32,
    session: i32,
}

/// Signals the process group of a command's leader; with SIGKILL, everything that came from it: its group, its session, and
/// their descendants.
pub(crate) fn came_from(leader: Pid, signal: i32) -> Result<(), Fault> {
    if signal != libc::SIGKILL {
        return group(leader, signal);
    }
    let leader = leader.as_raw_nonzero().get();
    // Stopped first, then killed: what forks meanwhile is found in the next round. Each round only finds what is new, so a
    // flood ends when its forkers are dead.
    let mut killed = HashSet::new();
    for _ in 0..1000 {
        let mut found = members(&processes(), leader);
        found.retain(|pid| !killed.contains(pid));
        if found.is_empty() {
            return Ok(());
        }
        for pid in &found {
            let _ = sys::kill(*pid, libc::SIGSTOP);
        }
        for pid in found {
            let _ = sys::kill(pid, libc::SIGKILL);
            killed.insert(pid);
        }
    }
    Ok(())
}

/// Signals the process group of a command's leader and nothing else.
pub(super) fn group(leader: Pid, signal: i32) -> Result<(), Fault> {
    sent(sys::kill(-leader.as_raw_nonzero().get(), signal))
}

/// Signals everything but the init.
pub(super) fn everything(signal: i32) -> Result<(), Fault> {
    sent(sys::kill(-1, signal))
}

fn sent(result: std::io::Result<()>) -> Result<(), Fault> {
    match result {
        Err(error) if error.raw_os_error() != Some(libc::ESRCH) => Err(Fault::system("signal the job", error)),
        _ => Ok(()),
    }
}

fn members(processes: &[Process], leader: i32) -> Vec<i32> {
    let mut members: HashSet<i32> = processes
        .iter()
        .filter(|process| process.pid == leader || process.group == leader || process.session == leader)
        .map(|process| process.pid)
        .collect();
    loop {
        let before = members.len();
        let children: Vec<i32> = processes
            .iter()
            .filter(|process| process.pid != 1 && members.contains(&process.parent))
            .map(|process| process.pid)
            .collect();
        members.extend(children);
        if members.len() == before {
            return members.into_iter().collect();
        }
    }
}

fn processes() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
            parse(pid, &String::from_utf8_lossy(&stat))
        })
        .filter(|process| process.pid != 1)
        .collect()
}

/// The name, in parentheses, may hold anything.
fn parse(pid: i32, stat: &str) -> Option<Process> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    // A zombie is dead already.
    if fields.next()? == "Z" {
        return None;
    }
    let mut number = || fields.next()?.parse().ok();
    Some(Process { pid, parent: number()?, group: number()?, session: number()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32, group: i32, session: i32) -> Process {
        Process { pid, parent, group, session }
    }

    #[test]
    fn members_are_group_session_and_descendants() {
        let all = [
            process(10, 1, 10, 10),
            process(11, 10, 11, 10),
            process(12, 11, 12, 12),
            process(13, 12, 13, 12),
            process(20, 1, 20, 20),
            process(21, 1, 21, 10),
        ];
        let mut found = members(&all, 10);
        found.sort_unstable();
        assert_eq!(found, [10, 11, 12, 13, 21]);
    }

    #[test]
    fn names_may_hold_anything() {
        let found = parse(5, "5 (a) b) R 1 2 3 4").unwrap();
        assert_eq!((found.parent, found.group, found.session), (1, 2, 3));
        assert!(parse(5, "5 (a) Z 1 2 3 4").is_none());
    }
}
