//! The plain host backend.

use crate::bench_support::{Machine, sh, trial};
use libtest_mimic::Trial;
use sandbox::{Backend, ExecEnd};
use sandbox_local::{Host, HostVariables};
use std::sync::Arc;

pub(crate) fn trials(machine: &Arc<Machine>) -> Vec<Trial> {
    vec![trial(machine, "host::a_command_runs_and_everything_goes", a_command_runs_and_everything_goes)]
}

async fn a_command_runs_and_everything_goes(machine: Arc<Machine>) {
    let host = Host::new(machine.state.path(), HostVariables::Listed).unwrap();
    let sandbox = host.prepare(machine.spec()).await.unwrap();
    let mark = format!("5{}", std::process::id());
    let output = sh(&*sandbox, &format!("pwd; (setsid sleep {mark} >/dev/null 2>&1 &); exit 4")).await;
    let workspace = sandbox.layout().workspace.clone();
    assert_eq!(output.text.trim(), workspace.display().to_string());
    assert_eq!(output.ended.end, ExecEnd::Exited(4));
    let receipt = sandbox.destroy(false).await.unwrap();
    assert_eq!(receipt.backend, "host");
    assert!(!workspace.exists());
    let left = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).any(|entry| {
        std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(&mark))
    });
    assert!(!left);
}
