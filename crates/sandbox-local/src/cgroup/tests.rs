//! Control groups on the real kernel.

use super::*;
use domain::{Enforcement, LimitReached};
use sandbox::Limits;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const NO_LIMITS: Limits = Limits { memory: None, processes: None, cpu_millis: None, disk: None, inodes: None };

/// A shell that waits for a line before it does what it should, so that it can be put into a group first.
fn held(script: &str) -> Child {
    Command::new("sh")
        .args(["-c", &format!("read line; {script}")])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn go(child: &mut Child) {
    use std::io::Write;
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
}

/// A group whose limit of this name holds; else the reason is printed and the test skipped.
fn group(cgroups: &Cgroups, name: &str, limits: &Limits, needed: &str) -> Option<Group> {
    let group = cgroups.create(&format!("test-{name}-{}", std::process::id()), limits).unwrap();
    let found = group.isolation().iter().find(|isolation| isolation.name == needed).unwrap();
    if let Enforcement::Off { reason } = &found.enforcement {
        eprintln!("SKIP: {needed}: {reason}");
        group.remove().unwrap();
        return None;
    }
    Some(group)
}

fn end(group: &Group) {
    group.kill(Duration::from_secs(5)).unwrap();
    group.remove().unwrap();
}

#[test]
fn a_memory_limit_kills_and_is_named() {
    let cgroups = Cgroups::detect();
    let limits = Limits { memory: Some(64 << 20), ..NO_LIMITS };
    let Some(group) = group(&cgroups, "memory", &limits, "memory limit") else { return };
    let mut child = held("head -c 256M /dev/zero | tail -c 200M >/dev/null");
    group.attach(child.id(), false).unwrap();
    assert_eq!(group.limit_reached(&Usage::default()), None);
    go(&mut child);
    child.wait().unwrap();
    assert_eq!(group.limit_reached(&Usage::default()), Some(LimitReached::Memory { bytes: 64 << 20 }));
    assert_eq!(group.limit_reached(&group.counters()), None, "nothing since");
    let peak = group.usage().peak_memory.unwrap();
    assert!((32 << 20..=65 << 20).contains(&peak), "{peak}");
    end(&group);
}

#[test]
fn a_process_limit_refuses_forks_and_is_named() {
    let cgroups = Cgroups::detect();
    let limits = Limits { processes: Some(20), ..NO_LIMITS };
    let Some(group) = group(&cgroups, "pids", &limits, "process limit") else { return };
    let mut child = held("for i in $(seq 60); do sleep 100 & done; wait");
    group.attach(child.id(), false).unwrap();
    go(&mut child);
    let start = Instant::now();
    while group.limit_reached(&Usage::default()).is_none() {
        assert!(start.elapsed() < Duration::from_secs(20), "no fork was refused");
        std::thread::yield_now();
    }
    assert_eq!(group.limit_reached(&Usage::default()), Some(LimitReached::Processes { count: 20 }));
    end(&group);
    child.wait().unwrap();
}

#[test]
fn a_cpu_limit_slows_down() {
    let cgroups = Cgroups::detect();
    let limits = Limits { cpu_millis: Some(200), ..NO_LIMITS };
    let Some(group) = group(&cgroups, "cpu", &limits, "cpu limit") else { return };
    let mut child = held("exec timeout 1 sh -c 'while :; do :; done'");
    group.attach(child.id(), false).unwrap();
    go(&mut child);
    child.wait().unwrap();
    if let Some(used) = group.usage().cpu_micros {
        assert!(used < 600_000, "{used} microseconds in a second at a fifth of a processor");
    }
    end(&group);
}

#[test]
fn killing_leaves_nobody_and_nothing() {
    let cgroups = Cgroups::detect();
    let Some(group) = group(&cgroups, "kill", &NO_LIMITS, "control group") else { return };
    let mut child = held("for i in $(seq 100); do setsid sleep 300 & done; trap '' TERM INT; sleep 300");
    group.attach(child.id(), false).unwrap();
    go(&mut child);
    let directory = cgroups.parents().map(|parent| parent.join(group.name())).find(|place| place.exists()).unwrap();
    let members = || std::fs::read_to_string(directory.join("cgroup.procs")).unwrap().lines().count();
    let start = Instant::now();
    while members() < 50 && start.elapsed() < Duration::from_secs(20) {
        std::thread::yield_now();
    }
    group.freeze().unwrap();
    // Another process ends it by name, as the zygote does when its parent was killed.
    let adopted = cgroups.adopt(group.name());
    adopted.kill(Duration::from_secs(10)).unwrap();
    child.wait().unwrap();
    adopted.remove().unwrap();
    assert!(cgroups.parents().all(|parent| !parent.join(group.name()).exists()));
    adopted.kill(Duration::from_secs(1)).unwrap();
    adopted.remove().unwrap();
}

#[test]
fn groups_of_dead_owners_are_swept() {
    let cgroups = Cgroups::detect();
    let Some(group) = group(&cgroups, "stale", &NO_LIMITS, "control group") else { return };
    let mut child = held("sleep 300");
    // The same directories under the name of a process with our pid that started at another time.
    let stale = group.name().rsplitn(2, '.').last().unwrap().rsplit_once('.').unwrap().0.to_owned() + ".1.stale";
    for parent in cgroups.parents() {
        std::fs::create_dir(parent.join(&stale)).unwrap();
        std::fs::write(parent.join(&stale).join("cgroup.procs"), child.id().to_string()).unwrap();
    }
    assert!(cgroups.sweep() >= 1);
    child.wait().unwrap();
    assert!(cgroups.parents().all(|parent| !parent.join(&stale).exists()));
    assert!(cgroups.parents().any(|parent| parent.join(group.name()).exists()), "a living owner's group stays");
    end(&group);
}

#[test]
#[ignore = "a measurement; run with --release --ignored"]
fn cost() {
    let cgroups = Cgroups::detect();
    let limits = Limits { memory: Some(1 << 30), processes: Some(4096), ..NO_LIMITS };
    let mut times: [Vec<Duration>; 3] = Default::default();
    for turn in 0..200 {
        let mut child = held("exit 0");
        let start = Instant::now();
        let group = cgroups.create(&format!("cost-{turn}"), &limits).unwrap();
        times[0].push(start.elapsed());
        let start = Instant::now();
        group.attach(child.id(), false).unwrap();
        times[1].push(start.elapsed());
        go(&mut child);
        child.wait().unwrap();
        let start = Instant::now();
        end(&group);
        times[2].push(start.elapsed());
    }
    for (name, mut times) in ["create", "attach", "end"].into_iter().zip(times) {
        times.sort();
        eprintln!("control group: {name} median {:?}, p95 {:?}", times[100], times[190]);
    }
}
