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
pub(crate) fn up(repository: &Repository, state: &Path, more: &[&str]) -> Command {
    let mut command = repository.command(&["up", "--listen", "127.0.0.1:0"]);
    command.args(more).env("XDG_STATE_HOME", state);
    command
}

/// A running `up` whose two streams are read line by line, each for itself: nothing orders one against the other.
pub(crate) struct Running {
    child: Child,
    pub(crate) answers: Lines,
    pub(crate) notes: Lines,
}

/// What one stream said.
pub(crate) struct Lines {
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (answers, notes) = (Lines::of(child.stdout.take().unwrap()), Lines::of(child.stderr.take().unwrap()));
        Self { child, answers, notes }
    }

    /// Ctrl-C, once.
    pub(crate) fn interrupt(self) -> ExitStatus {
        self.signal("INT")
    }

    /// A signal, once, and the end.
    fn signal(mut self, name: &str) -> ExitStatus {
        self.send(name);
        self.child.wait().unwrap()
    }

    fn send(&self, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap().success());
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
    pub(crate) fn until(&mut self, text: &str) -> String {
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
pub(crate) fn cannot_run_here() -> bool {
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
    let link = state.path().join("link");
    std::os::unix::fs::symlink(repository.path(), &link).unwrap();
    let refused = run(up(&repository, state.path(), &["--data", link.join("state").to_str().unwrap()])).exits(2);
    assert!(refused.stderr.contains("lies in the checkout"), "{refused:#?}");
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
    let again = run(up(&repository, state.path(), &["--once"])).exits(1);
    assert!(again.stderr.contains("ran before: .github/workflows/ci.yml failure"), "{again:#?}");
}

/// What may fail, and what only says that something is not nice, stand before what made the job fail.
const AMONG_OTHERS: &str = "on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - {continue-on-error: true, run: 'echo optional-bad; exit 1'}
      - {run: 'echo compile of main.c failed; exit 2'}
      - {if: always(), run: 'echo report-bad; exit 4'}
  two:
    runs-on: ubuntu-latest
    steps:
      - {run: 'echo \"::error::style nit\"'}
      - {name: real, run: 'echo \"::error::first\"; echo row; exit 3'}
";

#[test]
fn the_step_that_failed_is_told_and_no_other() {
    if cannot_run_here() {
        return;
    }
    let repository = Repository::ci(AMONG_OTHERS);
    let state = tempfile::tempdir().unwrap();
    let ran = run(up(&repository, state.path(), &["--once"])).exits(1);
    let told = [
        "│ Run echo compile of main.c failed; exit 2\n  │ compile of main.c failed\n  │ error: Process completed with exit code 2.\n  the whole",
        "two failed: real\n",
        "│ error: first\n  │ row\n  │ error: Process completed with exit code 3.\n  the whole",
    ];
    for text in told {
        assert!(ran.stdout.contains(text), "{text}: {ran:#?}");
    }
    ran.never_says("optional-bad").never_says("report-bad").never_says("style nit");
}

#[test]
fn once_that_is_interrupted_is_no_success() {
    if cannot_run_here() {
        return;
    }
    let repository = Repository::ci(GREEN.replace("cat data.txt", "sleep 2").as_str());
    for signal in ["INT", "TERM"] {
        let state = tempfile::tempdir().unwrap();
        let mut running = Running::start(up(&repository, state.path(), &["--once"]));
        running.answers.until("▶ hello");
        assert_eq!(running.signal(signal).code(), Some(130), "{signal}");
    }
}

#[test]
fn a_terminal_that_goes_away_lets_jobs_end_and_nohup_holds() {
    if cannot_run_here() {
        return;
    }
    let repository = Repository::ci(GREEN.replace("cat data.txt", "sleep 1").as_str());
    let state = tempfile::tempdir().unwrap();
    let mut running = Running::start(up(&repository, state.path(), &[]));
    running.answers.until("▶ hello");
    assert_eq!(running.signal("HUP").code(), Some(0));
    // The job was over before.
    let again = run(up(&repository, state.path(), &["--once"])).exits(0);
    assert!(again.stderr.contains("ran before: .github/workflows/ci.yml success"), "{again:#?}");

    let inner = up(&repository, state.path(), &[]);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(inner.get_program()).args(inner.get_args());
    command.env_clear().current_dir(inner.get_current_dir().unwrap());
    for (name, value) in inner.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        command.env(name, value);
    }
    let mut running = Running::start(command);
    running.notes.until("new commits run by themselves");
    running.send("HUP");
    repository.commit("data.txt", "more\n");
    running.answers.until("green in");
    assert_eq!(running.interrupt().code(), Some(0));
}

#[test]
fn a_server_that_ends_leaves_the_one_before_it_to_be_found() {
    if cannot_run_here() {
        return;
    }
    let (first, second) = (Repository::with(&[("a", "1")]), Repository::with(&[("a", "1")]));
    let state = tempfile::tempdir().unwrap();
    let data = |name: &str| state.path().join(name).to_str().unwrap().to_owned();
    let start = |repository: &Repository, name: &str| {
        let mut running = Running::start(up(repository, state.path(), &["--data", &data(name)]));
        let said = running.answers.until("ekiden http://");
        running.notes.until("new commits run by themselves");
        (running, said.trim_start_matches("ekiden ").to_owned())
    };
    let found = || {
        let mut command = ekiden(&["project", "list", "-o", "json"]);
        command.env("XDG_STATE_HOME", state.path());
        run(command)
    };
    let (one, url) = start(&first, "one");
    let (two, _) = start(&second, "two");
    assert_eq!(two.interrupt().code(), Some(0));
    let listed = found().exits(0).json();
    assert!(listed[0]["html_url"].as_str().is_some_and(|page| page.starts_with(&url)), "{url}: {listed}");
    assert_eq!(one.interrupt().code(), Some(0));
    found().exits(2);
}

#[test]
fn without_a_home_it_runs_in_the_folder_that_it_is_given() {
    if cannot_run_here() {
        return;
    }
    let repository = Repository::ci(GREEN.replace("cat data.txt", "echo 'x'").as_str());
    let data = tempfile::tempdir().unwrap();
    let mut command = up(&repository, data.path(), &["--once", "--data", data.path().join("up").to_str().unwrap()]);
    command.env_remove("XDG_STATE_HOME").env_remove("HOME");
    let ran = run(command).exits(0);
    assert!(ran.stderr.contains("--server http://127.0.0.1:"), "{ran:#?}");
}

#[test]
fn a_tag_has_its_name_and_a_title_moves_no_cursor() {
    if cannot_run_here() {
        return;
    }
    let repository = Repository::ci(GREEN.replace("cat data.txt", "sleep 0.2").as_str());
    let state = tempfile::tempdir().unwrap();
    let mut running = Running::start(up(&repository, state.path(), &[]));
    running.notes.until("new commits run by themselves");
    let git = |arguments: &[&str]| {
        let done = Command::new("git").arg("-C").arg(repository.path()).args(arguments).status().unwrap();
        assert!(done.success());
    };
    let who = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
    git(&[&who[..], &["commit", "-q", "--allow-empty", "-m", "evil \u{1b}[2J\u{7}title"]].concat());
    // No job of 0.2 s is done in less.
    running.answers.until("evil");
    assert!(!running.answers.until("green in").contains("green in 0.0s"));
    git(&["tag", "v1"]);
    running.answers.until(" v1  evil");
    running.answers.until("green in");
    let ask = |arguments: &[&str]| {
        let mut command = ekiden(arguments);
        command.env("XDG_STATE_HOME", state.path());
        run(command).exits(0)
    };
    let shown = ask(&["run", "show", "3"]);
    assert!(shown.stdout.contains("evil [2Jtitle") && shown.stdout.contains(" v1 "), "{shown:#?}");
    assert!(!shown.stdout.contains(['\u{1b}', '\u{7}']), "{shown:#?}");
    assert_eq!(running.interrupt().code(), Some(0));
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
    let runner = || ask(&["runner", "list"]).exits(0).stdout;
    ask(&["runner", "drain", "1"]).exits(0);
    assert!(runner().contains(" draining "));
    ask(&["runner", "drain", "1", "--undo"]).exits(0);
    assert!(runner().contains(" online "));
    // Removed, it is there again as another, twice.
    for old in ["1", "2"] {
        ask(&["runner", "remove", old]).exits(0);
        let end = Instant::now() + PATIENCE;
        while !runner().contains(" online ") {
            assert!(Instant::now() < end, "{}", runner());
        }
    }
    repository.commit("data.txt", "changed\n");
    running.answers.until("✓ hello");
    running.answers.until("green in");
    assert_eq!(ask(&["run", "list", "-o", "jsonl"]).exits(0).stdout.lines().count(), 2);
    // Others are served without its own project too.
    let projects = ask(&["project", "list", "-o", "json"]).exits(0).json();
    ask(&["project", "remove", projects[0]["full_name"].as_str().unwrap()]).exits(0);
    running.notes.until("goes on");
    ask(&["project", "list"]).exits(0);
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
    let ran = run(up(&repository, state.path(), &["--once"])).exits(5);
    assert!(ran.stderr.contains("add one: .github/workflows/ci.yml"), "{ran:#?}");
    repository.write(".gitea/workflows/.keep", "");
    let ran = run(up(&repository, state.path(), &["--once"])).exits(5);
    assert!(ran.stderr.contains("add one: .gitea/workflows/ci.yml"), "{ran:#?}");
    let by_hand = Repository::ci(
        "on: workflow_dispatch\njobs:\n  j:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo x\n",
    );
    let ran = run(up(&by_hand, state.path(), &["--once"])).exits(5);
    assert!(
        ran.stderr.contains("no workflow starts on a push to main") && ran.stderr.contains("run dispatch"),
        "{ran:#?}"
    );
    let nowhere = tempfile::tempdir().unwrap();
    let mut command = ekiden(&["up", nowhere.path().to_str().unwrap()]);
    command.env("XDG_STATE_HOME", state.path());
    let ran = run(command).exits(5);
    assert!(ran.stderr.contains("git init") && !ran.stderr.contains("-C DIR"), "{ran:#?}");
    let mut command = ekiden(&["up", nowhere.path().join("not").to_str().unwrap()]);
    command.env("XDG_STATE_HOME", state.path());
    let ran = run(command).exits(5);
    assert!(ran.stderr.contains("/not") && ran.stderr.contains("No such file"), "{ran:#?}");
    let empty = tempfile::tempdir().unwrap();
    assert!(Command::new("git").args(["init", "-q"]).arg(empty.path()).status().unwrap().success());
    let mut command = ekiden(&["up", "--once", "--listen", "127.0.0.1:0", empty.path().to_str().unwrap()]);
    command.env("XDG_STATE_HOME", state.path());
    let ran = run(command).exits(5);
    assert!(ran.stderr.contains("has no commit yet"), "{ran:#?}");
}

#[test]
fn its_help_says_ten_things_to_do_next() {
    let help = run(ekiden(&["up", "--help"])).exits(0);
    for number in 1..=10 {
        assert!(help.stdout.contains(&format!("\n  {number:2}. ")), "{number}: {}", help.stdout);
    }
    assert!(help.stdout.contains("--url https://ci.example.org --behind-proxy"), "{}", help.stdout);
}
