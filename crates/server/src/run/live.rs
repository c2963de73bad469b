//! A run's machine in memory, with the place in the order of ends up to which it has heard. Called by `advance`, and when a job's secrets are what its
//! callers hand on.

use super::facts::{FactsError, RunFacts};
use super::follow::{Follow, Look};
use domain::control::JobPhase;
use domain::{JobId, Timestamp};
use std::sync::Arc;
use store::{StoredJob, StoredRun};
use workflow::run::{Decision, ReadyJob, Run, RunChange};

/// A machine and what it has heard.
#[derive(Debug)]
pub struct Live {
    machine: Run,
    /// The last end, of the run's order of ends, that it heard of.
    heard: i64,
}

/// Something that the machine is told, with its place.
pub(super) struct Told {
    pub(super) place: i64,
    pub(super) change: RunChange,
}

impl Live {
    /// One that has just begun.
    pub(super) const fn begun(machine: Run) -> Self {
        Self { machine, heard: 0 }
    }

    pub(super) const fn heard(&self) -> i64 {
        self.heard
    }

    pub(super) const fn machine(&self) -> &Run {
        &self.machine
    }

    /// Makes the machine of a run again as it was at its start; gives what that decided.
    pub(super) fn again(run: &StoredRun, facts: &RunFacts, now: Timestamp) -> Result<(Self, Follow), FactsError> {
        let (mut machine, decisions) = Run::start(Arc::new(facts.plan(run)?), facts.inputs());
        let mut follow = Follow::default();
        follow.take(look(run, facts, now), &mut machine, decisions);
        Ok((Self::begun(machine), follow))
    }

    /// Tells it what happened since, up to a place; gives what follows.
    pub(super) fn hear(&mut self, look: Look<'_>, told: &[Told], until: i64) -> Follow {
        let mut follow = Follow::default();
        for Told { place, change } in told {
            if *place > self.heard && *place <= until {
                let decisions = self.machine.apply(change.clone());
                follow.take(look, &mut self.machine, decisions);
            }
        }
        self.heard = self.heard.max(until);
        follow
    }
}

pub(super) fn look<'a>(run: &'a StoredRun, facts: &'a RunFacts, now: Timestamp) -> Look<'a> {
    Look { facts, cancelled: run.cancelled.as_ref().map(|(_, cause)| cause), now }
}

/// What happened to a run, in its order.
pub(super) fn told(run: &StoredRun, jobs: &[StoredJob]) -> Vec<Told> {
    let ends = jobs.iter().filter_map(|job| {
        let place = job.end_order?;
        let JobPhase::Finished { end, .. } = &job.phase else { return None };
        let change =
            RunChange::Ended { job: job.id.clone(), conclusion: end.conclusion(), outputs: job.outputs.clone() };
        Some(Told { place, change })
    });
    let cancelled = run.cancelled.iter().map(|(place, _)| Told { place: *place, change: RunChange::CancelRequested });
    let mut told: Vec<Told> = ends.chain(cancelled).collect();
    told.sort_by_key(|told| told.place);
    told
}

/// A job as the machine gave it, from a machine that is made again: what no row can say of it, such as the secrets that its callers hand on.
pub(crate) fn ready_job(
    run: &StoredRun,
    facts: &RunFacts,
    jobs: &[StoredJob],
    id: &JobId,
) -> Result<Option<ReadyJob>, FactsError> {
    let (mut machine, mut decisions) = Run::start(Arc::new(facts.plan(run)?), facts.inputs());
    for Told { change, .. } in told(run, jobs) {
        decisions.extend(machine.apply(change));
    }
    Ok(decisions.into_iter().find_map(|decision| match decision {
        Decision::Ready(ready) if ready.id == *id => Some(*ready),
        _ => None,
    }))
}
