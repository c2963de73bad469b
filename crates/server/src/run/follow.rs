//! From decisions of the machine to rows of jobs. Called when a run starts and whenever it goes on; deterministic, so that a machine that is made
//! again gives the same.

use super::facts::{GroupFacts, JobFacts, SecretsFacts};
use domain::control::{CancelCause, JobPhase, NeverRan, Tolerance};
use domain::{Conclusion, JobId, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use store::NewJob;
use workflow::document;
use workflow::model::{Step, StepKind};
use workflow::run::{Decision, Origin, ReadyJob, Run, RunChange};
use workflow::template::Template;

/// What the decisions come to.
#[derive(Debug, Default)]
pub(super) struct Follow {
    /// Jobs about which something was decided.
    pub(super) jobs: Vec<NewJob>,
    /// Jobs that shall end, and why.
    pub(super) cancel: Vec<(JobId, CancelCause)>,
    /// Calls that have ended, whose groups are free.
    pub(super) calls_ended: Vec<JobId>,
}

/// What holds for all decisions of one look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    /// The concurrency group of the run as a whole.
    pub(super) group: Option<&'a GroupFacts>,
    /// Who cancelled the run, if somebody did.
    pub(super) cancelled: Option<&'a CancelCause>,
    pub(super) now: Timestamp,
}

impl Follow {
    /// Takes decisions in, and those that follow from them.
    pub(super) fn take(&mut self, look: Look<'_>, machine: &mut Run, decisions: Vec<Decision>) {
        let mut decisions: VecDeque<Decision> = decisions.into();
        let cause = || look.cancelled.cloned().unwrap_or(CancelCause::FailFast);
        while let Some(decision) = decisions.pop_front() {
            match decision {
                Decision::Ready(ready) => match document::write(&ready) {
                    Ok(document) => self.jobs.push(ready_job(look, &ready, document)),
                    Err(error) => {
                        let why = NeverRan::Invalid(error.to_string());
                        self.jobs
                            .push(NewJob { labels: ready.labels, ..never(look, ready.id.clone(), ready.name, why) });
                        decisions.extend(machine.apply(RunChange::Ended {
                            job: ready.id,
                            conclusion: Conclusion::Failure,
                            outputs: BTreeMap::new(),
                        }));
                    }
                },
                Decision::Skipped { job, name, reason } => {
                    let labels = machine.labels_of(&job);
                    let mut job = NewJob { labels, ..never(look, job, name, NeverRan::Skipped) };
                    job.facts = written(&JobFacts { reason: Some(reason), ..JobFacts::default() });
                    self.jobs.push(job);
                }
                Decision::Failed { job, name, message } => {
                    let labels = machine.labels_of(&job);
                    self.jobs.push(NewJob { labels, ..never(look, job, name, NeverRan::Invalid(message)) });
                }
                Decision::Cancelled { job, name, .. } => {
                    self.jobs.push(never(look, job, name, NeverRan::Cancelled(cause())));
                }
                Decision::Cancel { job, .. } => self.cancel.push((job, cause())),
                Decision::CallEnded { call } => self.calls_ended.push(call),
                // The store counts for itself.
                Decision::Finished { .. } => {}
            }
        }
    }
}

/// A held row for a job of which nothing is decided.
pub(super) fn waiting_job(waiting: workflow::run::WaitingJob) -> NewJob {
    NewJob {
        id: waiting.id,
        name: waiting.name,
        labels: waiting.labels,
        priority: 0,
        tolerance: Tolerance::FailsRun,
        document: String::new(),
        facts: written(&JobFacts::default()),
        phase: JobPhase::held(domain::control::Hold::Dependency(waiting.why)),
    }
}

fn never(look: Look<'_>, id: JobId, name: String, why: NeverRan) -> NewJob {
    let end = domain::control::JobEnd::NeverRan(why);
    let phase = JobPhase::Finished { end, at: look.now, epoch: domain::control::Epoch::NONE };
    NewJob {
        id,
        name,
        labels: Vec::new(),
        priority: 0,
        tolerance: Tolerance::FailsRun,
        document: String::new(),
        facts: written(&JobFacts::default()),
        phase,
    }
}

fn ready_job(look: Look<'_>, ready: &ReadyJob, document: String) -> NewJob {
    let groups = look.group.into_iter().cloned();
    let groups = groups.chain(ready.concurrency.iter().map(|group| GroupFacts::of(group, Some(&ready.id))));
    let facts = JobFacts {
        key: ready.job().map(|job| job.id.value.clone()).unwrap_or_default(),
        needs: ready.needs.to_json(),
        file: (ready.origin == Origin::Call).then_some(ready.file.0),
        event_inputs: document::event_inputs(ready).map(|inputs| inputs.to_json()),
        secrets: if ready.secrets.is_all() { SecretsFacts::All } else { SecretsFacts::Given },
        groups: groups.collect(),
        environment: ready.environment.clone(),
        timeout_minutes: ready.timeout_minutes,
        cancel_timeout_minutes: ready.cancel_timeout_minutes,
        reason: None,
        steps: ready.normal().map(|job| job.steps.iter().map(step_name).collect()).unwrap_or_default(),
    };
    NewJob {
        id: ready.id.clone(),
        name: ready.name.clone(),
        labels: ready.labels.clone(),
        priority: 0,
        tolerance: if ready.continue_on_error { Tolerance::MayFail } else { Tolerance::FailsRun },
        document,
        facts: written(&facts),
        phase: JobPhase::queued(look.now),
    }
}

/// As people see it before the runner has evaluated it.
fn step_name(step: &Step) -> String {
    if let Some(name) = &step.name {
        return name.as_written();
    }
    match &step.kind {
        StepKind::Run { script, .. } => {
            format!("Run {}", Template::as_written(script).trim().lines().next().unwrap_or_default())
        }
        StepKind::Uses { text, .. } => format!("Run {text}"),
        StepKind::Wait(_) | StepKind::WaitAll => "Wait".to_owned(),
        StepKind::Cancel(id) => format!("Cancel {}", id.value),
        StepKind::Parallel(_) => "Parallel".to_owned(),
    }
}

fn written(facts: &JobFacts) -> serde_json::Value {
    // Texts, numbers and lists alone: nothing of it can fail.
    serde_json::to_value(facts).unwrap_or_default()
}
