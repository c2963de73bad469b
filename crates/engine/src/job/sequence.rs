//! The order of a job's steps (`execution-semantics` 3.8): pre steps, steps, what runs in the background, post steps.

use super::background::{At, Backgrounds, Control};
use super::contexts::Phase;
use super::hooks::{self, Moment};
use super::phases::has_pre;
use super::running::Job;
use super::state::EndedStep;
use super::top::{self, Decided, Done, Top};
use domain::{Conclusion, StepRef};
use std::sync::Arc;
use workflow::model::{JobKind, Step, StepKind};

/// Numbers the steps as they come in the log.
#[derive(Debug)]
pub(crate) struct Numbers(u32);

impl Numbers {
    /// The first number is the set-up's.
    pub(crate) const fn after_set_up() -> Self {
        Self(1)
    }

    pub(crate) const fn next(&mut self) -> StepRef {
        let number = StepRef(self.0);
        self.0 += 1;
        number
    }
}

/// Runs all steps of the job; the job's status tells how it went.
pub(crate) async fn run(job: &Arc<Job>, numbers: &mut Numbers) {
    let workflow = Arc::clone(&job.source.workflow);
    let Some(JobKind::Normal(normal)) = workflow.jobs.get(job.source.index).map(|job| &job.kind) else { return };
    hooks::run(job, Moment::Started, || numbers.next()).await;
    pre(job, &normal.steps, numbers).await;
    let mut backgrounds = Backgrounds::new(Arc::clone(job));
    for (index, step) in (0..).zip(&normal.steps) {
        main(job, step, index, numbers, &mut backgrounds).await;
    }
    if backgrounds.has_unwaited() {
        backgrounds.control(Control::WaitImplicitly, At { number: numbers.next(), index: None }).await;
    }
    backgrounds.merge_all();
    while let Some(post) = job.state.next_post() {
        let name = format!("Post {}", post.name);
        let top = Top { step: &post.step, number: numbers.next(), phase: Phase::Post, name: Some(&name), index: None };
        let done = one(job, top).await;
        job.state.merge(done.conclusion);
    }
    hooks::run(job, Moment::Completed, || numbers.next()).await;
}

async fn pre(job: &Job, steps: &[Step], numbers: &mut Numbers) {
    for step in steps {
        match &step.kind {
            StepKind::Uses { uses, .. } if has_pre(job, &uses.value, &job.origin) => {
                let name =
                    top::default_name(Top { step, number: StepRef(0), phase: Phase::Main, name: None, index: None });
                let name = format!("Pre {name}");
                let top = Top { step, number: numbers.next(), phase: Phase::Pre, name: Some(&name), index: None };
                let done = one(job, top).await;
                job.state.merge(done.conclusion);
            }
            StepKind::Parallel(steps) => Box::pin(pre(job, steps, numbers)).await,
            _ => {}
        }
    }
}

async fn main(job: &Arc<Job>, step: &Step, index: u32, numbers: &mut Numbers, backgrounds: &mut Backgrounds) {
    match &step.kind {
        StepKind::Wait(ids) => {
            let ids = ids.iter().map(|id| id.value.clone()).collect();
            backgrounds.control(Control::Wait(step, ids), At { number: numbers.next(), index: Some(index) }).await;
        }
        StepKind::WaitAll => {
            backgrounds.control(Control::WaitAll(step), At { number: numbers.next(), index: Some(index) }).await;
        }
        StepKind::Cancel(id) => {
            backgrounds
                .control(Control::Cancel(step, id.value.clone()), At { number: numbers.next(), index: Some(index) })
                .await;
        }
        StepKind::Parallel(steps) => backgrounds.together(steps, index, numbers).await,
        StepKind::Run { .. } | StepKind::Uses { .. } if step.background => {
            backgrounds.start(step, At { number: numbers.next(), index: Some(index) }).await;
        }
        StepKind::Run { .. } | StepKind::Uses { .. } => {
            let top = Top { step, number: numbers.next(), phase: Phase::Main, name: None, index: Some(index) };
            let done = one(job, top).await;
            job.state.merge(done.conclusion);
            record(job, step, done);
        }
    }
}

/// A step from its decision to its end.
pub(crate) async fn one(job: &Job, top: Top<'_>) -> Done {
    match top::decide(job, top).await {
        Decided::Ended(done) => done,
        Decided::Runs(ready) => top::carry_out(job, top, ready, None, None).await,
    }
}

/// Makes a step that ended visible in `steps`.
pub(crate) fn record(job: &Job, step: &Step, done: Done) {
    let Done { outputs, outcome, conclusion, .. } = done;
    job.state.record("", step, EndedStep { outputs, outcome, conclusion });
}

/// Whether a step ended well enough not to change the job's status.
pub(crate) const fn is_harmless(conclusion: Conclusion) -> bool {
    matches!(conclusion, Conclusion::Success | Conclusion::Skipped)
}
