//! Scripts of whoever runs the machine, around every job (`execution-semantics` 3.8): as steps "Set up runner" and "Complete runner",
//! with the job's environment, inside its sandbox. Called by [`super::sequence`].

use super::contexts::Phase;
use super::request::Hook;
use super::running::Job;
use super::sequence::one;
use super::top::Top;
use domain::{StepId, StepRef};
use std::sync::Arc;
use workflow::model::{Step, StepKind};
use workflow::template::{Template, TemplateKind};
use workflow::yaml::Span;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Before the first step.
    Started,
    /// After the last.
    Completed,
}

/// Runs a hook, when there is one; one that fails fails the job.
pub(crate) async fn run(job: &Job, moment: Moment, next: impl FnOnce() -> StepRef) {
    let (hook, name) = match moment {
        Moment::Started => (&job.hooks.started, "Set up runner"),
        Moment::Completed => (&job.hooks.completed, "Complete runner"),
    };
    let Some(hook) = hook else { return };
    let step = step(hook);
    let done = one(job, Top { step: &step, number: next(), phase: Phase::Main, name: Some(name), index: None }).await;
    job.state.merge(done.conclusion);
}

/// The script as a step that always runs; nothing in it is an expression.
fn step(hook: &Hook) -> Step {
    let literal = |kind| Template { kind, span: Span::default() };
    let text = |text: &str| literal(TemplateKind::String(Arc::from(text)));
    Step {
        id: StepId::generated("__hook"),
        name: None,
        condition: literal(TemplateKind::Bool(true)),
        env: None,
        continue_on_error: None,
        timeout_minutes: None,
        background: false,
        kind: StepKind::Run {
            script: text(&hook.script),
            shell: Some(text(hook.shell.format())),
            // The workspace, whatever the job's defaults say.
            working_directory: Some(text("")),
        },
        span: Span::default(),
    }
}
