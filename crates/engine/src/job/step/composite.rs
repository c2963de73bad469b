//! A composite action (`execution-semantics` 3.10): its steps run one after the other in the log of the step that uses it.

use super::uses::{Use, head, uses_of};
use super::{
    At, Attempt, StepError, attempt, conclude, condition, facts, holds, load_for, outer_env, settle, with_own_env,
};
use crate::cancel::Cancel;
use crate::job::actions::ActionError;
use crate::job::contexts::{Phase, StepScope};
use crate::job::frame::{CompositeFrame, Frame, Level, MAX_DEPTH};
use crate::job::guard::{BoxFuture, Stop, Wanted};
use crate::job::state::{EndedStep, EnvMap};
use domain::Conclusion;
use indexmap::IndexMap;
use tokio::time::Instant;
use workflow::expr::Object;
use workflow::model::{CompositeRuns, Step};

pub(super) fn run<'a>(
    at: At<'a>,
    using: Use<'a>,
    runs: &'a CompositeRuns,
) -> BoxFuture<'a, Result<Attempt, StepError>> {
    Box::pin(async move {
        let depth = at.frame.depth() + 1;
        if depth > MAX_DEPTH {
            return Err(ActionError(format!(
                "'{}' uses itself: composite actions are more than {MAX_DEPTH} deep",
                using.name
            ))
            .into());
        }
        at.log
            .say(&match at.phase {
                Phase::Post => "Post job cleanup.".to_owned(),
                Phase::Pre | Phase::Main => head(&using.name, &using.inputs, using.env, &IndexMap::new()),
            })
            .await;
        let inputs: Object = using.inputs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let composite = CompositeFrame::new(
            inputs.into(),
            using.env.own.clone(),
            facts(&at, using.step).action,
            using.action.folder.clone(),
            using.action.repository.clone(),
            using.action.reference.clone(),
            using.action.origin.clone(),
            depth,
        );
        let frame = Frame { scope: at.frame.full_name(&using.step.id), level: Level::Composite(Box::new(composite)) };
        let inner = At { frame: &frame, ..at };
        let mut stop = None;
        match at.phase {
            Phase::Pre | Phase::Main => {
                for step in &runs.steps {
                    if run_step(inner, step, &mut stop).await == Rest::LeftOut {
                        break;
                    }
                }
            }
            Phase::Post => {
                for step in runs.steps.iter().rev() {
                    if run_step(inner, step, &mut stop).await == Rest::LeftOut {
                        break;
                    }
                }
            }
        }
        let conclusion = match &frame.level {
            Level::Composite(composite) => composite.status(),
            Level::Job => Conclusion::Success,
        };
        let mut attempt = Attempt::new(conclusion);
        attempt.stop = stop;
        if at.phase == Phase::Main {
            outputs(&inner, &using, &mut attempt).await;
        }
        Ok(attempt)
    })
}

/// Whether the rest of the steps still get their turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    GetTheirTurn,
    LeftOut,
}

fn run_step<'a>(at: At<'a>, step: &'a Step, stop: &'a mut Option<Stop>) -> BoxFuture<'a, Rest> {
    Box::pin(async move {
        if at.job.cancel.now() == Cancel::Now {
            *stop = Some(Stop::Killed);
            merge(&at, Conclusion::Cancelled);
            return Rest::LeftOut;
        }
        let mut action = None;
        if at.phase != Phase::Main {
            // Only actions have these phases, and only those that have something to do in them.
            let Some(uses) = uses_of(step) else { return Rest::GetTheirTurn };
            let full_name = at.frame.full_name(&step.id);
            let loaded = match at.phase {
                Phase::Post if !at.job.state.is_registered(&full_name) => return Rest::GetTheirTurn,
                Phase::Pre if !crate::job::phases::has_pre(at.job, uses, &super::uses::origin_of(at.job, at.frame)) => {
                    return Rest::GetTheirTurn;
                }
                _ => load_for(&at, step, uses).await,
            };
            match loaded {
                Ok(loaded) => action = Some(loaded),
                Err(error) => return fail(&at, step, &error.to_string()).await,
            }
        }
        let env = match with_own_env(&at, step, outer_env(&at)).await {
            Ok(env) => env,
            Err((_, error)) => return fail(&at, step, &error.to_string()).await,
        };
        let wanted = match holds(&at, step, condition(step, at.phase, action.as_deref()), &env.all).await {
            Ok(wanted) => wanted,
            Err(error) => return fail(&at, step, &error.to_string()).await,
        };
        if wanted == Wanted::No {
            record(&at, step, IndexMap::new(), Conclusion::Skipped, Conclusion::Skipped);
            return Rest::GetTheirTurn;
        }
        let mut attempt = if at.guard.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            Attempt { stop: Some(Stop::TimedOut), ..Attempt::new(Conclusion::Failure) }
        } else {
            settle(&at, attempt(at, step, &env, action).await).await
        };
        if attempt.stop == Some(Stop::TimedOut) {
            at.log.error("The action has timed out.").await;
        }
        *stop = stop.or(attempt.stop);
        let conclusion = conclude(&at, step, &env.all, attempt.conclusion).await;
        merge(&at, conclusion);
        record(&at, step, std::mem::take(&mut attempt.outputs), attempt.conclusion, conclusion);
        Rest::GetTheirTurn
    })
}

/// A step whose `env` or `if` is wrong: it fails whatever `continue-on-error` says, and the rest is left out.
async fn fail(at: &At<'_>, step: &Step, message: &str) -> Rest {
    at.log.error(message).await;
    merge(at, Conclusion::Failure);
    record(at, step, IndexMap::new(), Conclusion::Failure, Conclusion::Failure);
    Rest::LeftOut
}

fn merge(at: &At<'_>, conclusion: Conclusion) {
    if let Level::Composite(composite) = &at.frame.level {
        composite.merge(conclusion);
    }
}

fn record(at: &At<'_>, step: &Step, outputs: IndexMap<String, String>, outcome: Conclusion, conclusion: Conclusion) {
    if at.phase == Phase::Main {
        at.job.state.record(&at.frame.scope, step, EndedStep { outputs, outcome, conclusion });
    }
}

/// The outputs of the action, on failure too.
async fn outputs(at: &At<'_>, using: &Use<'_>, attempt: &mut Attempt) {
    let crate::job::actions::Manifest::Action(manifest) = &using.action.manifest else { return };
    let env: EnvMap = outer_env(at).all;
    let github = facts(at, using.step);
    let scope = StepScope::new(at.job, at.frame, at.phase, &env, &github);
    for output in &manifest.outputs {
        let Some(template) = &output.value else { continue };
        match scope.evaluate(|scope| template.evaluate_text(scope)).await {
            Ok(value) => {
                attempt.outputs.insert(output.id.value.clone(), value.to_string());
            }
            Err(error) => {
                at.log.error(&error.to_string()).await;
                attempt.conclusion = Conclusion::Failure;
                return;
            }
        }
    }
}
