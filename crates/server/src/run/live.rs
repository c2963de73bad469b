//! A run's machine in memory, with the place in the order of ends up to which it has heard. Called by `advance`, and when a job's secrets are what its
//! callers hand on.

use super::facts::{FactsError, GroupFacts, RunFacts};
use super::follow::{Follow, Look};
use domain::control::CancelCause;
use domain::{JobId, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{EndedJob, RunCancel, RunHead, StoredRun};
use workflow::run::{Decision, ReadyJob, Run, RunChange};

/// A machine and what it has heard.
#[derive(Debug)]
pub struct Live {
    machine: Run,
    /// The concurrency group of the run as a whole.
    group: Option<GroupFacts>,
    /// The last end, of the run's order of ends, that it heard of.
    heard: i64,
    pub(super) undecided: Undecided,
}

/// What is known of the rows of jobs about which nothing is decided.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Undecided {
    /// Another may have written them.
    Unknown,
    /// These there are, each with why it waits.
    Known(BTreeMap<JobId, String>),
}

/// Something that the machine is told, with its place.
pub(super) struct Told {
    pub(super) place: i64,
    pub(super) change: RunChange,
    /// Why jobs end that end for it, where that is not why the run ends.
    pub(super) cause: Option<CancelCause>,
}

impl Live {
    /// One that has just begun.
    pub(super) const fn begun(machine: Run, group: Option<GroupFacts>, undecided: Undecided) -> Self {
        Self { machine, group, heard: 0, undecided }
    }

    pub(super) const fn heard(&self) -> i64 {
        self.heard
    }

    pub(super) const fn machine(&self) -> &Run {
        &self.machine
    }

    /// Makes the machine of a run again as it was at its start; gives what that decided.
    pub(super) fn again(
        run: &StoredRun,
        facts: &RunFacts,
        cancelled: Cancelled<'_>,
        now: Timestamp,
    ) -> Result<(Self, Follow), FactsError> {
        let (mut machine, decisions) = Run::start(Arc::new(facts.plan(run)?), facts.inputs());
        let mut follow = Follow::default();
        let look = Look { group: facts.group.as_ref(), cancelled, now };
        follow.take(look, &mut machine, decisions);
        Ok((Self::begun(machine, facts.group.clone(), Undecided::Unknown), follow))
    }

    /// Tells it what happened since, up to a place; gives what follows.
    pub(super) fn hear(&mut self, cancelled: Cancelled<'_>, now: Timestamp, told: &[Told], until: i64) -> Follow {
        let mut follow = Follow::default();
        for Told { place, change, cause } in told {
            if *place > self.heard && *place <= until {
                let look = Look { group: self.group.as_ref(), cancelled: cause.as_ref().or(cancelled), now };
                let decisions = self.machine.apply(change.clone());
                follow.take(look, &mut self.machine, decisions);
            }
        }
        self.heard = self.heard.max(until);
        follow
    }
}

/// Who cancelled a run, if somebody did.
pub(super) type Cancelled<'a> = Option<&'a CancelCause>;

/// What happened to a run, in its order.
pub(super) fn told(run: &RunHead, ended: Vec<EndedJob>) -> Vec<Told> {
    let ends = ended.into_iter().flat_map(|EndedJob { id, order: place, conclusion, outputs, gave_way }| {
        let gave_way = gave_way.map(|group| Told {
            place,
            change: RunChange::GaveWay { job: id.clone(), group: group.clone() },
            cause: Some(CancelCause::GaveWay(group)),
        });
        let change = RunChange::Ended { job: id, conclusion, outputs };
        gave_way.into_iter().chain([Told { place, change, cause: None }])
    });
    let mut told: Vec<Told> = ends.chain(run.cancelled.iter().flat_map(asked)).collect();
    told.sort_by_key(|told| told.place);
    told
}

fn asked(cancel: &RunCancel) -> impl Iterator<Item = Told> {
    let RunCancel { place, all_from, .. } = *cancel;
    // One that was ended whole at once lets nothing go on in between.
    let first = (all_from != Some(place)).then_some((place, RunChange::CancelRequested));
    let all = all_from.map(|place| (place, RunChange::EndRequested));
    first.into_iter().chain(all).map(|(place, change)| Told { place, change, cause: None })
}

/// A job as the machine gave it, from a machine that is made again: what no row can say of it, such as the secrets that its callers hand on.
pub(crate) fn ready_job(
    run: &StoredRun,
    facts: &RunFacts,
    ended: Vec<EndedJob>,
    id: &JobId,
) -> Result<Option<ReadyJob>, FactsError> {
    let (mut machine, mut decisions) = Run::start(Arc::new(facts.plan(run)?), facts.inputs());
    for Told { change, .. } in told(&run.into(), ended) {
        decisions.extend(machine.apply(change));
    }
    Ok(decisions.into_iter().find_map(|decision| match decision {
        Decision::Ready(ready) if ready.id == *id => Some(*ready),
        _ => None,
    }))
}
