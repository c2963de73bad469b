//! The commands that ask a server, against a real one: what they print, and how they end.

use crate::support::{Ran, Repository, ekiden, run};
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const WORKFLOW: &str = "on:\n  workflow_dispatch:\n    inputs: {who: {required: true}}\njobs:\n  j:\n    runs-on: nobody\n    steps:\n      - run: echo hello\n";

/// `ekiden server` in a process; ended when dropped.
struct Server {
    child: Child,
    state: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let state = tempfile::tempdir().unwrap();
        let mut command = ekiden(&["server", "--listen", "127.0.0.1:0"]);
        command.env("XDG_STATE_HOME", state.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let server = Self { child, state };
        let end = Instant::now() + Duration::from_secs(30);
        while !server.file().exists() {
            assert!(Instant::now() < end, "the server does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    fn file(&self) -> std::path::PathBuf {
        self.state.path().join("ekiden/server.json")
    }

    fn url(&self) -> String {
        let told: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(self.file()).unwrap()).unwrap();
        told["url"].as_str().unwrap().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = ekiden(arguments);
        command.env("XDG_STATE_HOME", self.state.path());
        command
    }

    fn ask(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments))
    }

    /// With something on stdin.
    fn ask_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn path(repository: &Repository) -> String {
    repository.path().canonicalize().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn projects_runs_and_jobs() {
    let server = Server::start();
    let repository = Repository::ci(WORKFLOW);
    server
        .ask(&["project", "add", "own/repo", "--git", &path(&repository)])
        .exits(0)
        .says("own/repo runs the workflows of");
    let again = server.ask(&["project", "add", "own/repo", "--git", &path(&repository)]).exits(2);
    assert!(again.stderr.contains("own/repo"), "{again:#?}");
    let none = server.ask(&["project", "add", "own/none", "--git", "/nowhere/at/all"]).exits(2);
    assert!(none.stderr.contains("cannot be read"), "{none:#?}");
    let projects = server.ask(&["project", "list", "-o", "json"]).exits(0).json();
    assert_eq!(projects[0]["full_name"], "own/repo");

    let without = server.ask(&["run", "dispatch", "own/repo", "ci.yml"]).exits(2);
    assert!(without.stderr.contains("who"), "{without:#?}");
    let made = server.ask(&["run", "dispatch", "own/repo", "ci.yml", "-i", "who=me", "-o", "json"]).exits(0).json();
    let id = made["workflow_run_id"].to_string();
    let run = server.ask(&["run", "show", &id, "-o", "json"]).exits(0).json();
    assert_eq!(
        (&run["event"], &run["head_branch"], &run["jobs"][0]["name"]),
        (&"workflow_dispatch".into(), &"main".into(), &"j".into())
    );
    let job = run["jobs"][0]["id"].to_string();
    let why = server.ask(&["job", "why", &job]).exits(0);
    assert!(why.stdout.contains("no_matching_label") || why.stdout.contains("nobody"), "{why:#?}");
    let waited = server.ask(&["run", "watch", &id, "--timeout", "300ms"]).exits(7);
    assert!(waited.stderr.contains("not over yet"));
    server.ask(&["run", "cancel", &id]).exits(0);
    server.ask(&["run", "watch", &id, "--timeout", "30s"]).exits(1).says("cancelled after");
    server.ask(&["run", "cancel", &id]).exits(2);
    server.ask(&["run", "list", "own/repo", "--status", "completed"]).exits(0).says("cancelled");
    server.ask(&["run", "show", "999"]).exits(5);
    server.ask(&["project", "remove", "own/repo"]).exits(0);
    server.ask(&["project", "remove", "own/repo"]).exits(5);
}

#[test]
fn secrets_variables_tokens_and_the_audit() {
    let server = Server::start();
    let repository = Repository::ci(WORKFLOW);
    server.ask(&["project", "add", "own/repo", "--git", &path(&repository)]).exits(0);
    server
        .ask_with(&["secret", "set", "WORD", "--scope", "own/repo"], "hunter2hunter2\n")
        .exits(0)
        .never_says("hunter2");
    server.ask_with(&["secret", "set", "EMPTY", "--scope", "own/repo"], "").exits(2);
    server.ask(&["secret", "list", "--scope", "own/repo"]).exits(0).says("WORD").never_says("hunter2");
    server.ask(&["var", "set", "COLOUR", "blue", "--scope", "own/repo"]).exits(0);
    server.ask(&["var", "set", "COLOUR", "green", "--scope", "own/repo"]).exits(0);
    server.ask(&["var", "list", "--scope", "own/repo"]).exits(0).says("green").never_says("blue");
    server.ask(&["var", "remove", "COLOUR", "--scope", "own/repo"]).exits(0);
    server.ask(&["var", "remove", "COLOUR", "--scope", "own/repo"]).exits(5);

    let token = server.ask(&["token", "make", "reader", "--right", "read:runs"]).exits(0).stdout.trim().to_owned();
    let url = server.url();
    let with = |token: &str, arguments: &[&str]| {
        let mut command = ekiden(arguments);
        command.env("EKIDEN_URL", &url).env("EKIDEN_TOKEN", token);
        run(command)
    };
    with(&token, &["run", "list"]).exits(0);
    with(&token, &["runner", "token"]).exits(4).never_says(&token);
    with("ekiden_user_wrong", &["run", "list"]).exits(4).never_says("ekiden_user_wrong");
    let tokens = server.ask(&["token", "list", "-o", "json"]).exits(0).json();
    let id = tokens.as_array().unwrap().iter().find(|made| made["name"] == "reader").unwrap()["id"].to_string();
    server.ask(&["token", "revoke", &id]).exits(0);
    server
        .ask(&["audit", "list"])
        .exits(0)
        .says("secret.set")
        .says("token.make")
        .says("own/repo")
        .never_says("hunter2");
}

#[test]
fn what_does_not_answer_is_told_apart() {
    let state = tempfile::tempdir().unwrap();
    let mut command = ekiden(&["run", "list"]);
    command.env("XDG_STATE_HOME", state.path());
    run(command).exits(2);
    let mut command = ekiden(&["run", "list"]);
    command.env("EKIDEN_URL", "http://127.0.0.1:1").env("EKIDEN_TOKEN", "x");
    run(command).exits(6);
    let open = |listen: &str, data: &Path| {
        let mut command = ekiden(&["server", "--listen", listen, "--data"]);
        command.arg(data);
        run(command)
    };
    let refused = open("0.0.0.0:0", state.path()).exits(2);
    assert!(refused.stderr.contains("--behind-proxy"), "{refused:#?}");
    std::fs::write(state.path().join("ekiden.toml"), "[server]\nlisen = '127.0.0.1:0'\n").unwrap();
    let slip = open("127.0.0.1:0", state.path()).exits(3);
    assert!(slip.stderr.contains("did you mean 'server.listen'?"), "{slip:#?}");
}
