//! Concurrency groups: one member holds a group, others wait or give way (`execution-semantics` 4.5). Used by the queue before a job may stand in a line.
//!
//! Who gives way to whom follows from when each came, not from when this queue heard of it: several servers that hear in different orders do not cancel each
//! other's. Who holds a group may be told from outside ([`Groups::seize`]): another server let it in.

use crate::spec::{Claim, GroupQueue, InProgress, Member};
use domain::JobId;
use domain::control::{ProjectId, RunId};
use slab::Slab;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// So many wait for a group with [`GroupQueue::Max`].
const MOST_WAITING: usize = 100;

/// Something that shall be cancelled. Whoever does it tells [`crate::Queue::leave`] when it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// What.
    pub member: Member,
    /// Whose group it is.
    pub project: ProjectId,
    /// The group, as the newer member wrote it.
    pub group: Arc<str>,
    /// Why.
    pub cause: CancellationCause,
}

/// Why something is cancelled for its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancellationCause {
    /// It waited, and a newer one waits in its place.
    GaveWay {
        /// The newer one.
        newer: Member,
    },
    /// It held the group, and a newer one wants what is in progress cancelled.
    InProgress {
        /// The newer one.
        newer: Member,
    },
}

type Key = (ProjectId, Arc<str>);
/// By when it came.
type Order = (u64, Member);

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Its member holds the group.
    Holds,
    /// Its member waits; the job is noted and told.
    Waits,
    /// Its member gave way to a newer one and never gets it.
    Lost,
}

/// What enters changes for others.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) cancellations: Vec<Cancellation>,
    /// Jobs that waited with a member that gave way.
    pub(crate) lost: Vec<u32>,
}

#[derive(Debug)]
struct Waiting {
    order: Order,
    jobs: Vec<u32>,
}

#[derive(Debug)]
struct Group {
    key: Key,
    holder: Order,
    /// Whether the holder was told to end.
    told: Told,
    /// The oldest first.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    ToEnd,
}

#[derive(Debug, Default)]
pub(crate) struct Groups {
    by_key: BTreeMap<Key, usize>,
    groups: Slab<Group>,
    of_member: BTreeMap<Member, Vec<usize>>,
    /// Who gave way in which group, and to whom, until it leaves.
    lost: BTreeMap<Member, Vec<(Key, Member)>>,
}

fn key(project: ProjectId, group: &str) -> Key {
    (project, group.to_lowercase().into())
}

impl Groups {
    /// A member wants a group, or wanted it before; `job` waits with it.
    pub(crate) fn enter(
        &mut self,
        project: ProjectId,
        claim: &Claim,
        job: Option<u32>,
        effects: &mut Effects,
    ) -> Place {
        let key = key(project, &claim.group);
        if self.lost.get(&claim.member).is_some_and(|lost| lost.iter().any(|(group, _)| *group == key)) {
            return Place::Lost;
        }
        let order = (claim.since, claim.member.clone());
        let Some(at) = self.by_key.get(&key).copied() else {
            self.found(key, order);
            return Place::Holds;
        };
        let Some(group) = self.groups.get_mut(at) else { return Place::Holds };
        if group.holder.1 == claim.member {
            return Place::Holds;
        }
        if let Some(own) = group.waiting.iter_mut().find(|waiting| waiting.order.1 == claim.member) {
            own.jobs.extend(job.filter(|job| !own.jobs.contains(job)));
            return Place::Waits;
        }
        let (most, ends) = match (claim.in_progress, claim.queue) {
            (InProgress::IsCancelled, _) => (1, true),
            (InProgress::Stays, GroupQueue::Single) => (1, false),
            (InProgress::Stays, GroupQueue::Max) => (MOST_WAITING, false),
        };
        let place = group.waiting.partition_point(|waiting| waiting.order < order);
        group.waiting.insert(place, Waiting { order: order.clone(), jobs: job.into_iter().collect() });
        self.of_member.entry(claim.member.clone()).or_default().push(at);
        let cancel = |member: Member, cause| Cancellation { member, project, group: claim.group.clone(), cause };
        let mut place = Place::Waits;
        while group.waiting.len() > most
            && let Some(Waiting { order: (_, older), jobs }) = group.waiting.pop_front()
            && let Some(Waiting { order: (_, newer), .. }) = group.waiting.back()
        {
            let cause = CancellationCause::GaveWay { newer: newer.clone() };
            if older == claim.member {
                place = Place::Lost;
            } else {
                effects.lost.extend(jobs);
            }
            effects.cancellations.push(cancel(older.clone(), cause));
            if let Some(of) = self.of_member.get_mut(&older) {
                of.retain(|group| *group != at);
            }
            self.lost.entry(older).or_default().push((key.clone(), newer.clone()));
        }
        // One that came before the holder ends nothing that is newer than itself.
        if place == Place::Waits && ends && group.told == Told::Nothing && group.holder < order {
            group.told = Told::ToEnd;
            let cause = CancellationCause::InProgress { newer: claim.member.clone() };
            effects.cancellations.push(cancel(group.holder.1.clone(), cause));
        }
        place
    }

    fn found(&mut self, key: Key, holder: Order) {
        let member = holder.1.clone();
        let at = self.groups.insert(Group { key: key.clone(), holder, told: Told::Nothing, waiting: VecDeque::new() });
        self.by_key.insert(key, at);
        self.of_member.entry(member).or_default().push(at);
    }

    /// A member holds a group, whoever was thought to. The one that was thought to is returned: it, and who waited with the new holder, have to come again.
    pub(crate) fn seize(&mut self, project: ProjectId, group: &str, member: &Member, since: u64) -> Option<Member> {
        let key = key(project, group);
        if let Some(lost) = self.lost.get_mut(member) {
            lost.retain(|(group, _)| *group != key);
        }
        let Some(at) = self.by_key.get(&key).copied() else {
            self.found(key, (since, member.clone()));
            return None;
        };
        let group = self.groups.get_mut(at)?;
        if group.holder.1 == *member {
            return None;
        }
        let place = group.waiting.iter().position(|waiting| waiting.order.1 == *member);
        let order = match place.and_then(|place| group.waiting.remove(place)) {
            Some(waiting) => waiting.order,
            None => {
                self.of_member.entry(member.clone()).or_default().push(at);
                (since, member.clone())
            }
        };
        let (_, ousted) = std::mem::replace(&mut group.holder, order);
        group.told = Told::Nothing;
        if let Some(of) = self.of_member.get_mut(&ousted) {
            of.retain(|group| *group != at);
        }
        Some(ousted)
    }

    /// A member is over, whatever it held or waited for. The jobs that may go on are returned.
    pub(crate) fn leave(&mut self, member: &Member) -> Vec<u32> {
        let mut woken = Vec::new();
        self.lost.remove(member);
        for at in self.of_member.remove(member).unwrap_or_default() {
            let Some(group) = self.groups.get_mut(at) else { continue };
            if group.holder.1 != *member {
                group.waiting.retain(|waiting| waiting.order.1 != *member);
            } else if let Some(next) = group.waiting.pop_front() {
                group.holder = next.order;
                group.told = Told::Nothing;
                woken.extend(next.jobs);
            } else {
                let group = self.groups.remove(at);
                self.by_key.remove(&group.key);
            }
        }
        woken
    }

    /// All that hold or wait.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.of_member.keys()
    }

    /// The calls of a run that hold or wait.
    pub(crate) fn calls_of(&self, run: RunId) -> Vec<Member> {
        let from = Member::Call(run, JobId::new(""));
        let members = self.of_member.range(from..).map(|(member, _)| member);
        members.take_while(|member| matches!(member, Member::Call(of, _) if *of == run)).cloned().collect()
    }

    /// A job does not wait with its member any more.
    pub(crate) fn forget(&mut self, member: &Member, job: u32) {
        for at in self.of_member.get(member).into_iter().flatten() {
            for waiting in self.groups.get_mut(*at).into_iter().flat_map(|group| &mut group.waiting) {
                if waiting.order.1 == *member {
                    waiting.jobs.retain(|own| *own != job);
                }
            }
        }
    }

    /// Who holds a group, or whom a member gave way to.
    pub(crate) fn in_the_way(&self, project: ProjectId, claim: &Claim) -> Option<&Member> {
        let key = key(project, &claim.group);
        let lost = self.lost.get(&claim.member).and_then(|lost| lost.iter().find(|(group, _)| *group == key));
        if let Some((_, newer)) = lost {
            return Some(newer);
        }
        self.by_key.get(&key).and_then(|at| self.groups.get(*at)).map(|group| &group.holder.1)
    }
}
