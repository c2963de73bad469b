//! One step, whatever it does: its environment, its condition, its attempt. [`super::top`] runs the steps of the job with their
//! events, [`composite`] those of composite actions.

mod checkout;
mod composite;
mod leaf;
mod node;
mod script;
mod uses;

use super::actions::{ActionError, LoadedAction};
use super::contexts::{ContextError, GithubFacts, Phase, StepScope};
use super::frame::{Frame, Level};
use super::guard::{BoxFuture, Condition, Guard, Stop, Wanted};
use super::running::Job;
use super::shell::InvalidShell;
use super::state::EnvMap;
use crate::commands::Effects;
use crate::output::StepLog;
use domain::Conclusion;
use indexmap::IndexMap;
use sandbox::SandboxError;
use std::sync::{Arc, Mutex};
use workflow::checkout::{CheckoutUnavailable, InvalidCheckout};
use workflow::model::{NodeRuns, Runs, Step, StepKind};
use workflow::template::Template;

pub(crate) use checkout::{REPOSITORIES_INSIDE, is_built_in as is_built_in_checkout};
pub(crate) use uses::load_for;

/// Where a step runs, and what it belongs to.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) job: &'a Job,
    pub(crate) frame: &'a Frame,
    pub(crate) log: &'a Arc<StepLog>,
    pub(crate) guard: &'a Guard,
    pub(crate) phase: Phase,
    /// Where a background step keeps its effects until it is waited for.
    pub(crate) deferred: Option<&'a Mutex<Effects>>,
}

/// How a step came out, before `continue-on-error`.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// Success, failure or cancelled.
    pub(crate) conclusion: Conclusion,
    pub(crate) outputs: IndexMap<String, String>,
    /// What ended it early.
    pub(crate) stop: Option<Stop>,
}

impl Attempt {
    pub(crate) fn new(conclusion: Conclusion) -> Self {
        Self { conclusion, outputs: IndexMap::new(), stop: None }
    }
}

/// A step could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    #[error(transparent)]
    Context(#[from] ContextError),
    #[error(transparent)]
    Action(#[from] ActionError),
    #[error(transparent)]
    Shell(#[from] InvalidShell),
    #[error(transparent)]
    Input(#[from] InvalidCheckout),
    #[error(transparent)]
    Checkout(#[from] CheckoutUnavailable),
    /// The sandbox refused; its source is part of the text.
    #[error("{}", describe(.0))]
    Sandbox(#[from] SandboxError),
}

/// An error of the sandbox with what the system said.
pub(crate) fn describe(error: &SandboxError) -> String {
    match error {
        SandboxError::Io { source, .. } => format!("{error}: {source}"),
        other => other.to_string(),
    }
}

/// The environment of a step.
#[derive(Debug, Default)]
pub(crate) struct StepEnv {
    /// Everything that its process gets from the workflow.
    pub(crate) all: EnvMap,
    /// What the step and the steps around it say: visible inside a composite action whatever `GITHUB_ENV` becomes.
    pub(crate) own: EnvMap,
}

/// What of `github` is the step's, before it runs.
pub(crate) fn facts(at: &At<'_>, step: &Step) -> GithubFacts {
    match &at.frame.level {
        Level::Job => GithubFacts { action: step.id.as_str().to_owned(), ..GithubFacts::default() },
        Level::Composite(composite) => GithubFacts {
            action: composite.action.clone(),
            action_path: Some(composite.folder.clone()),
            action_repository: composite.repository.clone(),
            action_ref: composite.reference.clone(),
            files: Vec::new(),
        },
    }
}

/// What the step sees in `env` before its own is evaluated.
pub(crate) fn outer_env(at: &At<'_>) -> StepEnv {
    let mut env = StepEnv { all: at.job.state.env(), own: EnvMap::new() };
    if let Level::Composite(composite) = &at.frame.level {
        env.own = composite.env.clone();
        env.all.extend(composite.env.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    env
}

/// Adds the step's own `env`.
pub(crate) async fn with_own_env(
    at: &At<'_>,
    step: &Step,
    mut env: StepEnv,
) -> Result<StepEnv, (StepEnv, ContextError)> {
    let Some(template) = &step.env else { return Ok(env) };
    let github = facts(at, step);
    let scope = StepScope::new(at.job, at.frame, at.phase, &env.all, &github);
    let pairs = scope.evaluate(|scope| template.evaluate_texts(scope)).await;
    drop(scope);
    match pairs {
        Ok(pairs) => {
            for (name, value) in pairs {
                let name: Arc<str> = name.into();
                env.all.insert(name.clone(), value.clone());
                env.own.insert(name, value);
            }
            Ok(env)
        }
        Err(error) => Err((env, error)),
    }
}

/// The condition of a step in its phase; `None` is `always()`.
pub(crate) fn condition<'a>(step: &'a Step, phase: Phase, action: Option<&'a LoadedAction>) -> Option<&'a Template> {
    match phase {
        Phase::Main => Some(&step.condition),
        Phase::Pre => action.and_then(node_runs).and_then(|node| node.pre_if.as_ref()),
        Phase::Post => action.and_then(node_runs).and_then(|node| node.post_if.as_ref()),
    }
}

/// What a JavaScript action runs.
pub(crate) fn node_runs(action: &LoadedAction) -> Option<&NodeRuns> {
    match action.runs() {
        Some(Runs::Node(node)) => Some(node),
        _ => None,
    }
}

/// Whether a condition holds now.
pub(crate) async fn holds(
    at: &At<'_>,
    step: &Step,
    condition: Option<&Template>,
    env: &EnvMap,
) -> Result<Wanted, ContextError> {
    let Some(condition) = condition else { return Ok(Wanted::Yes) };
    let github = facts(at, step);
    let scope = StepScope::new(at.job, at.frame, at.phase, env, &github);
    let value = scope.evaluate(|scope| condition.evaluate(scope)).await?;
    Ok(if value.is_truthy() { Wanted::Yes } else { Wanted::No })
}

/// The condition of a running step, asked again when the job is cancelled.
pub(crate) struct Running<'a> {
    pub(crate) at: At<'a>,
    pub(crate) step: &'a Step,
    pub(crate) condition: Option<&'a Template>,
    pub(crate) env: &'a EnvMap,
}

impl Condition for Running<'_> {
    fn holds(&self) -> BoxFuture<'_, Wanted> {
        Box::pin(async {
            // A condition that cannot be evaluated any more does not keep a step alive.
            holds(&self.at, self.step, self.condition, self.env).await.unwrap_or(Wanted::No)
        })
    }
}

/// Carries a step out: it was decided that it runs.
pub(crate) fn attempt<'a>(
    at: At<'a>,
    step: &'a Step,
    env: &'a StepEnv,
    action: Option<Arc<LoadedAction>>,
) -> BoxFuture<'a, Result<Attempt, StepError>> {
    Box::pin(async move {
        match &step.kind {
            StepKind::Run { script, shell, working_directory } => {
                let texts =
                    script::Texts { script, shell: shell.as_ref(), working_directory: working_directory.as_ref() };
                script::run(at, step, texts, env).await
            }
            StepKind::Uses { uses, with, .. } => uses::run(at, step, uses, with.as_ref(), env, action).await,
            // Only the job has such steps, and it runs them itself.
            StepKind::Wait(_) | StepKind::WaitAll | StepKind::Cancel(_) | StepKind::Parallel(_) => {
                Ok(Attempt::new(Conclusion::Success))
            }
        }
    })
}

/// Says why a step could not be carried out; what came of it.
pub(crate) async fn settle(at: &At<'_>, result: Result<Attempt, StepError>) -> Attempt {
    match result {
        Ok(attempt) => attempt,
        Err(error) => {
            let text = error.to_string();
            at.log.error(&text).await;
            if matches!(error, StepError::Sandbox(SandboxError::Gone)) {
                at.job.state.found_fault(text);
            }
            Attempt::new(Conclusion::Failure)
        }
    }
}

/// The conclusion of a step whose outcome is known: `continue-on-error` is looked at only when it failed.
pub(crate) async fn conclude(at: &At<'_>, step: &Step, env: &EnvMap, outcome: Conclusion) -> Conclusion {
    let (Conclusion::Failure, Some(template)) = (outcome, &step.continue_on_error) else { return outcome };
    let github = facts(at, step);
    let scope = StepScope::new(at.job, at.frame, at.phase, env, &github);
    match scope.evaluate(|scope| template.evaluate_bool(scope)).await {
        Ok(true) => Conclusion::Success,
        Ok(false) => outcome,
        Err(error) => {
            at.log
                .error(
                    "The step failed and an error occurred when attempting to determine whether to continue on error.",
                )
                .await;
            at.log.error(&error.to_string()).await;
            outcome
        }
    }
}

/// Applies what a step did to the steps after it, or keeps it for the step that waits for it.
pub(crate) fn apply(at: &At<'_>, step: &Step, effects: Effects) -> IndexMap<String, String> {
    at.job.state.save(&at.frame.full_name(&step.id), effects.state);
    match at.deferred {
        None => at.job.state.apply(effects.env, effects.path),
        Some(kept) => {
            let mut kept = kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            kept.env.extend(effects.env);
            kept.path.extend(effects.path);
        }
    }
    effects.outputs
}
