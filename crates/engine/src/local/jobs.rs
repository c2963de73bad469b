//! One job of a local run: from what the machine gives to what [`crate::job`] wants.

use super::request::{Labels, LocalRun};
use super::room::Room;
use crate::cancel::CancelSignal;
use crate::events::EventSink;
use crate::job::{self, GivenContexts, JobInFile, JobReport, JobRequest, SandboxRequest};
use domain::{JobEventKind, JobId};
use mask::Masker;
use sandbox::SandboxSpec;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use workflow::expr::{Object, Value};
use workflow::plan::FileReference;
use workflow::run::ReadyJob;

/// Numbers the sandboxes of this process, whatever run they belong to.
static NUMBER: AtomicU32 = AtomicU32::new(1);

/// What all jobs of a run share.
#[derive(Debug)]
pub(super) struct Shared {
    run: LocalRun,
    pub(super) labels: Labels,
    /// Masks what the run itself says.
    pub(super) masker: Masker,
    pub(super) room: Room,
}

impl Shared {
    pub(super) fn new(run: LocalRun) -> Self {
        let masker = Masker::new();
        let of_actions = run.action_environment.iter().map(|(_, secret)| secret);
        for secret in run.secrets.iter().map(|(_, secret)| secret).chain(&run.token).chain(of_actions) {
            masker.add(secret.expose());
        }
        Self { labels: run.labels.clone(), masker, room: run.room.clone(), run }
    }

    fn sink(&self, job: &JobId) -> EventSink {
        EventSink::new(job.clone(), Arc::clone(&self.run.clock), self.run.events.clone())
    }

    /// So many jobs begin now. The first takes what there is, or makes its own; the others' sandboxes can be made ahead.
    pub(super) fn begin(&self, jobs: usize) {
        if jobs > 1 {
            self.run.backend.expect(&self.run.sandbox.expected(), jobs - 1);
        }
    }

    /// The spec with a name of its own on this machine.
    fn spec(&self) -> SandboxSpec {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut spec = self.run.sandbox.clone();
        let before = if spec.name.is_empty() { "" } else { "-" };
        spec.name = format!("{}{before}{}-{number}", spec.name, std::process::id());
        spec
    }
}

/// Runs one job.
pub(super) async fn run(shared: &Shared, ready: ReadyJob, cancel: CancelSignal) -> JobReport {
    let run = &shared.run;
    let secrets = match ready.secrets.resolve(&run.secrets) {
        Ok(secrets) => secrets,
        Err(error) => return failed(shared, &ready.id, &ready.name, &error.to_string()).await,
    };
    let file = run.plan.files.get(ready.file).map(|file| file.reference.clone());
    let file = file.unwrap_or_else(|| FileReference::Local(ready.workflow.path.clone()));
    let job = job_context(&ready, &file);
    // It is closed by nobody.
    let _sandbox = shared.room.sandboxes().acquire().await;
    job::run(JobRequest {
        events: shared.sink(&ready.id),
        id: ready.id,
        name: ready.name,
        source: JobInFile { workflow: ready.workflow, index: ready.index, file },
        contexts: GivenContexts {
            github: ready.github,
            vars: ready.vars,
            inputs: ready.inputs,
            needs: ready.needs,
            matrix: ready.matrix,
            strategy: ready.strategy,
            job,
        },
        masker: shared.masker.fork(),
        secrets,
        token: run.token.clone(),
        env: run.env.clone(),
        environment: run.environment.clone(),
        action_environment: run.action_environment.clone(),
        aliases: Vec::new(),
        runner: run.runner.clone(),
        head: Vec::new(),
        sandbox: SandboxRequest { backend: Arc::clone(&run.backend), spec: shared.spec(), keep: run.keep },
        actions: Arc::clone(&run.actions),
        hooks: run.hooks.clone(),
        checkout: run.checkout.clone(),
        timeout: shared
            .run
            .longest
            .map_or(minutes(ready.timeout_minutes), |longest| longest.min(minutes(ready.timeout_minutes))),
        cancel_timeout: minutes(ready.cancel_timeout_minutes),
        cancel,
        turns: Some(shared.room.turns()),
        programs: shared.room.programs(),
        timing: run.timing,
    })
    .await
}

/// What the `job` context says of the file.
fn job_context(ready: &ReadyJob, file: &FileReference) -> Value {
    let text = |name: &str| ready.github.get(name).map(|value| value.to_text().into_owned()).unwrap_or_default();
    let (repository, path, reference, sha) = match file {
        FileReference::Local(path) => (text("repository"), path.clone(), text("ref"), text("sha")),
        FileReference::Remote(action) => {
            (action.repository.clone(), action.path.clone(), action.reference.clone(), action.reference.clone())
        }
    };
    let mut job = Object::new();
    job.insert("workflow_ref", format!("{repository}/{path}@{reference}"));
    job.insert("workflow_sha", sha);
    job.insert("workflow_repository", repository);
    job.insert("workflow_file_path", path);
    job.into()
}

fn minutes(minutes: f64) -> Duration {
    // The longest time that a timer can hold without trouble; nobody waits a hundred years.
    const LONGEST: f64 = 100.0 * 365.0 * 24.0 * 3600.0;
    Duration::try_from_secs_f64((minutes * 60.0).clamp(0.0, LONGEST)).unwrap_or(Duration::ZERO)
}

/// Says that a job never ran.
pub(super) async fn never_ran(shared: &Shared, job: &JobId, name: &str, reason: &str) {
    let mask = |text: &str| shared.masker.mask_text(text).into_owned();
    shared.sink(job).emit(JobEventKind::JobSkipped { name: mask(name), reason: mask(reason) }).await;
}

/// Says that a job failed before it could be given to a sandbox.
pub(super) async fn failed(shared: &Shared, job_id: &JobId, name: &str, message: &str) -> JobReport {
    job::refuse(job_id, name, &[], message, &shared.masker, &shared.sink(job_id)).await
}
