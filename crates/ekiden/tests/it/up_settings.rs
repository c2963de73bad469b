//! What `ekiden up` takes from its folder's `ekiden.toml`, flags and variables.

use crate::support::{Ran, Repository, ekiden, run};
use crate::up::{Running, cannot_run_here, up};
use std::path::Path;
use std::process::Command;

/// `up` that is not to start.
fn refused(repository: &Repository, state: &Path, more: &[&str], code: i32) -> Ran {
    let ran = run(up(repository, state, more)).exits(code);
    assert!(!state.join("ekiden/server.json").exists(), "{ran:#?}");
    ran
}

#[test]
fn its_address_is_one_that_people_can_open() {
    let (repository, state) = (Repository::with(&[("a", "1")]), tempfile::tempdir().unwrap());
    for url in ["ci.example.org", "ftp://x", "https://u:p@x"] {
        let ran = refused(&repository, state.path(), &["--once", "--url", url], 2);
        assert!(ran.stderr.contains("is no address that people can open"), "{ran:#?}");
    }
}

#[test]
fn a_checkout_that_cannot_be_watched_is_no_project() {
    let (around, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = around.path().join("a\nb");
    assert!(Command::new("git").args(["init", "-q"]).arg(&folder).status().unwrap().success());
    let start = |folder: &Path| {
        let mut command = ekiden(&["up", "--once", "--listen", "127.0.0.1:0"]);
        command.arg(folder).env("XDG_STATE_HOME", state.path());
        run(command)
    };
    let ran = start(&folder).exits(2);
    assert!(ran.stderr.contains("line break"), "{ran:#?}");
    // Nothing is left of it.
    let other = Repository::with(&[("a", "1")]);
    let mut running = Running::start(up(&other, state.path(), &[]));
    running.notes.until("new commits run by themselves");
    let mut list = ekiden(&["project", "list", "-o", "jsonl"]);
    list.env("XDG_STATE_HOME", state.path());
    assert_eq!(run(list).exits(0).stdout.lines().count(), 1);
    running.interrupt();
}

#[test]
fn its_folders_settings_are_read_whole() {
    let (repository, state) = (Repository::with(&[("a", "1")]), tempfile::tempdir().unwrap());
    let write = |text: &str| {
        let file = state.path().join("ekiden/up/server/ekiden.toml");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    for (text, code, told) in [
        ("keep_run = '1d'", 3, "did you mean 'server.keep_runs'?"),
        ("keep_runs = 'a year'", 3, "keep_runs of [server] is 'a year'"),
        ("url = 'ci.example.org'", 2, "is no address that people can open"),
        ("listen = '0.0.0.0:0'", 2, "is open to others"),
        ("database = 'postgres://a@b/c'", 3, "server.database is nothing for `ekiden up`"),
        ("tls_cert = 'x.pem'", 3, "server.tls_cert is nothing for `ekiden up`"),
    ] {
        write(&format!("[server]\n{text}\n"));
        let mut command = repository.command(&["up", "--once"]);
        command.env("XDG_STATE_HOME", state.path());
        let ran = run(command).exits(code);
        assert!(ran.stderr.contains(told), "{text}: {ran:#?}");
    }
    write("");
    std::fs::write(state.path().join("ekiden/up/ekiden.toml"), "").unwrap();
    let ran = refused(&repository, state.path(), &["--once"], 3);
    assert!(ran.stderr.contains("up/server/ekiden.toml"), "{ran:#?}");
}

#[test]
fn folders_of_workflows_come_from_the_file_or_the_variable() {
    if cannot_run_here() {
        return;
    }
    let workflow = "on: push\njobs:\n  hello:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo hello\n";
    let repository = Repository::with(&[("ci/one.yml", workflow), ("other/two.yml", workflow)]);
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("ekiden/up/server/ekiden.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "[server]\nworkflows = ['ci']\n").unwrap();
    run(up(&repository, state.path(), &["--once"])).exits(0).says("✓ hello");
    let mut command = up(&repository, state.path(), &["--once"]);
    repository.commit("a", "1");
    command.env("EKIDEN_SERVER_WORKFLOWS", "other");
    run(command).exits(0).says("✓ hello");
    let again = run(up(&repository, state.path(), &["--once", "--workflows", "other"])).exits(0);
    assert!(again.stderr.contains("ran before: other/two.yml success"), "{again:#?}");
}
