//! A job's log on its way to a forge in another process: bytes per second until the task is complete, and the memory that it took.
//! `cargo bench -p ekiden-agent --bench report [-- MEGABYTES]`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures and may stop on a fault")]

use agent::report::{Delivered, End, ReportSettings, Reporter, Spares, TaskFolder, Timing};
use domain::{
    Conclusion, JobEvent, JobEventKind, JobId, RunnerCapability, RunnerLife, Secret, StepPhase, StepRef, SystemClock,
    TaskId, TasksVersion, Timestamp,
};
use protocol::{Client, ClientSettings, Dialect, Fetch, Registration, Want};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::{FakeForge, bare_task};

const TASKS: i64 = 5;
/// Says that this process is to be the forge.
const FORGE: &str = "EKIDEN_BENCH_FORGE";
/// A line with its newline.
const LINE: usize = 99;
/// One event of output.
const EVENT: usize = 64 * 1024 / LINE;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if std::env::var_os(FORGE).is_some() {
        return runtime.block_on(forge());
    }
    let megabytes = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(32);
    runtime.block_on(agent(megabytes));
}

/// The forge: says its URL, and how many rows it has when its input ends.
async fn forge() {
    let forge = FakeForge::start(Dialect::Gitea).await.unwrap();
    for task in 1..=TASKS {
        forge.add(bare_task(task, "jobs:"), &[]);
    }
    println!("{}", forge.url());
    std::io::stdout().flush().unwrap();
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    let rows: Vec<usize> = (1..=TASKS).map(|task| forge.log(TaskId(task)).len()).collect();
    println!("{rows:?} {}", forge.calls().len());
}

async fn agent(megabytes: usize) {
    let mut forge = Command::new(std::env::current_exe().unwrap())
        .env(FORGE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answers = BufReader::new(forge.stdout.take().unwrap());
    let mut url = String::new();
    answers.read_line(&mut url).unwrap();
    let client = Client::new(&ClientSettings::new(url.trim(), "0.0.0")).unwrap();
    let registration = Registration {
        name: "bench".to_owned(),
        token: Secret::new(FakeForge::TOKEN),
        version: "0".to_owned(),
        labels: Vec::new(),
        life: RunnerLife::Lasting,
        capabilities: vec![RunnerCapability::Cancelling],
    };
    let key = client.register(registration).await.unwrap().key();
    let folder = tempfile::tempdir().unwrap();
    let spares = Spares::of(folder.path().to_owned());
    println!("before: {} KiB at the peak", peak());
    let mut best = Duration::MAX;
    for task in 1..=TASKS {
        let fetch = Fetch { version: TasksVersion::UNKNOWN, want: Want::One, key: None };
        assert_eq!(client.fetch(&key, fetch).await.unwrap().tasks.len(), 1);
        let settings = ReportSettings {
            client: client.clone(),
            key: key.clone(),
            task: TaskId(task),
            steps: 1,
            background: Vec::new(),
            dialect: Dialect::Gitea,
            spool: TaskFolder::new(Arc::clone(&spares), &task.to_string()),
            clock: Arc::new(SystemClock),
            timing: Timing::default(),
        };
        let took = one(settings, megabytes * 1_000_000).await;
        best = best.min(took);
        let rate = megabytes as f64 / took.as_secs_f64();
        println!("{megabytes} MB in lines of {LINE} bytes: {took:.2?}, {rate:.0} MB/s; {} KiB at the peak", peak());
    }
    drop(forge.stdin.take());
    let mut told = String::new();
    answers.read_line(&mut told).unwrap();
    println!("best: {:.0} MB/s; rows and calls: {}", megabytes as f64 / best.as_secs_f64(), told.trim());
    forge.wait().unwrap();
}

async fn one(settings: ReportSettings, bytes: usize) -> Duration {
    let line = format!("{}\n", "x".repeat(LINE - 1));
    let page = line.repeat(EVENT);
    let event = |kind| JobEvent { job: JobId::new("bench"), at: Timestamp(1_800_000_000_000), kind };
    let (step, name) = (StepRef(1), "log".to_owned());
    let began = Instant::now();
    let (events, handle) = Reporter::start(settings);
    let start = JobEventKind::StepStarted { step, name: name.clone(), phase: StepPhase::Main, index: Some(0) };
    events.send(event(start)).await.unwrap();
    let mut sent = 0;
    while sent < bytes {
        let text: Arc<str> = page[..page.len().min((bytes - sent).next_multiple_of(LINE))].into();
        sent += text.len();
        events.send(event(JobEventKind::Output { step, text })).await.unwrap();
    }
    let (outcome, conclusion) = (Conclusion::Success, Conclusion::Success);
    let phase = StepPhase::Main;
    let end = JobEventKind::StepFinished { step, name, phase, index: Some(0), outcome, conclusion, micros: 1 };
    events.send(event(end)).await.unwrap();
    assert_eq!(handle.finish(End::Concluded { conclusion }).await, Delivered::Whole);
    began.elapsed()
}

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}
