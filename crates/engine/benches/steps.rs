//! What a step and a job cost of our own time: a sandbox whose commands end at once. `cargo bench -p ekiden-engine --bench steps`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures and may stop on a fault")]

use async_trait::async_trait;
use domain::{Receipt, Secret, SystemClock};
use engine::cancel;
use engine::job::{Keep, RunnerFacts, Timing};
use engine::local::{self, Labels, LocalRun};
use sandbox::{
    Backend, Collected, Ended, Exec, ExecEnd, InsideFile, Layout, Limits, Network, Process, Profile, Root, Sandbox,
    SandboxError, SandboxSpec, Signal, Workspace,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use workflow::action_source::{ActionRef, ActionSource, FetchedRepository, Unavailable};
use workflow::expr::Value;
use workflow::plan::{FileReference, Files, Plan, PlanOutcome, plan};

#[derive(Debug)]
struct Nothing;

#[derive(Debug)]
struct NoSandbox(Layout);

#[derive(Debug)]
struct NoProcess(usize);

#[async_trait]
impl Backend for Nothing {
    fn name(&self) -> &'static str {
        "nothing"
    }
    async fn prepare(&self, _: SandboxSpec) -> Result<Box<dyn Sandbox>, SandboxError> {
        Ok(Box::new(NoSandbox(Layout {
            work: "/home/runner/work/repo".into(),
            workspace: "/home/runner/work/repo/repo".into(),
            temp: "/home/runner/work/_temp".into(),
            tool_cache: "/opt/hostedtoolcache".into(),
            home: "/home/runner".into(),
            user: "runner".into(),
            path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
            env: Vec::new(),
        })))
    }
}

#[async_trait]
impl Sandbox for NoSandbox {
    fn layout(&self) -> &Layout {
        &self.0
    }
    async fn exec(&self, exec: Exec) -> Result<Box<dyn Process>, SandboxError> {
        Ok(Box::new(NoProcess(exec.collect.len())))
    }
    async fn place(&self, _: &str, _: &Path) -> Result<(), SandboxError> {
        Ok(())
    }
    async fn read(&self, _: &Path, _: u64) -> Result<Option<Vec<u8>>, SandboxError> {
        Ok(None)
    }
    async fn write(&self, _: Vec<InsideFile>) -> Result<(), SandboxError> {
        Ok(())
    }
    async fn remove(&self, _: Vec<PathBuf>) -> Result<(), SandboxError> {
        Ok(())
    }
    async fn hash(&self, _: &[String]) -> Result<String, SandboxError> {
        Ok(String::new())
    }
    async fn signal_all(&self, _: Signal) -> Result<(), SandboxError> {
        Ok(())
    }
    async fn destroy(&self, _: bool) -> Result<Receipt, SandboxError> {
        Ok(Receipt {
            backend: "nothing".into(),
            profile: "none".into(),
            network: "none".into(),
            root: "none".into(),
            machine: "bench".into(),
            isolation: Vec::new(),
            start_micros: 0,
            peak_memory: None,
            cpu_micros: None,
            refused: Vec::new(),
            limit_reached: None,
            kept: None,
        })
    }
}

#[async_trait]
impl Process for NoProcess {
    async fn wait(&self) -> Result<Ended, SandboxError> {
        let collected = (0..self.0).map(|_| Collected::Content(Vec::new())).collect();
        Ok(Ended { end: ExecEnd::Exited(0), collected, wall: Duration::ZERO })
    }
    async fn signal(&self, _: Signal) -> Result<(), SandboxError> {
        Ok(())
    }
}

#[derive(Debug)]
struct NoActions;

impl ActionSource for NoActions {
    fn fetch(&self, _: &ActionRef) -> Result<FetchedRepository, Unavailable> {
        Err(Unavailable { action: String::new(), tried: Vec::new() })
    }
}

fn planned(text: &str) -> Arc<Plan> {
    let path = ".github/workflows/ci.yml";
    let mut files = Files::new();
    files.insert(FileReference::Local(path.to_owned()), text);
    match plan(&files, path) {
        PlanOutcome::Ready(plan) => Arc::new(*plan),
        wrong => panic!("{wrong:?}"),
    }
}

fn once(runtime: &tokio::runtime::Runtime, plan: &Arc<Plan>, secrets: usize) -> Duration {
    let (sender, mut receiver) = engine::events::channel();
    let (_canceller, signal) = cancel::channel();
    let github = serde_json::json!({"event_name": "push", "repository": "o/r", "sha": "0123456789012345678901234567890123456789", "ref": "refs/heads/main", "event": {}});
    let run = LocalRun {
        ended: Vec::new(),
        own: None,
        masked: Vec::new(),
        aliases: Vec::new(),
        head: Vec::new(),
        concurrency: None,
        hooks: engine::job::Hooks::default(),
        plan: Arc::clone(plan),
        github: Value::from_json(&github),
        vars: Value::Null,
        inputs: Value::Null,
        cells: Vec::new(),
        longest: None,
        secrets: (0..secrets)
            .map(|n| (format!("S{n}"), Secret::new(format!("secret-number-{n}-0123456789abcdef"))))
            .collect(),
        token: None,
        environment: Vec::new(),
        action_environment: Vec::new(),
        runner: RunnerFacts {
            name: "bench".into(),
            os: "Linux".into(),
            arch: "X64".into(),
            environment: "self-hosted".into(),
        },
        backend: Arc::new(Nothing),
        sandbox: SandboxSpec {
            name: String::new(),
            root: Root::Host,
            profile: Profile::Hardened,
            network: Network::None,
            limits: Limits { memory: None, processes: None, cpu_millis: None, disk: None, inodes: None },
            repository_name: "r".into(),
            workspace: Workspace::Empty,
            expose: Vec::new(),
            path: Vec::new(),
            mounts: Vec::new(),
            views: Vec::new(),
            tool_cache: None,
        },
        keep: Keep::Never,
        actions: Arc::new(NoActions),
        checkout: None,
        labels: Labels { served: vec!["ubuntu-latest".into()] },
        room: local::Room::new(8),
        env: Vec::new(),
        events: sender,
        cancel: signal,
        clock: Arc::new(SystemClock),
        timing: Timing::default(),
    };
    let began = Instant::now();
    runtime.block_on(async {
        let read = async { while receiver.recv().await.is_some() {} };
        let (report, ()) = tokio::join!(local::run(run), read);
        assert_eq!(report.conclusion, domain::Conclusion::Success);
    });
    began.elapsed()
}

fn median(runs: usize, mut one: impl FnMut() -> Duration) -> Duration {
    let mut all: Vec<Duration> = (0..runs).map(|_| one()).collect();
    all.sort();
    all[runs / 2]
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let head = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n";
    let one = planned(&format!("{head}    steps: [{{run: 'true'}}]\n"));
    let steps = planned(&format!("{head}    steps:\n{}", "      - run: 'true'\n".repeat(1001)));
    let cells: Vec<String> = (0..16).map(|n| n.to_string()).collect();
    let cells = cells.join(",");
    let jobs = planned(&format!(
        "{head}    strategy: {{matrix: {{a: [{cells}], b: [{cells}]}}}}\n    steps: [{{run: 'true'}}]\n"
    ));
    for secrets in [0, 50] {
        let t1 = median(21, || once(&runtime, &one, secrets));
        let t1001 = median(7, || once(&runtime, &steps, secrets));
        let t256 = median(7, || once(&runtime, &jobs, secrets));
        println!(
            "{secrets:2} secrets: a run of one step {t1:.1?}; a step {:.1?}; a job {:.1?}",
            (t1001 - t1) / 1000,
            (t256 - t1) / 255
        );
    }
}
