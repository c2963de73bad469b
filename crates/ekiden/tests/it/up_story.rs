//! Which runs `ekiden up` tells of together, and in which order.

use crate::support::{Repository, ekiden, run};
use crate::up::{Running, cannot_run_here, up};
use std::process::Command;

fn workflow(steps: &str) -> String {
    format!(
        "on: [push, workflow_dispatch]\njobs:\n  hello:\n    runs-on: ubuntu-latest\n    steps:\n      - run: {steps}\n"
    )
}

fn git(repository: &Repository, arguments: &[&str]) {
    let done = Command::new("git").arg("-C").arg(repository.path()).args(arguments).status().unwrap();
    assert!(done.success(), "{arguments:?}");
}

#[test]
fn each_push_and_each_dispatch_has_a_verdict_of_its_own() {
    if cannot_run_here() {
        return;
    }
    let repository = Repository::ci(&workflow("sleep 1"));
    let state = tempfile::tempdir().unwrap();
    let mut running = Running::start(up(&repository, state.path(), &[]));
    let project = running.answers.until("project");
    let project = project.split_whitespace().nth(1).unwrap().trim_end_matches(',').to_owned();
    running.answers.until("▶ hello");
    let mut dispatch = ekiden(&["run", "dispatch", &project, "ci.yml"]);
    dispatch.env("XDG_STATE_HOME", state.path());
    run(dispatch).exits(0);
    repository.commit("data.txt", "more\n");
    running.answers.until("green in");
    running.answers.until(" main (workflow_dispatch)  ");
    running.answers.until("green in");
    running.answers.until(" main  another");
    running.answers.until("green in");
    assert_eq!(running.interrupt().code(), Some(0));
}

#[test]
fn once_looks_at_the_newest_commit_alone() {
    if cannot_run_here() {
        return;
    }
    let repository = Repository::ci(&workflow("echo fine"));
    let state = tempfile::tempdir().unwrap();
    run(up(&repository, state.path(), &["--once"])).exits(0);
    git(&repository, &["switch", "-q", "-c", "other"]);
    repository.commit(".github/workflows/ci.yml", &workflow("exit 3"));
    git(&repository, &["switch", "-q", "main"]);
    repository.commit("data.txt", "more\n");
    run(up(&repository, state.path(), &["--once"])).exits(0).says("green in").never_says("✗");
}
