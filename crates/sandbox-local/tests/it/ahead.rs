//! Sandboxes that are made before their job is known.

use crate::bench_support::{Machine, sh, trial};
use libtest_mimic::Trial;
use sandbox::{Backend, ExecEnd, Network, SandboxSpec};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) fn trials(machine: &Arc<Machine>) -> Vec<Trial> {
    vec![
        trial(machine, "ahead::a_job_gets_what_was_made_for_its_like", a_job_gets_what_was_made_for_its_like),
        trial(machine, "ahead::one_that_has_ended_is_no_jobs", one_that_has_ended_is_no_jobs),
        trial(
            machine,
            "ahead::nothing_is_left_of_those_that_no_job_came_for",
            nothing_is_left_of_those_that_no_job_came_for,
        ),
    ]
}

/// The directories of a control group, in all hierarchies.
fn groups(name: &str) -> Vec<PathBuf> {
    fn look(at: &Path, name: &str, depth: usize, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(at).into_iter().flatten().filter_map(Result::ok) {
            if entry.file_name() == name {
                found.push(entry.path());
            } else if depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                look(&entry.path(), name, depth - 1, found);
            }
        }
    }
    let mut found = Vec::new();
    look(Path::new("/sys/fs/cgroup"), name, 8, &mut found);
    found
}

async fn a_job_gets_what_was_made_for_its_like(machine: Arc<Machine>) {
    // Makers of their own share the machine's zygote, not its spares.
    let backend = machine.backend.weakened(Vec::new());
    backend.expect(&machine.spec().expected(), 2);
    let made = backend.made_ahead();
    assert_eq!(made.len(), 2);
    let other = SandboxSpec { network: Network::None, ..machine.spec() };
    let sandbox = backend.prepare(other).await.unwrap();
    assert_eq!(sh(&*sandbox, "cat /etc/resolv.conf").await.text, "", "not the network that others have");
    assert_eq!(backend.made_ahead(), made);
    sandbox.destroy(false).await.unwrap();
    for left in [1, 0, 0] {
        let sandbox = backend.prepare(machine.spec()).await.unwrap();
        assert_eq!(backend.made_ahead().len(), left);
        let output = sh(&*sandbox, "id -un; pwd; ls -A; echo x > ~/x; cat /proc/1/comm").await;
        assert_eq!(output.text, "runner\n/home/runner/work/repo/repo\nekiden-zygote\n");
        assert_eq!(output.ended.end, ExecEnd::Exited(0));
        sandbox.destroy(false).await.unwrap();
    }
}

async fn one_that_has_ended_is_no_jobs(machine: Arc<Machine>) {
    let backend = machine.backend.weakened(Vec::new());
    backend.expect(&machine.spec().expected(), 1);
    let made = backend.made_ahead();
    let Some(group) = groups(&made[0]).pop() else {
        println!("SKIP: no control group can be made here, by which the test finds the process");
        return;
    };
    // The zygote may still be at it.
    let pid: i32 = loop {
        match std::fs::read_to_string(group.join("cgroup.procs")).unwrap().trim().parse() {
            Ok(pid) => break pid,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    let ended = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    rustix::event::poll(&mut [rustix::event::PollFd::new(&ended, rustix::event::PollFlags::IN)], None).unwrap();
    let sandbox = backend.prepare(machine.spec()).await.unwrap();
    assert_eq!(sh(&*sandbox, "echo works").await.text, "works\n");
    assert_eq!(groups(&made[0]), Vec::<PathBuf>::new());
    sandbox.destroy(false).await.unwrap();
}

async fn nothing_is_left_of_those_that_no_job_came_for(machine: Arc<Machine>) {
    let backend = machine.backend.weakened(Vec::new());
    backend.expect(&machine.spec().expected(), 100);
    let made = backend.made_ahead();
    assert_eq!(made.len(), 4, "few wait, however many are expected");
    drop(backend);
    for name in made {
        assert_eq!(groups(&name), Vec::<PathBuf>::new(), "{name}");
    }
}
