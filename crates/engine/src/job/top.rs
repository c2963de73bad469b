//! The steps of the job, each with its place in the log and its events. [`super::sequence`] says in which order.

use super::actions::LoadedAction;
use super::contexts::{Phase, StepScope};
use super::frame::Frame;
use super::guard::{Guard, Named, Stop, Wanted};
use super::naming;
use super::running::Job;
use super::step::{self, At, Attempt, StepEnv};
use crate::cancel::Cancel;
use crate::commands::Effects;
use crate::output::StepLog;
use domain::{Conclusion, JobEventKind, Outcome, StepPhase, StepRef};
use indexmap::IndexMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use workflow::model::{Step, StepKind};

/// A step of the job and its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Top<'a> {
    pub(crate) step: &'a Step,
    pub(crate) number: StepRef,
    pub(crate) phase: Phase,
    /// What it is called, where that is known already.
    pub(crate) name: Option<&'a str>,
    /// Its place in the file's list of steps, from 0; only for a step of that list.
    pub(crate) index: Option<u32>,
}

/// How a step of the job ended.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
    pub(crate) conclusion: Conclusion,
    pub(crate) outputs: IndexMap<String, String>,
}

/// What was decided about a step.
pub(crate) enum Decided {
    /// It does not run: it ended already.
    Ended(Done),
    /// It runs.
    Runs(Ready),
}

/// Everything that is known when a step starts.
pub(crate) struct Ready {
    name: String,
    env: StepEnv,
    minutes: Option<u32>,
    action: Option<Arc<LoadedAction>>,
}

impl Ready {
    /// What the step is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Top<'_> {
    fn log(&self, job: &Job) -> Arc<StepLog> {
        Arc::new(StepLog::new(job.sink.clone(), self.number, job.masker.clone(), job.debugging))
    }

    const fn phase(&self) -> StepPhase {
        match self.phase {
            Phase::Pre => StepPhase::Pre,
            Phase::Main => StepPhase::Main,
            Phase::Post => StepPhase::Post,
        }
    }

    /// Says that the step begins.
    pub(crate) async fn start(&self, job: &Job, name: &str) {
        let event = JobEventKind::StepStarted {
            step: self.number,
            name: name.to_owned(),
            phase: self.phase(),
            index: self.index,
        };
        job.sink.emit(event).await;
    }

    /// Says how the step ended.
    pub(crate) async fn end(&self, job: &Job, done: &Done, took: Duration) {
        job.sink
            .emit(JobEventKind::StepFinished {
                step: self.number,
                name: done.name.clone(),
                phase: self.phase(),
                index: self.index,
                outcome: done.outcome,
                conclusion: done.conclusion,
                micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            })
            .await;
    }
}

/// Decides whether a step runs: its environment, its name, its condition.
pub(crate) async fn decide(job: &Job, top: Top<'_>) -> Decided {
    let started = Instant::now();
    let (frame, log) = (Frame::job(), top.log(job));
    let guard = Guard { deadline: None, named: None, job: job.cancel.clone() };
    let at = At { job, frame: &frame, log: &log, guard: &guard, phase: top.phase, deferred: None };
    let mut action = None;
    if let (Phase::Pre | Phase::Post, StepKind::Uses { uses, .. }) = (top.phase, &top.step.kind) {
        match step::load_for(&at, top.step, &uses.value).await {
            Ok(loaded) => action = Some(loaded),
            Err(error) => return failed(&at, top, default_name(top), &error.to_string(), started).await,
        }
    }
    let env = match step::with_own_env(&at, top.step, step::outer_env(&at)).await {
        Ok(env) => env,
        Err((_, error)) => return failed(&at, top, default_name(top), &error.to_string(), started).await,
    };
    let name = name(&at, top, &env).await;
    let wanted = if job.cancel.now() == Cancel::Now {
        Ok(Wanted::No)
    } else {
        step::holds(&at, top.step, step::condition(top.step, top.phase, action.as_deref()), &env.all).await
    };
    match wanted {
        Ok(Wanted::Yes) => {}
        Ok(Wanted::No) => {
            let done =
                Done { name, outcome: Conclusion::Skipped, conclusion: Conclusion::Skipped, outputs: IndexMap::new() };
            top.end(job, &done, Duration::ZERO).await;
            return Decided::Ended(done);
        }
        Err(error) => return failed(&at, top, name, &error.to_string(), started).await,
    }
    Decided::Runs(Ready { name, env, minutes: None, action })
}

/// A step whose `env` or `if` is wrong: it fails whatever `continue-on-error` says.
async fn failed(at: &At<'_>, top: Top<'_>, name: String, message: &str, started: Instant) -> Decided {
    top.start(at.job, &name).await;
    at.log.error(message).await;
    let done = Done { name, outcome: Conclusion::Failure, conclusion: Conclusion::Failure, outputs: IndexMap::new() };
    top.end(at.job, &done, started.elapsed()).await;
    Decided::Ended(done)
}

/// Runs a step that was decided to run, from its first event to its last.
pub(crate) async fn carry_out(
    job: &Job,
    top: Top<'_>,
    mut ready: Ready,
    named: Option<watch::Receiver<Named>>,
    deferred: Option<&Mutex<Effects>>,
) -> Done {
    let started = Instant::now();
    top.start(job, &ready.name).await;
    let (frame, log) = (Frame::job(), top.log(job));
    let unguarded = Guard { deadline: None, named: None, job: job.cancel.clone() };
    let at = At { job, frame: &frame, log: &log, guard: &unguarded, phase: top.phase, deferred };
    ready.minutes = timeout(&at, top, &ready.env).await;
    let deadline = ready.minutes.map(|minutes| started + job.timing.minute * minutes);
    let guard = Guard { deadline, named, job: job.cancel.clone() };
    let at = At { guard: &guard, ..at };

    let attempt = step::attempt(at, top.step, &ready.env, ready.action.take()).await;
    let Attempt { conclusion: outcome, outputs, stop } = step::settle(&at, attempt).await;
    if let (Some(Stop::TimedOut), Some(minutes)) = (stop, ready.minutes) {
        let name = &ready.name;
        log.error(&format!("The action '{name}' has timed out after {minutes} minutes.")).await;
    }
    let conclusion = step::conclude(&at, top.step, &ready.env.all, outcome).await;
    let done = Done { name: ready.name, outcome, conclusion, outputs };
    top.end(job, &done, started.elapsed()).await;
    done
}

/// `timeout-minutes`: whole minutes, as the reference cuts them; none when it is not positive or wrong.
async fn timeout(at: &At<'_>, top: Top<'_>, env: &StepEnv) -> Option<u32> {
    let template = top.step.timeout_minutes.as_ref()?;
    let github = step::facts(at, top.step);
    let scope = StepScope::new(at.job, at.frame, at.phase, &env.all, &github);
    match scope.evaluate(|scope| template.evaluate_number(scope)).await {
        // The conversion saturates; a limit of 8,000 years is none that anybody reaches.
        Ok(minutes) if minutes >= 1.0 => Some(minutes.min(f64::from(u32::MAX)) as u32),
        Ok(_) => None,
        Err(error) => {
            at.log.error("An error occurred when attempting to determine the step timeout.").await;
            at.log.error(&error.to_string()).await;
            None
        }
    }
}

/// What the step is called, evaluated and masked.
async fn name(at: &At<'_>, top: Top<'_>, env: &StepEnv) -> String {
    if top.name.is_some() || top.phase != Phase::Main {
        return default_name(top);
    }
    let github = step::facts(at, top.step);
    let scope = StepScope::new(at.job, at.frame, at.phase, &env.all, &github);
    let (template, is_given) = match (&top.step.name, &top.step.kind) {
        (Some(name), _) => (name, true),
        (None, StepKind::Run { script, .. }) => (script, false),
        _ => return default_name(top),
    };
    let name = match scope.evaluate(|scope| template.evaluate_text(scope)).await {
        Ok(text) if is_given => naming::first_line(&text).to_owned(),
        Ok(text) => naming::generated(&text),
        // A name that cannot be evaluated is shown as it is written.
        Err(_) => String::new(),
    };
    if name.is_empty() { default_name(top) } else { at.job.masker.mask_text(&name).into_owned() }
}

/// What the step is called as far as the file says it.
pub(crate) fn default_name(top: Top<'_>) -> String {
    if let Some(name) = top.name {
        return name.to_owned();
    }
    if let Some(name) = &top.step.name {
        let raw = naming::raw(name);
        if !raw.is_empty() {
            return raw;
        }
    }
    match &top.step.kind {
        StepKind::Run { script, .. } => naming::generated(&naming::raw(script)),
        StepKind::Uses { uses, .. } => naming::generated(&naming::action(uses)),
        StepKind::Wait(ids) => {
            let ids: Vec<&str> = ids.iter().map(|id| id.value.as_str()).collect();
            format!("Wait for {}", ids.join(", "))
        }
        StepKind::WaitAll => "Wait for all background steps".to_owned(),
        StepKind::Cancel(id) => format!("Cancel {}", id.value),
        StepKind::Parallel(_) => "Parallel".to_owned(),
    }
}
