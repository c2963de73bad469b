//! A forge, an agent's folder, and scripts in the place of a job's process.

use agent::job::wire::{self, Ended, FromJob};
use agent::job::{CacheReach, ExposedPaths, Forks, HookFiles, JobSettings, ToolCache, Trust};
use agent::{
    AgentEnd, AgentError, AgentSettings, DockerLabels, JobProgram, Label, Mode, PaceLimits, Registration,
    RegistrationFile, Stopper,
};
use domain::{
    Conclusion, JobEvent, JobEventKind, JobId, RunnerCapability, RunnerLife, Secret, StepPhase, StepRef, TaskId,
    TaskResult, Timestamp,
};
use protocol::{Client, ClientSettings, Dialect};
use sandbox::{Limits, Network, Profile, Root};
use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroUsize;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use testkit::{FakeForge, bare_task};
use tokio::task::JoinHandle;

pub(super) const WORKFLOW: &str = "on: push\njobs:\n  build:\n    runs-on: linux\n    steps:\n      - run: 'true'\n";

/// A forge and an agent's folder.
pub(super) struct Stand {
    pub(super) forge: FakeForge,
    pub(super) data: tempfile::TempDir,
}

impl Stand {
    pub(super) async fn new(dialect: Dialect) -> Self {
        Self { forge: FakeForge::start(dialect).await.unwrap(), data: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    /// Registers with the forge, as an agent's command would have.
    pub(super) async fn register(&self, life: RunnerLife) {
        let runner = client(&self.forge.url())
            .register(protocol::Registration {
                name: "r".to_owned(),
                token: Secret::new(FakeForge::TOKEN),
                version: "0".to_owned(),
                labels: vec!["linux".to_owned()],
                life,
                capabilities: vec![RunnerCapability::Cancelling],
            })
            .await
            .unwrap();
        let registration = Registration {
            instance: self.forge.url(),
            id: runner.id,
            name: "r".to_owned(),
            key: runner.key(),
            labels: vec![Label::parse("linux").unwrap()],
            life,
        };
        RegistrationFile::of(self.data.path()).create(&registration).unwrap();
    }

    /// What an agent with so much room would do, with `job` in the place of the job's process.
    pub(super) fn settings(&self, capacity: usize, job: &str) -> AgentSettings {
        settings(self.data.path(), capacity, script(self.data.path(), job))
    }

    /// Tasks `1..=count`.
    pub(super) fn add(&self, ids: impl IntoIterator<Item = i64>) {
        for id in ids {
            self.forge.add(bare_task(id, WORKFLOW), &["linux"]);
        }
    }

    /// Waits until a task has a result.
    pub(super) async fn ended(&self, task: i64) -> Conclusion {
        self.until(|forge| forge.result(TaskId(task)).is_some()).await;
        match self.forge.result(TaskId(task)) {
            Some(TaskResult::Concluded(conclusion)) => conclusion,
            other => panic!("{other:?}"),
        }
    }

    /// Waits, but not for ever.
    pub(super) async fn until(&self, holds: impl FnMut(&FakeForge) -> bool) {
        let waited = tokio::time::timeout(Duration::from_secs(30), self.forge.until(holds)).await;
        assert!(waited.is_ok(), "it did not come to pass; calls: {:?}", self.forge.calls());
    }

    /// The forge has handed a task out and heard from its process.
    pub(super) async fn running(&self, task: i64) {
        self.until(|forge| !forge.log(TaskId(task)).is_empty()).await;
    }

    /// The tasks whose process was started, as often as it was, in the order of their numbers.
    pub(super) fn runs(&self) -> Vec<i64> {
        let text = std::fs::read_to_string(self.path("runs")).unwrap_or_default();
        let mut runs: Vec<i64> = text.lines().map(|line| line.parse().unwrap()).collect();
        runs.sort_unstable();
        runs
    }

    /// A task's log, in one text.
    pub(super) fn log(&self, task: i64) -> String {
        self.forge.log(TaskId(task)).into_iter().map(|row| row.content + "\n").collect()
    }

    /// One result was reported of a task, however often, and its log is whole.
    pub(super) fn assert_one_end(&self, task: i64, conclusion: Conclusion) {
        let result = Some(TaskResult::Concluded(conclusion));
        let mut ends: Vec<_> =
            self.forge.reports(TaskId(task)).iter().filter_map(|state| state.phase.result()).collect();
        ends.dedup();
        assert_eq!((ends, self.forge.result(TaskId(task))), (Vec::from_iter(result), result));
        assert!(self.forge.is_log_filed(TaskId(task)));
    }
}

pub(super) fn client(url: &str) -> Client {
    let settings = ClientSettings { timeout: Duration::from_secs(5), ..ClientSettings::new(url, "0") };
    Client::new(&settings).unwrap()
}

/// The settings of an agent of a folder, with a program in the place of the job's process.
pub(super) fn settings(data: &Path, capacity: usize, program: PathBuf) -> AgentSettings {
    let registration = RegistrationFile::of(data).load().unwrap();
    AgentSettings {
        client: client(&registration.instance),
        labels: registration.labels.clone(),
        registration,
        data: data.to_owned(),
        version: "0".to_owned(),
        capacity: NonZeroUsize::new(capacity).unwrap(),
        mode: Mode::Serve,
        pace: PaceLimits::default(),
        fetch_timeout: Duration::from_secs(5),
        last_fetch: AgentSettings::LAST_FETCH,
        report: crate::report::quick(),
        grace: Duration::from_millis(200),
        drain_timeout: None,
        program: JobProgram {
            program,
            arguments: vec!["agent".into(), "job".into()],
            env: vec![("PATH".into(), std::env::var_os("PATH").unwrap())],
            starter: None,
        },
        standby: None,
        job: JobSettings {
            limits: Limits { memory: None, processes: None, cpu_millis: None, disk: None, inodes: None },
            profile: Profile::Hardened,
            network: Network::None,
            root: Root::Host,
            expose: ExposedPaths::default(),
            env: BTreeMap::new(),
            hooks: HookFiles::default(),
            timeout: Duration::from_secs(60),
            tool_cache: ToolCache::Empty,
            data: data.to_owned(),
            state: data.join("state"),
            mirrors: Vec::new(),
            forks: Forks::Confined,
            docker_labels: DockerLabels::Refuse,
            trust: Trust::default(),
            cache: CacheReach::None,
        },
        after_job: None,
        health: None,
    }
}

/// An agent that runs in this process.
pub(super) struct Running {
    pub(super) stop: Stopper,
    agent: JoinHandle<Result<AgentEnd, AgentError>>,
}

impl Running {
    pub(super) fn start(settings: AgentSettings) -> Self {
        let stop = Stopper::default();
        Self { agent: tokio::spawn(agent::run(settings, stop.clone())), stop }
    }

    /// Waits for its end.
    pub(super) async fn end(self) -> Result<AgentEnd, AgentError> {
        let ended = tokio::time::timeout(Duration::from_secs(30), self.agent).await;
        assert!(ended.is_ok(), "it did not end");
        ended.unwrap().unwrap()
    }
}

/// A script in the place of a job's process: notes which task it was given, then does `body`. `$order` is its order.
pub(super) fn script(data: &Path, body: &str) -> PathBuf {
    let path = data.join("job.sh");
    let runs = data.join("runs");
    let text = format!(
        "#!/bin/sh\nread -r order || exit 9\ntask=${{order#*'\"id\":'}}; task=${{task%%,*}}\necho \"$task\" >> '{}'\n{body}\n",
        runs.display()
    );
    let mut file = std::fs::File::options().create(true).truncate(true).write(true).mode(0o755).open(&path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    path
}

/// A script's line that says this to the agent.
pub(super) fn say(message: &FromJob) -> String {
    format!("cat <<'LINE'\n{}LINE\n", String::from_utf8(wire::line(message).unwrap()).unwrap())
}

fn event(kind: JobEventKind) -> String {
    say(&FromJob::Event(JobEvent { job: JobId::new("build"), at: Timestamp(1_700_000_000_000), kind }))
}

/// The beginning of a job: one step, and a line.
pub(super) fn begins() -> String {
    let (step, name, phase) = (StepRef(0), "build".to_owned(), StepPhase::Main);
    say(&FromJob::Begins)
        + &event(JobEventKind::StepStarted { step, name, phase, index: Some(0) })
        + &event(JobEventKind::Output { step, text: "hello from the job\n".into() })
}

/// Its end.
pub(super) fn ends(conclusion: Conclusion) -> String {
    let (step, name, phase) = (StepRef(0), "build".to_owned(), StepPhase::Main);
    event(JobEventKind::StepFinished { step, name, phase, index: Some(0), outcome: conclusion, conclusion, micros: 5 })
        + &event(JobEventKind::JobFinished { conclusion, outputs: BTreeMap::new(), micros: 9 })
        + &say(&FromJob::Ended(Ended { conclusion, fault: None }))
}

/// A job that succeeds at once.
pub(super) fn good() -> String {
    begins() + &ends(Conclusion::Success)
}

/// A job that goes on until it is cancelled; it ends with its agent.
pub(super) fn waits() -> String {
    format!("{}read -r cancel || exit 9\n{}", begins(), ends(Conclusion::Cancelled))
}
