//! What a run holds of the concurrency groups of its room, and which of its jobs wait for one. The run itself, a call of a reusable
//! workflow and a job each hold their own group as long as they go on; a job runs once it and all around it hold theirs.

use super::groups::{Entered, InProgress, Member, Word};
use super::room::Room;
use domain::JobId;
use std::collections::{HashMap, HashSet};
use tokio::sync::mpsc;
use workflow::run::{ConcurrencyGroup, ReadyJob};

/// A group, held or wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Slot {
    /// The job or call; `None`: the run.
    pub(super) holder: Option<JobId>,
    group: String,
}

impl Slot {
    fn of(group: &ConcurrencyGroup) -> Self {
        Self { holder: group.held_by.clone(), group: group.group.to_lowercase() }
    }
}

/// What becomes of a job that is ready.
pub(super) enum Turn {
    /// It runs.
    Runs(Box<ReadyJob>),
    /// It waits for a group.
    Waits,
    /// It never runs: a newer one has taken the place of what it belongs to.
    GaveWay(Box<ReadyJob>, String),
    /// It would wait for itself.
    Never(Box<ReadyJob>, String),
}

/// The slots of one run.
#[derive(Debug)]
pub(super) struct Slots {
    room: Room,
    number: u32,
    hears: mpsc::UnboundedSender<Word>,
    /// The workflow's own group.
    own: Option<ConcurrencyGroup>,
    held: HashSet<Slot>,
    waiting: HashMap<Slot, Vec<ReadyJob>>,
    /// What gave way, and why.
    over: HashMap<Slot, String>,
    /// The slots of the jobs that run.
    of_running: HashMap<JobId, Vec<Slot>>,
}

impl Slots {
    /// Enters the workflow's own group at once, so that runs come into it in the order in which they are made.
    pub(super) fn new(room: &Room, hears: mpsc::UnboundedSender<Word>, own: Option<ConcurrencyGroup>) -> Self {
        let (room, number) = (room.clone(), room.number());
        let mut slots = Self {
            room,
            number,
            hears,
            own,
            held: HashSet::new(),
            waiting: HashMap::new(),
            over: HashMap::new(),
            of_running: HashMap::new(),
        };
        if let Some(own) = slots.own.clone() {
            slots.take(&own);
        }
        slots
    }

    fn member(&self, slot: &Slot) -> Member {
        Member { run: self.number, slot: slot.clone(), run_hears: self.hears.clone() }
    }

    /// Whether something of the run waits for a group.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether the run holds a group.
    pub(super) fn holds(&self, slot: &Slot) -> bool {
        self.held.contains(slot)
    }

    /// A job is ready, or what it waited for is held now.
    pub(super) fn enter(&mut self, ready: Box<ReadyJob>) -> Turn {
        let groups: Vec<ConcurrencyGroup> = self.own.iter().chain(&ready.concurrency).cloned().collect();
        let slots: Vec<Slot> = groups.iter().map(Slot::of).collect();
        if let Some(reason) = slots.iter().find_map(|slot| self.over.get(slot)) {
            return Turn::GaveWay(ready, reason.clone());
        }
        for (at, (group, slot)) in groups.iter().zip(&slots).enumerate() {
            if self.held.contains(slot) {
                continue;
            }
            if slots[..at].iter().any(|outer| outer.group == slot.group) {
                let problem = format!(
                    "the concurrency group '{}' is that of the workflow or of a call around it too: the job would wait for itself; give one of \
                     them another name",
                    group.group
                );
                return Turn::Never(ready, problem);
            }
            if let Some(jobs) = self.waiting.get_mut(slot) {
                jobs.push(*ready);
                return Turn::Waits;
            }
            if !self.take(group) {
                self.waiting.entry(slot.clone()).or_default().push(*ready);
                return Turn::Waits;
            }
        }
        self.of_running.insert(ready.id.clone(), slots);
        Turn::Runs(ready)
    }

    /// Holds a group, or waits for it: then false.
    fn take(&mut self, group: &ConcurrencyGroup) -> bool {
        let slot = Slot::of(group);
        let in_progress = if group.cancel_in_progress { InProgress::IsCancelled } else { InProgress::Stays };
        let entered = self.room.groups().enter(&slot.group, self.member(&slot), (), in_progress, group.queue);
        let Entered::Waits { displaced, cancel } = entered else {
            self.held.insert(slot);
            return true;
        };
        self.waiting.insert(slot, Vec::new());
        let reason = format!("a newer one of the concurrency group '{}' takes its place", group.group);
        // A run that has ended has nothing that anybody could end.
        if let Some(holder) = cancel {
            let _ended = holder.run_hears.send(Word::End(holder.slot, reason.clone()));
        }
        if let Some((member, ())) = displaced {
            let _ended = member.run_hears.send(Word::GaveWay(member.slot, reason));
        }
        false
    }

    /// It is this run's turn in a group: the jobs that waited for it.
    pub(super) fn turn(&mut self, slot: Slot) -> Vec<ReadyJob> {
        match self.waiting.remove(&slot) {
            Some(jobs) => {
                self.held.insert(slot);
                jobs
            }
            // All that waited for it was cancelled while the word was on the way.
            None => {
                self.give_back(&slot);
                Vec::new()
            }
        }
    }

    /// What waited for a group, or holds it, gives way: the jobs that waited for it.
    pub(super) fn give_way(&mut self, slot: Slot, reason: String) -> Vec<ReadyJob> {
        let jobs = self.waiting.remove(&slot).unwrap_or_default();
        self.over.insert(slot, reason);
        jobs
    }

    /// The jobs that run in a group.
    pub(super) fn running_in(&self, slot: &Slot) -> Vec<JobId> {
        let inside = self.of_running.iter().filter(|(_, slots)| slots.contains(slot));
        inside.map(|(job, _)| job.clone()).collect()
    }

    /// A job that waits for a group does not want to run any more.
    pub(super) fn withdraw(&mut self, job: &JobId) -> Option<ReadyJob> {
        let (slot, at) = self
            .waiting
            .iter()
            .find_map(|(slot, jobs)| Some((slot.clone(), jobs.iter().position(|ready| ready.id == *job)?)))?;
        let jobs = self.waiting.get_mut(&slot)?;
        let ready = jobs.remove(at);
        // The run's own place in its group stays until the run ends: it has other jobs.
        if jobs.is_empty() && slot.holder.is_some() {
            self.waiting.remove(&slot);
            self.room.groups().withdraw(&self.member(&slot));
        }
        Some(ready)
    }

    /// A job, a call or, with `None`, the run has ended: whoever waits for its groups comes next, in whatever run.
    pub(super) fn left(&mut self, holder: Option<&JobId>) {
        if let Some(job) = holder {
            self.of_running.remove(job);
        }
        let left: Vec<Slot> = self.held.iter().filter(|slot| slot.holder.as_ref() == holder).cloned().collect();
        for slot in left {
            self.held.remove(&slot);
            self.give_back(&slot);
        }
        let unused: Vec<Slot> = self.waiting.keys().filter(|slot| slot.holder.as_ref() == holder).cloned().collect();
        for slot in unused {
            self.waiting.remove(&slot);
            if self.room.groups().withdraw(&self.member(&slot)).is_none() {
                self.give_back(&slot);
            }
        }
    }

    fn give_back(&self, slot: &Slot) {
        let mut left = self.member(slot);
        let mut groups = self.room.groups();
        while let Some((next, ())) = groups.left(&left) {
            // A run that is gone has left its place in the group.
            if next.run_hears.send(Word::Start(next.slot.clone())).is_ok() {
                break;
            }
            left = next;
        }
    }
}
