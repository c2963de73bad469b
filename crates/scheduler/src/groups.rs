//! Concurrency groups: one member holds a group, others wait or give way (`execution-semantics` 4.5). Used by the queue before a job may stand in a line.

use crate::spec::{Claim, GroupQueue, InProgress, Member};
use domain::control::ProjectId;
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
    member: Member,
    jobs: Vec<u32>,
}

#[derive(Debug)]
struct Group {
    key: Key,
    holder: Member,
    /// Whether the holder was told to end.
    told: Told,
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
        let Some(at) = self.by_key.get(&key).copied() else {
            let (holder, told) = (claim.member.clone(), Told::Nothing);
            let at = self.groups.insert(Group { key: key.clone(), holder, told, waiting: VecDeque::new() });
            self.by_key.insert(key, at);
            self.of_member.entry(claim.member.clone()).or_default().push(at);
            return Place::Holds;
        };
        let Some(group) = self.groups.get_mut(at) else { return Place::Holds };
        if group.holder == claim.member {
            return Place::Holds;
        }
        if let Some(own) = group.waiting.iter_mut().find(|waiting| waiting.member == claim.member) {
            own.jobs.extend(job.filter(|job| !own.jobs.contains(job)));
            return Place::Waits;
        }
        let (most, ends) = match (claim.in_progress, claim.queue) {
            (InProgress::IsCancelled, _) => (1, true),
            (InProgress::Stays, GroupQueue::Single) => (1, false),
            (InProgress::Stays, GroupQueue::Max) => (MOST_WAITING, false),
        };
        let cancel = |member: Member, cause| Cancellation { member, project, group: claim.group.clone(), cause };
        let newer = || claim.member.clone();
        while group.waiting.len() >= most
            && let Some(older) = group.waiting.pop_front()
        {
            effects.lost.extend(older.jobs);
            effects.cancellations.push(cancel(older.member.clone(), CancellationCause::GaveWay { newer: newer() }));
            if let Some(of) = self.of_member.get_mut(&older.member) {
                of.retain(|group| *group != at);
            }
            self.lost.entry(older.member).or_default().push((key.clone(), newer()));
        }
        if ends && group.told == Told::Nothing {
            group.told = Told::ToEnd;
            effects.cancellations.push(cancel(group.holder.clone(), CancellationCause::InProgress { newer: newer() }));
        }
        group.waiting.push_back(Waiting { member: newer(), jobs: job.into_iter().collect() });
        self.of_member.entry(newer()).or_default().push(at);
        Place::Waits
    }

    /// A member is over, whatever it held or waited for. The jobs that may go on are returned.
    pub(crate) fn leave(&mut self, member: &Member) -> Vec<u32> {
        let mut woken = Vec::new();
        self.lost.remove(member);
        for at in self.of_member.remove(member).unwrap_or_default() {
            let Some(group) = self.groups.get_mut(at) else { continue };
            if group.holder != *member {
                group.waiting.retain(|waiting| waiting.member != *member);
            } else if let Some(next) = group.waiting.pop_front() {
                group.holder = next.member;
                group.told = Told::Nothing;
                woken.extend(next.jobs);
            } else {
                let group = self.groups.remove(at);
                self.by_key.remove(&group.key);
            }
        }
        woken
    }

    /// A job does not wait with its member any more.
    pub(crate) fn forget(&mut self, member: &Member, job: u32) {
        for at in self.of_member.get(member).into_iter().flatten() {
            for waiting in self.groups.get_mut(*at).into_iter().flat_map(|group| &mut group.waiting) {
                if waiting.member == *member {
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
        self.by_key.get(&key).and_then(|at| self.groups.get(*at)).map(|group| &group.holder)
    }
}
