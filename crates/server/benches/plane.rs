//! The control plane without jobs: runs planned, tasks handed out and reported over loopback. `cargo bench -p ekiden-server --bench plane
//! [-- DATABASE]`; without a database: SQLite in a temporary folder.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures and may stop on a fault")]

use domain::control::{Expiry, RunPhase, Scope, TokenPhase, TokenUse, Uses};
use domain::{Conclusion, RunnerKey, RunnerLife, TaskId, TaskPhase, TaskResult, TaskState, TasksVersion, Timestamp};
use protocol::{Client, ClientSettings, Fetch, Registration, Report, RequestKey, Want};
use server::serve::{FOLDERS, Running, ServerSettings, start};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use store::{AuditEntry, NewProject, NewToken, Project, StoredRun, TokenKind};
use testkit::TempRepository;

const HOLD: Duration = Duration::from_secs(20);

fn main() {
    let database = std::env::args().skip(1).find(|word| word.contains("://"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(all(database));
}

async fn all(database: Option<String>) {
    let repository = TempRepository::with(&[
        (".gitea/workflows/one.yml", "on: workflow_dispatch\njobs: {a: {runs-on: lab, steps: [{run: 'true'}]}}\n"),
        (".gitea/workflows/many.yml", &matrix("lab", 16)),
        (".gitea/workflows/waiting.yml", &matrix("nobody", 16)),
    ]);
    let data = tempfile::tempdir().unwrap();
    let (server, project) = open(data.path(), &repository, database).await;
    latency(&server, &project).await;
    ends(&server, &project).await;
    planning(&server, &project).await;
    latency(&server, &project).await;
    server.stop().await;
}

fn matrix(label: &str, side: usize) -> String {
    let values: Vec<String> = (0..side).map(|value| value.to_string()).collect();
    let values = values.join(", ");
    format!(
        "on: workflow_dispatch\njobs:\n  a:\n    runs-on: {label}\n    strategy: {{matrix: {{a: [{values}], b: [{values}]}}}}\n    steps: [{{run: 'true'}}]\n"
    )
}

async fn open(data: &Path, repository: &TempRepository, database: Option<String>) -> (Running, Project) {
    let settings = ServerSettings {
        data: data.to_owned(),
        database,
        listen: "127.0.0.1:0".parse().unwrap(),
        url: None,
        trust: server::access::Trust::Network,
        tls: None,
        connections: 16_384,
        pace: server::serve::Pace::default(),
        sweep: server::sweep::SweepSettings::default(),
        folders: FOLDERS.map(str::to_owned).to_vec(),
        actions: server::serve::ActionsFrom::default(),
        version: "0.0.0",
    };
    let server = start(settings).await.unwrap();
    let git = repository.path().to_string_lossy().into_owned();
    let name = format!("p{}", server.plane.now().0);
    let new = NewProject { owner: "bench".to_owned(), name, git };
    let project = server.plane.store.add_project(&new, server.plane.now(), &audit()).await.unwrap();
    server.plane.queue.project(project.clone());
    (server, project)
}

fn audit() -> AuditEntry {
    let text = || "bench".to_owned();
    AuditEntry { actor: text(), origin: text(), action: text(), object: text(), detail: serde_json::Value::Null }
}

async fn dispatch(server: &Running, project: &Project, workflow: &str) -> StoredRun {
    let inputs = serde_json::Map::new();
    server::event::dispatch(&server.plane, project, workflow, "main", inputs, "bench").await.unwrap()
}

/// From the call that dispatches to the task at a runner that waits.
async fn latency(server: &Running, project: &Project) {
    let runner = Runner::new(server, "latency").await;
    let mut times = Vec::new();
    for _ in 0..200 {
        let asked = {
            let runner = runner.clone();
            tokio::spawn(async move { runner.fetch(1).await })
        };
        tokio::time::sleep(Duration::from_millis(8)).await;
        let begin = Instant::now();
        dispatch(server, project, "one.yml").await;
        let tasks = asked.await.unwrap();
        times.push(begin.elapsed());
        runner.end(tasks[0]).await;
    }
    times.sort();
    println!(
        "dispatch -> task at the runner: p50 {:?}, p99 {:?}",
        times[times.len() / 2],
        times[times.len() * 99 / 100]
    );
    runner.remove(server).await;
}

/// Tasks taken, started and ended by eight runners, a second.
async fn ends(server: &Running, project: &Project) {
    let mut runners = Vec::new();
    for at in 0..8 {
        runners.push(Runner::new(server, &format!("ends {at}")).await);
    }
    for _ in 0..3 {
        let begin = Instant::now();
        let mut runs = Vec::new();
        for _ in 0..4 {
            runs.push(dispatch(server, project, "many.yml").await);
        }
        let planned = begin.elapsed();
        let jobs = 4 * 256;
        let left = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(jobs));
        let working: Vec<_> = runners
            .iter()
            .cloned()
            .map(|runner| {
                let left = std::sync::Arc::clone(&left);
                tokio::spawn(async move {
                    while left.load(std::sync::atomic::Ordering::SeqCst) > 0 {
                        for task in runner.fetch_for(1, Duration::from_millis(200)).await {
                            runner.begin(task).await;
                            runner.end(task).await;
                            left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        }
                    }
                })
            })
            .collect();
        for work in working {
            work.await.unwrap();
        }
        for run in runs {
            while !matches!(server.plane.store.run(run.id).await.unwrap().phase, RunPhase::Finished(_)) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        let all = begin.elapsed();
        println!(
            "4 runs of 256 jobs: planned in {planned:?} ({:.0} jobs/s), all ended after {all:?} ({:.0} jobs/s)",
            f64::from(i32::try_from(jobs).unwrap()) / planned.as_secs_f64(),
            f64::from(i32::try_from(jobs).unwrap()) / (all - planned).as_secs_f64(),
        );
    }
    for runner in runners {
        runner.remove(server).await;
    }
}

/// Queued jobs made by dispatches.
async fn planning(server: &Running, project: &Project) {
    let begin = Instant::now();
    for _ in 0..80 {
        dispatch(server, project, "waiting.yml").await;
    }
    println!("80 dispatches of 256 jobs: {:.0} jobs/s", 80.0 * 256.0 / begin.elapsed().as_secs_f64());
}

#[derive(Clone)]
struct Runner {
    client: Client,
    key: RunnerKey,
    id: domain::RunnerId,
}

impl Runner {
    async fn new(server: &Running, name: &str) -> Self {
        let token = TokenUse::Registration.text(server::keys::random().unwrap());
        let new = NewToken {
            kind: TokenKind::Registration,
            hash: server.plane.keys.hash(&token),
            name: name.to_owned(),
            opens: serde_json::json!({}),
            scope: Scope::Instance,
            phase: TokenPhase::live(Uses::Unlimited, Expiry::Never),
            by: "bench".to_owned(),
        };
        server.plane.store.add_token(&new, server.plane.now(), &audit()).await.unwrap();
        let client = Client::new(&ClientSettings::new(format!("http://{}", server.address), "0")).unwrap();
        let registration = Registration {
            name: name.to_owned(),
            token,
            version: "0".to_owned(),
            labels: vec!["lab".to_owned()],
            life: RunnerLife::Lasting,
            capabilities: Vec::new(),
        };
        let runner = client.register(registration).await.unwrap();
        Self { client, key: runner.key(), id: runner.id }
    }

    async fn remove(self, server: &Running) {
        server.plane.store.remove_runner(self.id, server.plane.now(), &audit()).await.unwrap();
    }

    async fn fetch(&self, places: i64) -> Vec<TaskId> {
        self.fetch_for(places, HOLD).await
    }

    async fn fetch_for(&self, places: i64, hold: Duration) -> Vec<TaskId> {
        let key = Some(RequestKey(format!("{:?}", Instant::now())));
        let fetch = Fetch { version: TasksVersion::UNKNOWN, want: Want::UpTo(places), key };
        let tasks = self.client.held(hold).fetch(&self.key, fetch).await.unwrap().tasks;
        tasks.into_iter().map(|task| task.id).collect()
    }

    async fn begin(&self, task: TaskId) {
        self.report(task, TaskPhase::Running { started: Timestamp(1) }).await;
    }

    async fn end(&self, task: TaskId) {
        let result = TaskResult::Concluded(Conclusion::Success);
        self.report(task, TaskPhase::Ended { result, started: Some(Timestamp(1)), stopped: Timestamp(2) }).await;
    }

    async fn report(&self, id: TaskId, phase: TaskPhase) {
        let state = TaskState { id, phase, steps: Vec::new() };
        self.client.report(&self.key, Report { state, outputs: BTreeMap::new() }).await.unwrap();
    }
}
