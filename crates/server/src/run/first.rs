//! The first rows of a run: what the machine decides before anything has run. Called by `event` when something happened.

use super::facts::RunFacts;
use super::follow::{Follow, Look, waiting_job};
use super::live::{Live, Undecided};
use domain::Timestamp;
use std::collections::HashSet;
use std::sync::Arc;
use store::NewJob;
use workflow::plan::Plan;
use workflow::run::{Run, WaitingJob};

/// A run that begins.
#[derive(Debug)]
pub struct FirstRun {
    /// Its first jobs: queued, over already, or waiting for others.
    pub jobs: Vec<NewJob>,
    /// Its machine, for [`super::Advancer::keep`].
    pub live: Live,
}

/// Starts the machine of a plan.
#[must_use]
pub fn first(plan: Arc<Plan>, facts: &RunFacts, now: Timestamp) -> FirstRun {
    let (mut machine, decisions) = Run::start(plan, facts.inputs());
    let mut follow = Follow::default();
    follow.take(Look { group: facts.group.as_ref(), cancelled: None, now }, &mut machine, decisions);
    let decided: HashSet<&str> = follow.jobs.iter().map(|job| job.id.as_str()).collect();
    let waiting: Vec<WaitingJob> =
        machine.waiting().into_iter().filter(|waiting| !decided.contains(waiting.id.as_str())).collect();
    let undecided = waiting.iter().map(|waiting| (waiting.id.clone(), waiting.why.clone())).collect();
    let mut jobs = follow.jobs;
    jobs.extend(waiting.into_iter().map(waiting_job));
    FirstRun { jobs, live: Live::begun(machine, facts.group.clone(), Undecided::Known(undecided)) }
}
