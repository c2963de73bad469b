//! Killing a group until it is empty. Called by `Group::kill`.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A turn of waiting for the kernel where it offers nothing to wait on.
pub(super) fn pause() {
    let turn = Timespec { tv_sec: 0, tv_nsec: 200_000 };
    let _ = poll(&mut [], Some(&turn));
}

/// Kills everything in the v2 group, or in the v1 groups where there is no v2, and waits until they are empty.
pub(super) fn kill(
    v2: Option<&Path>,
    v1: &BTreeMap<&'static str, PathBuf>,
    patience: Duration,
) -> Result<(), (PathBuf, io::Error)> {
    let stop = Instant::now() + patience;
    if let Some(place) = v2 {
        kill_v2(place, stop).map_err(|error| (place.to_owned(), error))?;
    }
    // A process can be in a v1 group alone: attached there, and not in the v2 group.
    for place in v1.values() {
        kill_v1(place, stop).map_err(|error| (place.clone(), error))?;
    }
    Ok(())
}

fn kill_v2(place: &Path, stop: Instant) -> io::Result<()> {
    let events = match std::fs::File::open(place.join("cgroup.events")) {
        Ok(events) => events,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    // A frozen group dies too: SIGKILL leaves the freezer.
    if populated(&events)? {
        match std::fs::write(place.join("cgroup.kill"), "1") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return kill_v1(place, stop),
            written => written?,
        }
    }
    while populated(&events)? {
        let left = stop.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let left = left.min(Duration::from_millis(100));
        let left = Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) };
        // The kernel reports a change of `populated` as an exceptional condition.
        poll(&mut [PollFd::new(&events, PollFlags::PRI)], Some(&left))?;
    }
    Ok(())
}

fn populated(events: &std::fs::File) -> io::Result<bool> {
    let mut text = [0; 64];
    match rustix::io::pread(events, &mut text, 0) {
        Ok(length) => Ok(text[..length].windows(11).any(|part| part == b"populated 1")),
        Err(rustix::io::Errno::NODEV) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Kernels before 5.14 have no `cgroup.kill`: kill what is listed until nothing is. A fork bomb is held by its pids limit.
fn kill_v1(place: &Path, stop: Instant) -> io::Result<()> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    loop {
        let listed = match std::fs::read_to_string(place.join("cgroup.procs")) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if listed.trim().is_empty() {
            return Ok(());
        }
        // A frozen v1 task takes the signal only when it is thawed.
        let _ = std::fs::write(place.join("freezer.state"), "THAWED");
        for pid in listed
            .lines()
            .filter_map(|line| line.trim().parse().ok())
            .filter(|pid| *pid != own)
            .filter_map(Pid::from_raw)
        {
            let _ = kill_process(pid, Signal::KILL);
        }
        if Instant::now() >= stop {
            return Err(io::ErrorKind::TimedOut.into());
        }
        pause();
    }
}
