//! A whole server on loopback with a project, and runners that speak the protocol by hand.

use domain::control::{Expiry, Scope, TokenPhase, TokenUse, Uses};
use domain::{
    Conclusion, LogBatch, LogEnd, LogRow, RunnerCapability, RunnerKey, RunnerLife, Task, TaskId, TaskPhase, TaskResult,
    TaskState, TasksVersion, Timestamp,
};
use protocol::{Client, ClientSettings, Fetch, Registration, Report, RequestKey, Want};
use server::serve::{FOLDERS, Running, ServerSettings, start};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use store::{AuditEntry, NewProject, NewToken, Project, StoredJob, StoredRun, TokenKind};
use tempfile::TempDir;
use testkit::TempRepository;

pub(crate) struct World {
    pub(crate) server: Running,
    pub(crate) project: Project,
    pub(crate) repository: TempRepository,
    pub(crate) data: TempDir,
}

pub(crate) fn audit() -> AuditEntry {
    AuditEntry {
        actor: "test".to_owned(),
        origin: "here".to_owned(),
        action: "test".to_owned(),
        object: String::new(),
        detail: serde_json::Value::Null,
    }
}

pub(crate) fn settings(data: &Path) -> ServerSettings {
    ServerSettings {
        data: data.to_owned(),
        database: None,
        listen: "127.0.0.1:0".parse().unwrap(),
        url: None,
        trust: server::access::Trust::Network,
        tls: None,
        connections: 1024,
        pace: server::serve::Pace::default(),
        sweep: server::sweep::SweepSettings::default(),
        folders: FOLDERS.map(str::to_owned).to_vec(),
        actions: server::serve::ActionsFrom::default(),
        version: "0.0.0",
    }
}

impl World {
    pub(crate) async fn with(files: &[(&str, &str)]) -> Self {
        Self::with_settings(files, settings).await
    }

    pub(crate) async fn with_settings(files: &[(&str, &str)], settings: impl FnOnce(&Path) -> ServerSettings) -> Self {
        let data = TempDir::new().unwrap();
        let repository = TempRepository::with(files);
        let server = start(settings(data.path())).await.unwrap();
        let new = NewProject {
            owner: "lab".to_owned(),
            name: "p".to_owned(),
            git: repository.path().to_string_lossy().into_owned(),
        };
        let now = server.plane.now();
        let project = server.plane.store.add_project(&new, now, &audit()).await.unwrap();
        server.plane.queue.project(project.clone());
        // What moves from now on alone makes runs, however long the test takes.
        server::watch::first_look(&server.plane, &project).await.unwrap();
        Self { server, project, repository, data }
    }

    /// The same server, stopped and started again.
    pub(crate) async fn again(self) -> Self {
        let Self { server, project, repository, data } = self;
        server.stop().await;
        let server = start(settings(data.path())).await.unwrap();
        Self { server, project, repository, data }
    }

    pub(crate) async fn dispatch(&self, workflow: &str) -> StoredRun {
        self.dispatch_with(workflow, serde_json::Map::new()).await
    }

    pub(crate) async fn dispatch_with(
        &self,
        workflow: &str,
        inputs: serde_json::Map<String, serde_json::Value>,
    ) -> StoredRun {
        server::event::dispatch(&self.server.plane, &self.project, workflow, "main", inputs, "somebody").await.unwrap()
    }

    pub(crate) async fn run(&self, run: &StoredRun) -> StoredRun {
        self.server.plane.store.run(run.id).await.unwrap()
    }

    pub(crate) async fn jobs(&self, run: &StoredRun) -> Vec<StoredJob> {
        let run = self.run(run).await;
        self.server.plane.store.jobs(run.id, run.attempt).await.unwrap()
    }

    /// Id and state of each job: `a: success`, `b: queued`.
    pub(crate) async fn states(&self, run: &StoredRun) -> Vec<String> {
        let word =
            |job: &StoredJob| job.phase.end().map_or(job.phase.word(), |end| end.conclusion().as_str()).to_owned();
        self.jobs(run).await.iter().map(|job| format!("{}: {}", job.id, word(job))).collect()
    }

    /// Waits for something to become true of a run.
    pub(crate) async fn until(&self, run: &StoredRun, is: impl Fn(&StoredRun, &[StoredJob]) -> bool) -> StoredRun {
        let end = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let (now, jobs) = (self.run(run).await, self.jobs(run).await);
            if is(&now, &jobs) {
                return now;
            }
            assert!(tokio::time::Instant::now() < end, "{:?} {:?}", now.phase, self.states(run).await);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(crate) async fn finished(&self, run: &StoredRun) -> Conclusion {
        let run = self
            .until(run, |run, _| {
                matches!(run.phase, domain::control::RunPhase::Finished(_)) && run.advanced >= run.ends
            })
            .await;
        match run.phase {
            domain::control::RunPhase::Finished(conclusion) => conclusion,
            _ => unreachable!("it was waited for"),
        }
    }

    pub(crate) async fn registration_token(&self) -> domain::Secret {
        let token = TokenUse::Registration.text(server::keys::random().unwrap());
        let plane = &self.server.plane;
        let new = NewToken {
            kind: TokenKind::Registration,
            hash: plane.keys.hash(&token),
            name: "r".to_owned(),
            opens: serde_json::json!({}),
            scope: Scope::Instance,
            phase: TokenPhase::live(Uses::Unlimited, Expiry::Never),
            by: "test".to_owned(),
        };
        plane.store.add_token(&new, plane.now(), &audit()).await.unwrap();
        token
    }

    pub(crate) async fn runner(&self, labels: &[&str]) -> Hand {
        self.runner_for(labels, RunnerLife::Lasting).await
    }

    pub(crate) async fn runner_for(&self, labels: &[&str], life: RunnerLife) -> Hand {
        self.runner_that(labels, life, vec![RunnerCapability::Cancelling]).await
    }

    pub(crate) async fn runner_that(
        &self,
        labels: &[&str],
        life: RunnerLife,
        capabilities: Vec<RunnerCapability>,
    ) -> Hand {
        let client = Client::new(&ClientSettings::new(format!("http://{}", self.server.address), "0")).unwrap();
        let registration = Registration {
            name: "hand".to_owned(),
            token: self.registration_token().await,
            version: "0".to_owned(),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            life,
            capabilities,
        };
        let runner = client.register(registration).await.unwrap();
        Hand { client, key: runner.key(), asked: std::cell::Cell::new(0) }
    }
}

/// A runner that does what the test says.
pub(crate) struct Hand {
    pub(crate) client: Client,
    pub(crate) key: RunnerKey,
    asked: std::cell::Cell<u32>,
}

impl Hand {
    pub(crate) async fn fetch(&self, places: i64) -> Vec<Task> {
        self.asked.set(self.asked.get() + 1);
        self.fetch_as(&format!("key {}", self.asked.get()), places).await
    }

    pub(crate) async fn fetch_as(&self, key: &str, places: i64) -> Vec<Task> {
        let key = Some(RequestKey(key.to_owned()));
        let fetch = Fetch { version: TasksVersion::UNKNOWN, want: Want::UpTo(places), key };
        self.client.fetch(&self.key, fetch).await.unwrap().tasks
    }

    /// One task; a job that was made a moment ago may need another look.
    pub(crate) async fn take(&self) -> Task {
        for _ in 0..2_000 {
            if let Some(task) = self.fetch(1).await.pop() {
                return task;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("no task came");
    }

    pub(crate) async fn start(&self, task: TaskId) -> protocol::Reported {
        self.report(task, TaskPhase::Running { started: Timestamp(1_000) }, &[]).await
    }

    pub(crate) async fn end(
        &self,
        task: TaskId,
        conclusion: Conclusion,
        outputs: &[(&str, &str)],
    ) -> protocol::Reported {
        let result = TaskResult::Concluded(conclusion);
        let phase = TaskPhase::Ended { result, started: Some(Timestamp(1_000)), stopped: Timestamp(2_000) };
        self.report(task, phase, outputs).await
    }

    /// The end of a task that has no steps, once.
    pub(crate) async fn try_end(
        &self,
        id: TaskId,
        conclusion: Conclusion,
    ) -> Result<protocol::Reported, protocol::CallError> {
        let result = TaskResult::Concluded(conclusion);
        let phase = TaskPhase::Ended { result, started: Some(Timestamp(1_000)), stopped: Timestamp(2_000) };
        let state = TaskState { id, phase, steps: Vec::new() };
        self.client.report(&self.key, Report { state, outputs: BTreeMap::new() }).await
    }

    pub(crate) async fn report(&self, id: TaskId, phase: TaskPhase, outputs: &[(&str, &str)]) -> protocol::Reported {
        let outputs: BTreeMap<String, String> =
            outputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.client
            .report(&self.key, Report { state: TaskState { id, phase, steps: Vec::new() }, outputs })
            .await
            .unwrap()
    }

    pub(crate) async fn log(
        &self,
        task: TaskId,
        index: u64,
        rows: &[&str],
        end: LogEnd,
    ) -> Result<u64, protocol::CallError> {
        let rows = rows.iter().map(|row| LogRow { at: Timestamp(5), content: (*row).to_owned() }).collect();
        self.client.log(&self.key, LogBatch { task, index, rows, end }).await
    }
}

impl Hand {
    /// The same runner at a server that was started again.
    pub(crate) fn at(world: &World, key: RunnerKey) -> Self {
        let client = Client::new(&ClientSettings::new(format!("http://{}", world.server.address), "0")).unwrap();
        Self::of(client, key)
    }

    /// The same runner with another way to the server, or to another one.
    pub(crate) fn of(client: Client, key: RunnerKey) -> Self {
        // Its keys are others than those of before.
        let asked = u32::from_be_bytes(server::keys::random().unwrap()[..4].try_into().unwrap()) / 2;
        Self { client, key, asked: std::cell::Cell::new(asked) }
    }

    pub(crate) async fn try_fetch(&self) -> Result<Vec<Task>, protocol::CallError> {
        let fetch = Fetch { version: TasksVersion::UNKNOWN, want: Want::One, key: None };
        Ok(self.client.fetch(&self.key, fetch).await?.tasks)
    }
}
