//! The agent on a real Gitea, where `EKIDEN_GITEA` names its program and `EKIDEN_GITEA_ASSETS` the folder with its `options` and `templates`.

use crate::support::{ekiden, run};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use testkit::{Gitea, GiteaProgram, Sweeps};

const PATIENCE: Duration = Duration::from_secs(60);

const FEATURES: &str = r#"on: workflow_dispatch
env: {TOP: top}
jobs:
  a:
    runs-on: lab
    outputs: {v: '${{ steps.s.outputs.v }}'}
    strategy: {matrix: {n: [1, 2]}}
    steps:
      - {id: s, run: 'echo "v=x${{ matrix.n }}" >> "$GITHUB_OUTPUT"'}
      - run: echo "::add-mask::hunter2"; printf 'hunt%s\n' er2
      - run: test "${{ secrets.WORD }}" = s3cr3t-value && echo "${{ secrets.WORD }}"
      - {if: failure(), run: exit 9}
      - {continue-on-error: true, run: exit 3}
      - run: test "$TOP" = top
  b:
    needs: a
    runs-on: box
    steps:
      - uses: actions/checkout@v4
      - run: cat data.txt; test "${{ startsWith(needs.a.outputs.v, 'x') }}" = true
  c: {needs: b, if: '${{ false }}', runs-on: lab, steps: [{run: exit 1}]}
  d: {runs-on: lab, steps: [{run: exit 7}]}
  e: {needs: d, if: '${{ always() }}', runs-on: lab, steps: [{run: 'test "${{ needs.d.result }}" = failure'}]}
"#;

/// An agent in a process; ended when dropped.
struct Agent(Child);

impl Agent {
    fn start(forge: &Gitea, data: &Path, more: &[&str]) -> Self {
        let (url, token) = (forge.url(), forge.token().unwrap());
        let mut register = ekiden(&["agent", "register", "--instance", &url, "--token", &token]);
        register.arg("--name").arg(data.file_name().unwrap()).args(["--labels", "lab:host,box", "--data"]);
        register.arg(data).args(more);
        run(register).exits(0);
        let mut start = ekiden(&["agent", "start", "--capacity", "2", "--data"]);
        let log = std::fs::File::create(data.join("log")).unwrap();
        Self(start.arg(data).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    /// Drains it.
    fn end(mut self) {
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().unwrap().success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits on what nobody tells.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what} did not come to pass");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn features(forge: &Gitea) {
    forge.repository("features").unwrap();
    forge.secret("features", "WORD", "s3cr3t-value").unwrap();
    forge.put("features", "data.txt", "content-of-data\n").unwrap();
    forge.put("features", ".gitea/workflows/f.yml", FEATURES).unwrap();
    let run = forge.dispatch("features", "f.yml").unwrap();
    let jobs = forge.wait("features", run, PATIENCE).unwrap();
    let log = |name: &str| {
        let job = jobs.iter().find(|job| job.name == name).unwrap();
        forge.log("features", job.id).unwrap()
    };
    let got: BTreeMap<&str, &str> = jobs.iter().map(|job| (job.name.as_str(), job.conclusion.as_str())).collect();
    let expected = [
        ("a (1)", "success"),
        ("a (2)", "success"),
        ("b", "success"),
        ("c", "skipped"),
        ("d", "failure"),
        ("e", "success"),
    ];
    assert_eq!(got, BTreeMap::from(expected), "{}", log("b"));
    for name in ["a (1)", "a (2)"] {
        let log = log(name);
        assert!(!log.contains("s3cr3t-value") && !log.lines().any(|line| line.ends_with("hunter2")), "{log}");
        assert!(log.lines().any(|line| line.ends_with(" ***")), "{log}");
    }
    assert!(log("b").contains("content-of-data"), "{}", log("b"));
    assert!(log("d").contains("exit code 7"), "{}", log("d"));
}

fn cancel(forge: &Gitea) {
    // The number tells it from other sleepers of the machine.
    let nap = format!("sleep 300.{}", std::process::id());
    let workflow = format!(
        "on: workflow_dispatch\njobs:\n  j:\n    runs-on: lab\n    steps:\n      - run: {nap}\n      - if: cancelled()\n        run: printf 'clean%s\\n' ed-up\n"
    );
    forge.repository("cancel").unwrap();
    forge.put("cancel", ".gitea/workflows/c.yml", &workflow).unwrap();
    let sleeps = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let mut lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
        lines.any(|line| String::from_utf8_lossy(&line).replace('\0', " ").starts_with(&nap))
    };
    let run = forge.dispatch("cancel", "c.yml").unwrap();
    until("a step that sleeps", sleeps);
    forge.cancel("cancel", run).unwrap();
    until("the end of a cancelled step", || !sleeps());
    let jobs = forge.wait("cancel", run, PATIENCE).unwrap();
    assert_eq!(jobs[0].conclusion, "cancelled");
    // The forge shows a cancelled job as over before its runner has said all.
    until("the log of the step for a cancelled job", || {
        forge.log("cancel", jobs[0].id).is_ok_and(|log| log.contains("cleaned-up"))
    });
}

fn ephemeral(forge: &Gitea, data: &Path) {
    forge.repository("once").unwrap();
    let workflow = "on: workflow_dispatch\njobs:\n  j:\n    runs-on: lab\n    strategy: {matrix: {n: [1, 2]}}\n    steps: [{run: 'true'}]\n";
    forge.put("once", ".gitea/workflows/o.yml", workflow).unwrap();
    let run = forge.dispatch("once", "o.yml").unwrap();
    let mut agent = Agent::start(forge, data, &["--ephemeral"]);
    let mut status = None;
    until("the end of an ephemeral agent", || {
        status = agent.0.try_wait().unwrap();
        status.is_some()
    });
    assert!(status.unwrap().success(), "{}", std::fs::read_to_string(data.join("log")).unwrap());
    let jobs = forge.jobs("once", run).unwrap();
    assert_eq!(jobs.iter().filter(|job| job.status == "completed").count(), 1, "{jobs:?}");
    assert_eq!(forge.runners().unwrap(), ["agent"]);
}

#[test]
fn a_real_gitea_gives_jobs_and_shows_their_ends() {
    let Some(program) = GiteaProgram::from_env().unwrap() else {
        println!("SKIP: EKIDEN_GITEA does not name a Gitea to test the agent against");
        return;
    };
    let work = tempfile::tempdir().unwrap();
    let forge = Gitea::start(&program, &work.path().join("gitea"), Sweeps::Usual).unwrap();
    let data = work.path().join("agent");
    let agent = Agent::start(&forge, &data, &[]);
    features(&forge);
    cancel(&forge);
    agent.end();
    ephemeral(&forge, &work.path().join("ephemeral"));
}
