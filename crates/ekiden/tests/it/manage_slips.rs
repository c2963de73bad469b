//! Slips of people who manage a server of ours: each message leads to what helps.

use crate::manage::Server;
use crate::support::{Ran, Repository, ekiden, run};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

fn register(server: &Server, token: &str, labels: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let mut command = ekiden(&["agent", "register", "--no-interactive", "--token", token, "--labels", labels]);
    command.args(["--instance", &server.url(), "--data"]).arg(folder.path());
    run(command)
}

#[test]
fn a_runner_that_may_not_register_is_told_of_our_own_tokens() {
    let server = Server::start();
    let wrong = register(&server, "wrong", "x1").exits(4).never_says("-/admin");
    assert!(wrong.stderr.contains("ekiden runner token"), "{wrong:#?}");
    let made = server.ask(&["runner", "token", "--label", "x1"]).exits(0);
    assert!(made.stderr.contains("this machine's alone"), "{made:#?}");
    let other = register(&server, made.stdout.trim(), "x1,x2").exits(4);
    assert!(other.stderr.contains("not for 'x2'") && other.stderr.contains("--label"), "{other:#?}");
    register(&server, made.stdout.trim(), "x1").exits(0);
}

#[test]
fn what_is_left_out_or_used_already_is_told() {
    let server = Server::start();
    let nothing = server.ask(&["project", "set", "a/b"]).exits(2);
    for flag in ["--forge", "--readers", "--no-forge"] {
        assert!(nothing.stderr.contains(flag), "{flag}: {nothing:#?}");
    }
    let second = server.ask(&["server", "--listen", "127.0.0.1:0"]).exits(2);
    assert!(
        second.stderr.contains("another ekiden uses") && second.stderr.contains("ekiden project add"),
        "{second:#?}"
    );
}

#[test]
fn the_log_of_a_job_that_waits_is_waited_for() {
    let server = Server::start();
    let repository = Repository::ci(
        "on: workflow_dispatch\njobs:\n  j:\n    runs-on: nobody\n    steps:\n      - run: echo hello\n",
    );
    let path = repository.path().canonicalize().unwrap();
    server.ask(&["project", "add", "own/repo", "--git", path.to_str().unwrap()]).exits(0);
    server.ask(&["run", "dispatch", "own/repo", "ci.yml"]).exits(0);
    server.ask(&["job", "log", "1"]).exits(5);
    let mut command = server.command(&["job", "log", "1", "-f"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut talk = BufReader::new(child.stderr.take().unwrap());
    talk.read_line(&mut said).unwrap();
    assert!(said.contains("j waits: ") && said.contains("nobody"), "{said}");
    assert!(child.try_wait().unwrap().is_none());
    // It never gets one.
    server.ask(&["run", "cancel", "1"]).exits(0);
    said.clear();
    talk.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5), "{said}");
    assert!(said.contains("no runner had it") && !said.contains("waits"), "{said}");
}

#[test]
fn a_list_that_is_cut_says_how_much_there_is() {
    let server = Server::start();
    for name in ["A", "B", "C"] {
        server.ask(&["var", "set", name, "1", "--scope", "instance"]).exits(0);
        server.ask_with(&["secret", "set", name, "--scope", "instance"], "one-two-three").exits(0);
        server.ask(&["token", "make", name, "--right", "read:runs"]).exits(0);
    }
    for noun in ["var", "secret"] {
        let cut = server.ask(&[noun, "list", "--limit", "2"]).exits(0);
        assert!(cut.stderr.contains("the first 2 of 3; all: --limit 3"), "{noun}: {cut:#?}");
        let whole = server.ask(&[noun, "list", "--limit", "3"]).exits(0);
        assert!(whole.stderr.is_empty(), "{noun}: {whole:#?}");
    }
    // The first one is the server's own.
    let cut = server.ask(&["token", "list", "--limit", "1", "-o", "jsonl"]).exits(0);
    assert!(cut.stdout.lines().count() == 1 && cut.stderr.contains("the first 1 of 4"), "{cut:#?}");
}

#[test]
fn a_database_that_is_away_is_told_with_its_cause() {
    let state = tempfile::tempdir().unwrap();
    let mut command = ekiden(&["server", "--listen", "127.0.0.1:0", "--database", "postgres://u@127.0.0.1:1/x"]);
    command.env("XDG_STATE_HOME", state.path());
    let ran = run(command).exits(6);
    assert!(ran.stderr.contains("does not answer yet") && ran.stderr.contains("refused"), "{ran:#?}");
    assert!(ran.stderr.contains("--database postgres://"), "{ran:#?}");
}

#[test]
fn a_database_that_does_not_know_the_user_refuses_the_server() {
    let Some(postgres) = testkit::Postgres::shared().unwrap() else {
        println!("SKIP: PostgreSQL is not installed");
        return;
    };
    let url = postgres.database().unwrap().replacen("ekiden@", "nobody-there@", 1);
    let state = tempfile::tempdir().unwrap();
    let mut command = ekiden(&["server", "--listen", "127.0.0.1:0", "--database", &url]);
    command.env("XDG_STATE_HOME", state.path());
    let ran = run(command).exits(4);
    assert!(ran.stderr.contains("does not exist") && ran.stderr.contains("--database-file"), "{ran:#?}");
}
