//! The commands that ask a server, against a real one: what they print, and how they end.

use crate::support::{Ran, Repository, ekiden, run};
use rustix::process::Signal;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const WORKFLOW: &str = "on:\n  workflow_dispatch:\n    inputs: {who: {required: true}}\njobs:\n  j:\n    runs-on: nobody\n    steps:\n      - run: echo hello\n";

/// `ekiden server` in a process; ended when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) state: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(more: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let mut command = ekiden(&["server", "--listen", "127.0.0.1:0"]);
        command.args(more);
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

    pub(crate) fn url(&self) -> String {
        let told: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(self.file()).unwrap()).unwrap();
        told["url"].as_str().unwrap().to_owned()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = ekiden(arguments);
        command.env("XDG_STATE_HOME", self.state.path());
        command
    }

    pub(crate) fn ask(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments))
    }

    /// With something on stdin.
    pub(crate) fn ask_with(&self, arguments: &[&str], input: &str) -> Ran {
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

#[test]
fn hooks_and_tokens_that_register() {
    let server = Server::start();
    let repository = Repository::ci(WORKFLOW);
    server.ask(&["project", "add", "own/repo", "--git", &path(&repository)]).exits(0);
    let made = server.ask(&["project", "hook", "own/repo"]).exits(0);
    let address = format!("address  {}/api/v1/repos/own/repo/hooks/push", server.url());
    assert!(made.stdout.contains(&address) && made.stdout.contains("secret   ekiden_hook_"), "{made:#?}");
    let again = server.ask(&["project", "hook", "own/repo"]).exits(0);
    assert!(!again.stdout.contains("ekiden_hook_") && again.stderr.contains("--rotate"), "{again:#?}");
    let other = server.ask(&["project", "hook", "own/repo", "--rotate", "-o", "json"]).exits(0).json();
    assert!(!made.stdout.contains(other["secret"].as_str().unwrap()));
    server.ask(&["project", "hook", "own/repo", "--remove"]).exits(0);
    server.ask(&["project", "hook", "own/none"]).exits(5);
    // A forge that is not there, and none at all.
    let nowhere = ["project", "set", "own/repo", "--forge", "http://127.0.0.1:1/own/repo"];
    let refused = server.ask_with(&nowhere, "t0ken\n").exits(2).never_says("t0ken");
    assert!(refused.stderr.contains("does not answer"), "{refused:#?}");
    server.ask_with(&nowhere, "").exits(2);
    server.ask(&["project", "set", "own/repo"]).exits(2);
    server.ask(&["project", "set", "own/repo", "--no-forge"]).exits(0);

    let usual = server.ask(&["runner", "token"]).exits(0).stdout;
    assert_eq!(server.ask(&["runner", "token"]).exits(0).stdout, usual, "it is said again");
    let own = [
        "runner",
        "token",
        "--name",
        "rack",
        "--pool",
        "gpu",
        "--label",
        "gpu,linux",
        "--uses",
        "8",
        "--expires-in",
        "1d",
    ];
    let made = server.ask(&own).exits(0);
    assert!(made.stdout.starts_with("ekiden_reg_") && made.stdout != usual, "{made:#?}");
    assert!(made.stderr.contains("--labels gpu,linux"), "{made:#?}");
    let listed =
        server.ask(&["runner", "token", "list"]).exits(0).says("rack").says("8 more, pool gpu, with gpu,linux");
    listed.never_says(made.stdout.trim());
    let all = server.ask(&["token", "list", "--kind", "registration", "-o", "json"]).exits(0).json();
    let rack = all.as_array().unwrap().iter().find(|token| token["name"] == "rack").unwrap();
    assert_eq!((&rack["uses_left"], &rack["labels"][1]), (&8.into(), &"linux".into()));
    let id = rack["id"].to_string();
    let rotated = server.ask(&["runner", "token", "rotate", &id, "--grace", "1h"]).exits(0).stdout;
    assert_ne!(rotated, made.stdout);
    server.ask(&["runner", "token", "revoke", &id]).exits(0);
    server.ask(&["runner", "token", "revoke", "9999"]).exits(5);
    // The number of another kind's token is a slip, and the last one that may do everything stays.
    let slip = server.ask(&["runner", "token", "revoke", "1"]).exits(5);
    assert!(slip.stderr.contains("registers runners"), "{slip:#?}");
    let last = server.ask(&["token", "revoke", "1"]).exits(2);
    assert!(last.stderr.contains("make another such one first"), "{last:#?}");
    server.ask(&["runner", "token", "--pool", ""]).exits(2);
    server.ask(&["runner", "token", "--uses", "many"]).exits(2);
}

#[test]
fn a_backup_that_is_broken_off_shows_and_leaves_nothing() {
    let server = Server::start();
    let data = server.state.path().join("ekiden/server");
    // Many minutes of work.
    std::fs::create_dir_all(data.join("repositories/x/objects")).unwrap();
    let big = std::fs::File::create(data.join("repositories/x/objects/big")).unwrap();
    big.set_len(1 << 40).unwrap();
    let room = tempfile::tempdir().unwrap();
    let names = || std::fs::read_dir(room.path()).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let begun = || {
        let mut command = server.command(&["server", "backup", room.path().to_str().unwrap(), "--mirrors"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let inner = names().first().map(|first| first.join("backup.tar.zst"));
            if inner.is_some_and(|inner| inner.metadata().is_ok_and(|whole| whole.len() > 0)) {
                return child;
            }
            assert!(child.try_wait().unwrap().is_none() && Instant::now() < end, "{:?}", names());
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    let told = |child: &Child, signal| {
        rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).unwrap();
    };
    for signal in [Signal::INT, Signal::TERM] {
        let child = begun();
        let inner = &names()[0];
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(inner), 0o700);
        for file in ["ekiden.db", "backup.tar.zst"] {
            assert_eq!(mode(&inner.join(file)), 0o600, "{file}");
        }
        told(&child, signal);
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(130), "{said}");
        assert!(said.contains("nothing of it is left"), "{said}");
        assert_eq!(names(), [] as [std::path::PathBuf; 0]);
    }
    // Killed, it cannot take anything away; the next one does.
    let mut child = begun();
    told(&child, Signal::KILL);
    child.wait().unwrap();
    assert_eq!(names().len(), 1);
    server.ask(&["server", "backup", room.path().to_str().unwrap()]).exits(0);
    assert!(names().len() == 1 && names()[0].is_file(), "{:?}", names());
}

#[test]
fn a_backup_of_a_running_server_becomes_another_one() {
    let server = Server::start();
    let repository = Repository::ci(WORKFLOW);
    server.ask(&["project", "add", "own/repo", "--git", &path(&repository)]).exits(0);
    let room = tempfile::tempdir().unwrap();
    let at = |name: &str| room.path().join(name).to_str().unwrap().to_owned();
    let none = server.ask(&["server", "backup", &at("x"), "--data", &at("nowhere")]).exits(5);
    assert!(none.stderr.contains("--data"), "{none:#?}");
    let made = server.ask(&["server", "backup", room.path().to_str().unwrap()]).exits(0);
    let file = made.stdout.trim().to_owned();
    assert!(file.ends_with("Z.tar.zst") && made.stderr.contains("secrets"), "{made:#?}");
    server.ask(&["server", "backup", &file]).exits(2);
    let used = server.ask(&["server", "restore", &file]).exits(2);
    assert!(used.stderr.contains("a server uses"), "{used:#?}");
    server.ask(&["server", "restore", &at("nothing"), "--data", &at("new")]).exits(5);
    std::fs::write(at("bad"), "hello").unwrap();
    server.ask(&["server", "restore", &at("bad"), "--data", &at("new")]).exits(3);
    assert!(!Path::new(&at("new")).exists());
    let restored = server.ask(&["server", "restore", &file, "--data", &at("new")]).exits(0);
    assert!(restored.stderr.contains("start it: ekiden server --data"), "{restored:#?}");
    // The same tokens open the same project there.
    let token = std::fs::read_to_string(server.state.path().join("ekiden/server/admin-token")).unwrap();
    let second = Server::start_with(&["--data", &at("new")]);
    let mut command = ekiden(&["project", "list"]);
    command.env("EKIDEN_URL", second.url()).env("EKIDEN_TOKEN", token.trim());
    run(command).exits(0).says("own/repo");
}
