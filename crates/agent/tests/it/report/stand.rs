//! A forge with one task that was handed out, and what a job says.

use agent::report::{ReportSettings, Spares, TaskFolder, Timing};
use domain::{
    Conclusion, JobEvent, JobEventKind, JobId, RunnerCapability, RunnerKey, RunnerLife, Secret, StepPhase, StepRef,
    SystemClock, TaskId, TaskResult, TaskState, TasksVersion, Timestamp,
};
use protocol::{Client, ClientSettings, Dialect, Fetch, Registration, Want};
use std::sync::Arc;
use std::time::Duration;
use testkit::{FakeForge, bare_task};

pub(super) const TASK: TaskId = TaskId(7);

pub(super) struct Stand {
    pub(super) forge: FakeForge,
    pub(super) client: Client,
    pub(super) key: RunnerKey,
    pub(super) folder: tempfile::TempDir,
    dialect: Dialect,
}

impl Stand {
    pub(super) async fn new(dialect: Dialect) -> Self {
        Self::of(dialect, RunnerLife::Lasting).await
    }

    pub(super) async fn of(dialect: Dialect, life: RunnerLife) -> Self {
        let forge = FakeForge::start(dialect).await.unwrap();
        let mut settings = ClientSettings::new(forge.url(), "0.0.0");
        settings.timeout = Duration::from_secs(2);
        let client = Client::new(&settings).unwrap();
        let registration = Registration {
            name: "r".to_owned(),
            token: Secret::new(FakeForge::TOKEN),
            version: "0".to_owned(),
            labels: vec!["linux".to_owned()],
            life,
            capabilities: vec![RunnerCapability::Cancelling],
        };
        let key = client.register(registration).await.unwrap().key();
        forge.add(bare_task(TASK.0, "jobs:"), &["linux"]);
        let fetch = Fetch { version: TasksVersion::UNKNOWN, want: Want::One, key: None };
        assert_eq!(client.fetch(&key, fetch).await.unwrap().tasks.len(), 1);
        Self { forge, client, key, folder: tempfile::tempdir().unwrap(), dialect }
    }

    pub(super) fn settings(&self, steps: u32) -> ReportSettings {
        ReportSettings {
            client: self.client.clone(),
            key: self.key.clone(),
            task: TASK,
            steps,
            background: Vec::new(),
            dialect: self.dialect,
            spool: TaskFolder::new(Spares::of(self.folder.path().to_owned()), "spool"),
            clock: Arc::new(SystemClock),
            timing: quick(),
        }
    }

    /// The lines of the log as the forge has them, without the empty row that may close it.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.forge.log(TASK).into_iter().map(|row| row.content).collect();
        if lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    }

    /// The results that were reported, repeats left out.
    pub(super) fn results(&self) -> Vec<TaskState> {
        let mut ends: Vec<TaskState> =
            self.forge.reports(TASK).into_iter().filter(|state| state.phase.result().is_some()).collect();
        ends.dedup();
        ends
    }

    /// One result was reported, however often, and the forge shows it.
    pub(super) fn assert_ended(&self, conclusion: Conclusion) {
        let ends = self.results();
        assert_eq!(ends.len(), 1, "{ends:?}");
        let result = Some(TaskResult::Concluded(conclusion));
        assert_eq!((ends[0].phase.result(), self.forge.result(TASK)), (result, result));
        assert!(self.forge.is_log_filed(TASK));
    }
}

pub(crate) fn quick() -> Timing {
    Timing {
        poll: Duration::from_millis(50),
        gap: Duration::from_millis(10),
        first_rows: Duration::from_millis(5),
        rows: Duration::from_millis(20),
        pause: Duration::from_millis(5),
        pause_most: Duration::from_millis(50),
        patience: Duration::from_secs(10),
        rows_patience: Duration::from_secs(5),
        ..Timing::default()
    }
}

pub(super) fn event(at: u64, kind: JobEventKind) -> JobEvent {
    JobEvent { job: JobId::new("build"), at: Timestamp(at), kind }
}

pub(super) fn output(step: u32, at: u64, text: &str) -> JobEvent {
    event(at, JobEventKind::Output { step: StepRef(step), text: text.into() })
}

/// Main steps are numbered from 1, after the set-up.
fn index(step: u32, phase: StepPhase) -> Option<u32> {
    (phase == StepPhase::Main).then(|| step - 1)
}

pub(super) fn started(step: u32, at: u64, phase: StepPhase) -> JobEvent {
    let name = format!("step {step}");
    event(at, JobEventKind::StepStarted { step: StepRef(step), name, phase, index: index(step, phase) })
}

pub(super) fn finished(step: u32, at: u64, phase: StepPhase, conclusion: Conclusion) -> JobEvent {
    let name = format!("step {step}");
    let index = index(step, phase);
    let kind = JobEventKind::StepFinished {
        step: StepRef(step),
        name,
        phase,
        index,
        outcome: conclusion,
        conclusion,
        micros: 1000,
    };
    event(at, kind)
}

/// The set-up, and `steps` steps with so many lines each.
pub(super) fn job(steps: u32, lines: usize) -> Vec<JobEvent> {
    let mut events = vec![started(0, 1, StepPhase::SetUp), output(0, 2, "ready\n")];
    events.push(finished(0, 3, StepPhase::SetUp, Conclusion::Success));
    for step in 1..=steps {
        let at = u64::from(step) * 10;
        events.push(started(step, at, StepPhase::Main));
        let text: String = (0..lines).map(|line| format!("{step}: line {line}\n")).collect();
        events.push(output(step, at + 1, &text));
        events.push(finished(step, at + 2, StepPhase::Main, Conclusion::Success));
    }
    events.push(started(steps + 1, 1000, StepPhase::Complete));
    events.push(output(steps + 1, 1001, "bye\n"));
    events.push(finished(steps + 1, 1002, StepPhase::Complete, Conclusion::Success));
    events
}

/// The lines of events.
pub(super) fn lines_of(events: &[JobEvent]) -> Vec<String> {
    let texts = events.iter().filter_map(|event| match &event.kind {
        JobEventKind::Output { text, .. } => Some(text),
        _ => None,
    });
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

pub(super) fn concluded(conclusion: Conclusion) -> agent::report::End {
    agent::report::End::Concluded { conclusion }
}
