//! Steps that run beside others: `background`, `parallel`, and the steps that wait for them or cancel them.
//!
//! What a background step sets becomes visible when it is waited for, as with the reference.

use super::contexts::Phase;
use super::guard::Named;
use super::running::Job;
use super::sequence::{Numbers, is_harmless, record};
use super::top::{self, Decided, Done, Top};
use crate::commands::Effects;
use crate::output::StepLog;
use domain::{Conclusion, JobEventKind, StepId, StepPhase, StepRef};
use indexmap::IndexMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use workflow::model::Step;

/// How many background steps run at once.
const AT_ONCE: usize = 10;

/// A step that controls others.
pub(crate) enum Control<'a> {
    Wait(&'a Step, Vec<StepId>),
    WaitAll(&'a Step),
    /// Before the post steps, for those that nobody waited for.
    WaitImplicitly,
    Cancel(&'a Step, StepId),
}

/// Where a step comes in the log, and its place in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    pub(crate) number: StepRef,
    pub(crate) index: Option<u32>,
}

/// The background steps of a job.
pub(crate) struct Backgrounds {
    job: Arc<Job>,
    slots: Arc<Semaphore>,
    list: Vec<Background>,
}

struct Background {
    step: Arc<Step>,
    name: String,
    named: watch::Sender<Named>,
    effects: Arc<Mutex<Effects>>,
    progress: Progress,
}

enum Progress {
    Running(JoinHandle<Done>),
    /// It ended, and what it did is visible.
    Ended(Conclusion),
}

impl Backgrounds {
    pub(crate) fn new(job: Arc<Job>) -> Self {
        Self { job, slots: Arc::new(Semaphore::new(AT_ONCE)), list: Vec::new() }
    }

    /// Whether a step was started that nobody waited for.
    pub(crate) fn has_unwaited(&self) -> bool {
        self.list.iter().any(|background| matches!(background.progress, Progress::Running(_)))
    }

    /// Merges the ends of all background steps into the job's status, but for those that a step cancelled.
    pub(crate) fn merge_all(&self) {
        for background in &self.list {
            if let Progress::Ended(conclusion) = background.progress {
                self.job.state.merge(background.counted(conclusion));
            }
        }
    }

    /// Decides about a background step and starts it.
    pub(crate) async fn start(&mut self, step: &Step, at: At) {
        let At { number, index } = at;
        let top = Top { step, number, phase: Phase::Main, name: None, index };
        let ready = match top::decide(&self.job, top).await {
            Decided::Runs(ready) => ready,
            Decided::Ended(done) => {
                self.job.state.merge(done.conclusion);
                record(&self.job, step, done);
                return;
            }
        };
        let step = Arc::new(step.clone());
        let (named, is_named) = watch::channel(Named::No);
        let effects = Arc::new(Mutex::new(Effects::default()));
        let name = ready.name().to_owned();
        let (job, slots) = (Arc::clone(&self.job), Arc::clone(&self.slots));
        let (of_task, kept) = (Arc::clone(&step), Arc::clone(&effects));
        let task = tokio::spawn(async move {
            let _slot = slots.acquire().await;
            let top = Top { step: &of_task, number, phase: Phase::Main, name: None, index };
            top::carry_out(&job, top, ready, Some(is_named), Some(&kept)).await
        });
        self.list.push(Background { step, name, named, effects, progress: Progress::Running(task) });
    }

    /// Runs steps beside each other and waits for all of them.
    pub(crate) async fn together(&mut self, steps: &[Step], index: u32, numbers: &mut Numbers) {
        let first = self.list.len();
        for step in steps {
            self.start(step, At { number: numbers.next(), index: Some(index) }).await;
        }
        for background in &mut self.list[first..] {
            let conclusion = background.end(&self.job).await;
            self.job.state.merge(conclusion);
        }
    }

    /// Runs a step that waits or cancels.
    pub(crate) async fn control(&mut self, control: Control<'_>, at: At) {
        let At { number, index } = at;
        let started = Instant::now();
        let job = Arc::clone(&self.job);
        let (step, which) = match &control {
            Control::Wait(step, ids) => (Some(*step), self.find(ids)),
            Control::Cancel(step, id) => (Some(*step), self.find(std::slice::from_ref(id))),
            Control::WaitAll(step) => (Some(*step), self.unwaited()),
            Control::WaitImplicitly => (None, self.unwaited()),
        };
        let name = step.map_or_else(
            || "Wait for all background steps".to_owned(),
            |step| top::default_name(Top { step, number, phase: Phase::Main, name: None, index }),
        );
        job.sink
            .emit(JobEventKind::StepStarted { step: number, name: name.clone(), phase: StepPhase::Main, index })
            .await;
        let log = StepLog::new(job.sink.clone(), number, job.masker.clone(), job.debugging);
        let names: Vec<&str> = which.iter().map(|at| self.list[*at].name.as_str()).collect();
        let names = if names.is_empty() { "(none)".to_owned() } else { names.join(", ") };
        let (before, after) = match &control {
            Control::Cancel(..) => {
                (format!("Cancelling background step(s): {names}"), "Finished cancelling background step(s).")
            }
            Control::Wait(..) => (
                format!("Waiting for background step(s) to complete: {names}"),
                "Finished waiting for background step(s).",
            ),
            Control::WaitAll(_) | Control::WaitImplicitly if which.is_empty() => (
                "No background steps remaining to wait for.".to_owned(),
                "Finished waiting for all background step(s).",
            ),
            Control::WaitAll(_) | Control::WaitImplicitly => (
                format!("Waiting for all background step(s) to complete: {names}"),
                "Finished waiting for all background step(s).",
            ),
        };
        log.say(&before).await;
        let mut result = Conclusion::Success;
        let mut report = after.to_owned();
        for at in which {
            let background = &mut self.list[at];
            let conclusion = match control {
                Control::Cancel(..) => {
                    background.named.send_replace(Named::Yes);
                    background.end(&job).await
                }
                _ => background.end(&job).await,
            };
            if !matches!(control, Control::Cancel(..)) && !is_harmless(conclusion) {
                result = result.merge(conclusion);
            }
            report.push_str(&format!("\n  {}: {conclusion}", background.name));
        }
        log.say(&report).await;
        job.state.merge(result);
        let done = Done { name, outcome: result, conclusion: result, outputs: IndexMap::new() };
        if let Some(step) = step {
            Top { step, number, phase: Phase::Main, name: None, index }.end(&job, &done, started.elapsed()).await;
        } else {
            let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            let Done { name, outcome, conclusion, .. } = done;
            let phase = StepPhase::Main;
            job.sink
                .emit(JobEventKind::StepFinished { step: number, name, phase, index, outcome, conclusion, micros })
                .await;
        }
    }

    fn find(&self, ids: &[StepId]) -> Vec<usize> {
        ids.iter().filter_map(|id| self.list.iter().position(|background| background.step.id == *id)).collect()
    }

    fn unwaited(&self) -> Vec<usize> {
        let running = |at: &usize| matches!(self.list[*at].progress, Progress::Running(_));
        (0..self.list.len()).filter(running).collect()
    }
}

impl Background {
    /// Waits for its end and makes what it did visible.
    async fn end(&mut self, job: &Job) -> Conclusion {
        let task = match &mut self.progress {
            Progress::Running(task) => task,
            Progress::Ended(conclusion) => return *conclusion,
        };
        let done = task.await.unwrap_or_else(|_| Done {
            name: self.name.clone(),
            outcome: Conclusion::Failure,
            conclusion: Conclusion::Failure,
            outputs: IndexMap::new(),
        });
        let effects = std::mem::take(&mut *self.effects.lock().unwrap_or_else(PoisonError::into_inner));
        job.state.apply(effects.env, effects.path);
        let conclusion = done.conclusion;
        record(job, &self.step, done);
        self.progress = Progress::Ended(conclusion);
        conclusion
    }

    /// What its end means for the job: a step that was cancelled on purpose means nothing.
    fn counted(&self, conclusion: Conclusion) -> Conclusion {
        if conclusion == Conclusion::Cancelled && *self.named.borrow() == Named::Yes {
            Conclusion::Success
        } else {
            conclusion
        }
    }
}
