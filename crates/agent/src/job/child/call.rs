//! A job that calls a reusable workflow which the forge left to the runner (Gitea before 1.27, older Forgejo): its jobs run one after
//! the other within the task, each in a sandbox of its own, and the task's log holds what they say, in that order.

use super::super::{Ended, JobOrder};
use super::request::{self, Ground, Means};
use domain::{Conclusion, JobEvent, JobEventKind, JobId, StepRef, SystemClock, Timestamp};
use engine::cancel::{self, Cancel, CancelSignal};
use engine::job::{Keep, RunnerFacts, Timing};
use engine::local::{Labels, LocalRun, Room};
use source::Store;
use source::text::read_local;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use workflow::action_source::{ActionRef, ActionSource};
use workflow::plan::{FileReference, Plan};
use workflow::run::{CallingJob, RunInputs};

/// What `runs-on` of all called jobs reads here: they run where their caller runs.
const HERE: &str = "here";

/// Why a call cannot run.
pub(super) enum NoCall {
    /// The workflow's fault.
    Files(String),
    /// The machine's.
    Machine(String),
}

/// Runs the called jobs; every event is on the channel before this returns.
pub(super) async fn run(
    order: JobOrder,
    (id, name): (JobId, String),
    calling: CallingJob,
    inputs: RunInputs,
    ground: Ground,
    events: mpsc::Sender<JobEvent>,
) -> Result<Ended, NoCall> {
    let began = Instant::now();
    let means = request::means(&order, &ground).map_err(NoCall::Machine)?;
    let own = request::own(&order);
    let plan = planned(calling.clone(), order.forge.url.clone(), own.clone(), Arc::clone(&means.store)).await?;
    let (outer, timeout) = (ground.cancel.clone(), order.settings.timeout);
    let (local, inner) = of(order, plan, &calling, inputs, own, means, ground);
    let (canceller, cancel) = cancel::channel();
    let watch = tokio::spawn(watch(outer, canceller, timeout));
    let teller = tokio::spawn(Teller::new(id.clone(), events).tell(name, inner));
    let report = engine::local::run(LocalRun { cancel, ..local }).await;
    watch.abort();
    let faults: Vec<String> = report.jobs.into_iter().filter_map(|job| job.fault).collect();
    let (conclusion, outputs) = match report.root.get(calling.id().as_str()) {
        Some(end) => (end.conclusion, end.outputs.clone()),
        None => (report.conclusion, BTreeMap::new()),
    };
    if let Ok(teller) = teller.await {
        teller.ended(conclusion, outputs, began).await;
    }
    Ok(Ended { conclusion, fault: (!faults.is_empty()).then(|| faults.join("; ")) })
}

/// The called files come from the repository at the run's commit, and from others of the forge, as its own runner has it.
async fn planned(
    calling: CallingJob,
    forge: String,
    own: Option<ActionRef>,
    store: Arc<Store>,
) -> Result<Arc<Plan>, NoCall> {
    let plan = tokio::task::spawn_blocking(move || {
        let mut trees: HashMap<ActionRef, Result<PathBuf, String>> = HashMap::new();
        calling.plan(&forge, &mut |file| {
            let action = match (file, &own) {
                (FileReference::Remote(action), _) => store.reading(action.clone()),
                (FileReference::Local(path), Some(own)) => ActionRef { path: path.clone(), ..own.clone() },
                (FileReference::Local(_), None) => return Err("the forge did not say of which commit".to_owned()),
            };
            let top = ActionRef { path: String::new(), ..action.clone() };
            let tree = trees
                .entry(top.clone())
                .or_insert_with(|| store.fetch(&top).map(|fetched| fetched.tree).map_err(|error| error.to_string()));
            read_local(tree.as_ref().map_err(Clone::clone)?, &action.path)
        })
    });
    match plan.await {
        Ok(Ok(plan)) => Ok(Arc::new(plan)),
        Ok(Err(message)) => Err(NoCall::Files(message)),
        Err(error) => Err(NoCall::Machine(format!("could not read the called workflow: {error}"))),
    }
}

/// The run of the called jobs, and what they will say. Its cancellation is the caller's to give.
fn of(
    order: JobOrder,
    plan: Arc<Plan>,
    calling: &CallingJob,
    inputs: RunInputs,
    own: Option<ActionRef>,
    means: Means,
    ground: Ground,
) -> (LocalRun, mpsc::Receiver<JobEvent>) {
    let Means { store, checkout, spec, hooks, environment } = means;
    let JobOrder { task, settings, runner, forge, .. } = order;
    let mut head = vec![format!("Runner: {runner}, for {}", forge.url)];
    head.extend(ground.place.head);
    let (events, inner) = engine::events::channel();
    let run = LocalRun {
        plan,
        ended: calling.needs().to_vec(),
        own,
        github: inputs.github,
        vars: inputs.vars,
        inputs: inputs.inputs,
        concurrency: None,
        cells: Vec::new(),
        secrets: task.secrets.into_iter().collect(),
        token: ground.token,
        env: settings.env.into_iter().collect(),
        environment: environment.into_iter().chain(ground.services.environment).collect(),
        action_environment: Vec::new(),
        masked: ground.services.secrets,
        aliases: super::services::aliases(forge.dialect),
        head,
        runner: RunnerFacts::here(runner),
        backend: ground.backend,
        sandbox: spec,
        keep: Keep::Never,
        actions: store,
        hooks,
        checkout: Some(checkout),
        labels: Labels { served: vec![HERE.to_owned()] },
        // One task is one slot of the runner, and its log reads like one.
        room: Room::new(1),
        longest: Some(settings.timeout),
        events,
        cancel: ground.cancel,
        clock: Arc::new(SystemClock),
        timing: Timing::default(),
    };
    (run, inner)
}

/// Hands the task's cancellation on, and ends a call that takes longer than the runner lets a task take.
async fn watch(mut outer: CancelSignal, to: cancel::Canceller, timeout: std::time::Duration) {
    let mut known = Cancel::None;
    let over = tokio::time::sleep(timeout);
    tokio::pin!(over);
    loop {
        tokio::select! {
            asked = outer.graver_than(&known) => {
                to.ask(asked.clone());
                known = asked;
            }
            () = &mut over, if known == Cancel::None => {
                let minutes = timeout.as_secs().div_ceil(60);
                let reason = format!("the called jobs together have taken more than the runner's maximum of {minutes} minutes").into();
                known = Cancel::Gracefully { reason };
                to.ask(known.clone());
            }
        }
    }
}

/// Makes one job's stream of those of the called jobs: the forge knows no step of theirs.
struct Teller {
    id: JobId,
    events: mpsc::Sender<JobEvent>,
    steps: HashMap<(JobId, StepRef), StepRef>,
    names: HashMap<JobId, String>,
    next: u32,
}

impl Teller {
    fn new(id: JobId, events: mpsc::Sender<JobEvent>) -> Self {
        Self { id, events, steps: HashMap::new(), names: HashMap::new(), next: 0 }
    }

    async fn tell(mut self, name: String, mut inner: mpsc::Receiver<JobEvent>) -> Self {
        self.put(domain::Clock::now(&SystemClock), JobEventKind::JobStarted { name }).await;
        while let Some(JobEvent { job, at, kind }) = inner.recv().await {
            let kind = match kind {
                JobEventKind::JobStarted { name } => {
                    self.say(at, format!("Job '{name}' begins")).await;
                    self.names.insert(job, name);
                    continue;
                }
                JobEventKind::JobSkipped { name, reason } => {
                    self.say(at, format!("Job '{name}' does not run: {reason}")).await;
                    continue;
                }
                JobEventKind::JobFinished { conclusion, .. } => {
                    let name = self.names.remove(&job).unwrap_or_else(|| job.to_string());
                    self.say(at, format!("Job '{name}' has ended: {conclusion}")).await;
                    continue;
                }
                JobEventKind::StepStarted { step, name, phase, .. } => {
                    JobEventKind::StepStarted { step: self.step(job, step), name, phase, index: None }
                }
                JobEventKind::StepFinished { step, name, phase, outcome, conclusion, micros, .. } => {
                    let step = self.step(job, step);
                    JobEventKind::StepFinished { step, name, phase, index: None, outcome, conclusion, micros }
                }
                JobEventKind::Output { step, text } => JobEventKind::Output { step: self.step(job, step), text },
                JobEventKind::Annotation { step, annotation } => {
                    JobEventKind::Annotation { step: self.step(job, step), annotation }
                }
                JobEventKind::Summary { step, markdown } => {
                    JobEventKind::Summary { step: self.step(job, step), markdown }
                }
                JobEventKind::Receipt { receipt } => JobEventKind::Receipt { receipt },
            };
            self.put(at, kind).await;
        }
        self
    }

    async fn ended(&self, conclusion: Conclusion, outputs: BTreeMap<String, String>, began: Instant) {
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.put(domain::Clock::now(&SystemClock), JobEventKind::JobFinished { conclusion, outputs, micros }).await;
    }

    fn step(&mut self, job: JobId, step: StepRef) -> StepRef {
        let next = &mut self.next;
        *self.steps.entry((job, step)).or_insert_with(|| {
            *next += 1;
            StepRef(*next)
        })
    }

    /// A line of no job's own.
    async fn say(&self, at: Timestamp, line: String) {
        self.put(at, JobEventKind::Output { step: StepRef(0), text: format!("{line}\n").into() }).await;
    }

    async fn put(&self, at: Timestamp, kind: JobEventKind) {
        // The only error is a reader that went away.
        let _gone = self.events.send(JobEvent { job: self.id.clone(), at, kind }).await;
    }
}
