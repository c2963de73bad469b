//! One job of a local run: from what the machine gives to what [`crate::job`] wants.

use super::request::{Labels, LocalRun};
use super::room::Room;
use crate::cancel::CancelSignal;
use crate::events::EventSink;
use crate::job::{self, JobReport, JobRequest, SandboxRequest};
use domain::{JobEventKind, JobId};
use mask::Masker;
use sandbox::SandboxSpec;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
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
        for secret in
            run.secrets.iter().map(|(_, secret)| secret).chain(&run.token).chain(&run.masked).chain(of_actions)
        {
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
    let (id, name) = (ready.id.clone(), ready.name.clone());
    let (timeout, cancel_timeout) = (job::minutes(ready.timeout_minutes), job::minutes(ready.cancel_timeout_minutes));
    let (mut source, contexts) = job::given(ready, file);
    source.own.clone_from(&run.own);
    // It is closed by nobody.
    let _sandbox = shared.room.sandboxes().acquire().await;
    job::run(JobRequest {
        events: shared.sink(&id),
        id,
        name,
        source,
        contexts,
        masker: shared.masker.fork(),
        secrets,
        token: run.token.clone(),
        env: run.env.clone(),
        environment: run.environment.clone(),
        action_environment: run.action_environment.clone(),
        aliases: run.aliases.clone(),
        runner: run.runner.clone(),
        head: run.head.clone(),
        sandbox: SandboxRequest { backend: Arc::clone(&run.backend), spec: shared.spec(), keep: run.keep },
        actions: Arc::clone(&run.actions),
        hooks: run.hooks.clone(),
        checkout: run.checkout.clone(),
        timeout: run.longest.map_or(timeout, |longest| longest.min(timeout)),
        cancel_timeout,
        cancel,
        turns: Some(shared.room.turns()),
        programs: shared.room.programs(),
        timing: run.timing,
    })
    .await
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
