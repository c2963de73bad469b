//! `ekiden up`, whole: a server, an agent and a checkout in one process.

use crate::support::{Repository, ekiden, run};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

const GREEN: &str = "on: push\njobs:\n  hello:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - run: cat data.txt\n";
const RED: &str = "on: push\njobs:\n  good:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo fine\n  bad:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo before; echo '::error::the first one'; exit 3\n  late:\n    needs: bad\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo never\n";

/// `up` in a checkout, with a state folder of its own.
fn up(repository: &Repository, state: &Path, more: &[&str]) -> Command {
    let mut command = repository.command(&["up", "--listen", "127.0.0.1:0"]);
    command.args(more).env("XDG_STATE_HOME", state);
    command
}

/// A running `up` whose two streams are read line by line, each for itself: nothing orders one against the other.
struct Running {
    child: Child,
    answers: Lines,
    notes: Lines,
}

/// What one stream said.
struct Lines {
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (answers, notes) = (Lines::of(child.stdout.take().unwrap()), Lines::of(child.stderr.take().unwrap()));
        Self { child, answers, notes }
    }

    /// Ctrl-C, once.
    fn interrupt(mut self) -> ExitStatus {
        assert!(Command::new("kill").args(["-s", "INT", &self.child.id().to_string()]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(stream).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        Self { lines, seen: Vec::new() }
    }

    /// The next line that has the text.
    #[track_caller]
    fn until(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(_) => panic!("no {text:?} in {:#?}", self.seen),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where no sandbox can be made, nothing of this can run.
#[expect(clippy::print_stdout, reason = "a test says that it is left out, and why")]
fn cannot_run_here() -> bool {
    let doctor = run(ekiden(&["doctor", "-o", "json"]));
    let is_good = doctor.code == Some(0);
    if !is_good {
        println!("SKIP: no sandbox can be made here; `ekiden doctor` says why");
    }
    !is_good
}

#[test]
fn a_green_checkout_is_green_and_the_second_start_goes_on() {
    if cannot_run_here() {
        return;
    }
    let repository = Repository::with(&[(".github/workflows/ci.yml", GREEN), ("data.txt", "the data\n")]);
    let state = tempfile::tempdir().unwrap();
    let first = run(up(&repository, state.path(), &["--once"])).exits(0);
    for text in ["✓ hello", "green in ", "/login/once/ekiden_user_", "shown this once"] {
        assert!(first.stdout.contains(text), "{text}: {first:#?}");
    }
    let token = state.path().join("ekiden/up/server/admin-token");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&token).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let second = run(up(&repository, state.path(), &["--once"])).exits(0);
    assert!(second.stderr.contains("ran before: .github/workflows/ci.yml success"), "{second:#?}");
    second.never_says(std::fs::read_to_string(&token).unwrap().trim());
    // Commits of the time in between run at the next start.
    repository.commit("data.txt", "more\n");
    run(up(&repository, state.path(), &["--once"])).exits(0).says("✓ hello").says("green in ");
    let inside = repository.path().join(".git/state");
    let refused = run(up(&repository, state.path(), &["--data", inside.to_str().unwrap()])).exits(2);
    assert!(refused.stderr.contains("lies in the checkout"));
}

#[test]
fn what_failed_is_told_the_first_error_first() {
    if cannot_run_here() {
        return;
    }
    let repository = Repository::ci(RED);
    let state = tempfile::tempdir().unwrap();
    let ran = run(up(&repository, state.path(), &["--once"])).exits(1);
    for text in
        ["✓ good", "✗ bad", "○ late  skipped", "bad failed", "│ before", "│ error: the first one", "failure after "]
    {
        assert!(ran.stdout.contains(text), "{text}: {ran:#?}");
    }
}

#[test]
fn new_commits_run_by_themselves_and_other_commands_find_it() {
    if cannot_run_here() {
        return;
    }
    let repository = Repository::with(&[(".github/workflows/ci.yml", GREEN), ("data.txt", "the data\n")]);
    let state = tempfile::tempdir().unwrap();
    let mut running = Running::start(up(&repository, state.path(), &[]));
    running.answers.until("green in");
    running.notes.until("new commits run by themselves");
    let ask = |arguments: &[&str]| {
        let mut command = ekiden(arguments);
        command.env("XDG_STATE_HOME", state.path());
        run(command)
    };
    let runs = ask(&["run", "list", "-o", "json"]).exits(0).json();
    assert_eq!(runs.as_array().map(Vec::len), Some(1));
    let job = ask(&["run", "show", &runs[0]["id"].to_string(), "-o", "json"]).exits(0).json();
    let log = ask(&["job", "log", &job["jobs"][0]["id"].to_string()]).exits(0);
    assert!(log.stdout.contains("the data\n"), "{log:#?}");
    repository.commit("data.txt", "changed\n");
    running.answers.until("✓ hello");
    running.answers.until("green in");
    assert_eq!(ask(&["run", "list", "-o", "jsonl"]).exits(0).stdout.lines().count(), 2);
    assert_eq!(running.interrupt().code(), Some(0));
    let gone = ask(&["run", "list"]).exits(2);
    assert!(gone.stderr.contains("ekiden up"), "{gone:#?}");
}

#[test]
fn a_checkout_without_workflows_says_so() {
    if cannot_run_here() {
        return;
    }
    let repository = Repository::with(&[("a", "1")]);
    let state = tempfile::tempdir().unwrap();
    let ran = run(up(&repository, state.path(), &["--once"])).exits(0);
    assert!(ran.stderr.contains("has no workflows"), "{ran:#?}");
    let by_hand = Repository::ci(
        "on: workflow_dispatch\njobs:\n  j:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo x\n",
    );
    let ran = run(up(&by_hand, state.path(), &["--once"])).exits(0);
    assert!(
        ran.stderr.contains("no workflow starts on a push to main") && ran.stderr.contains("run dispatch"),
        "{ran:#?}"
    );
    let nowhere = tempfile::tempdir().unwrap();
    let mut command = ekiden(&["up", nowhere.path().to_str().unwrap()]);
    command.env("XDG_STATE_HOME", state.path());
    run(command).exits(5);
}

#[test]
fn its_help_says_ten_things_to_do_next() {
    let help = run(ekiden(&["up", "--help"])).exits(0);
    for number in 1..=10 {
        assert!(help.stdout.contains(&format!("\n  {number:2}. ")), "{number}: {}", help.stdout);
    }
}
