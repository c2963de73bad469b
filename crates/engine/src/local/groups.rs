//! Concurrency groups on this machine: one run, call or job of a group goes on, one waits, the newest one takes the place of the one that waits; with
//! `queue: max` up to a hundred wait, and the first comes first (`execution-semantics` 4.5).

use super::slots::Slot;
use std::collections::{HashMap, VecDeque};
use tokio::sync::mpsc;
use workflow::run::ConcurrencyQueue;

/// So many wait for a group with `queue: max`.
const MOST_WAITING: usize = 100;

/// Who is in a group: a run, or a call or a job of it.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// The run.
    pub(super) run: u32,
    /// What of it.
    pub(super) slot: Slot,
    /// Reaches the run.
    pub(super) run_hears: mpsc::UnboundedSender<Word>,
}

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        (self.run, &self.slot) == (other.run, &other.slot)
    }
}

/// What a run is told by the runs beside it, or by itself.
#[derive(Debug)]
pub(super) enum Word {
    /// What waited for a group holds it now.
    Start(Slot),
    /// What waited for a group never gets it.
    GaveWay(Slot, String),
    /// What holds a group shall end.
    End(Slot, String),
}

/// The groups. A member is known by what makes it equal.
#[derive(Debug)]
pub(super) struct Groups<M, T> {
    groups: HashMap<String, Group<M, T>>,
}

#[derive(Debug)]
struct Group<M, T> {
    holder: M,
    waiting: VecDeque<(M, T)>,
}

/// What became of a job that wanted to enter its group.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entered<M, T> {
    /// It may run.
    Runs(T),
    /// It waits.
    Waits {
        /// The one that waited before: it is cancelled.
        displaced: Option<(M, T)>,
        /// The one that runs: it is cancelled, when the new one asks for that.
        cancel: Option<M>,
    },
}

/// Whether a job ends what runs in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InProgress {
    Stays,
    IsCancelled,
}

impl<M: Clone + PartialEq, T> Groups<M, T> {
    pub(super) fn new() -> Self {
        Self { groups: HashMap::new() }
    }

    /// A job wants to enter a group; case does not matter.
    pub(super) fn enter(
        &mut self,
        group: &str,
        member: M,
        job: T,
        in_progress: InProgress,
        queue: ConcurrencyQueue,
    ) -> Entered<M, T> {
        match self.groups.entry(group.to_lowercase()) {
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(Group { holder: member, waiting: VecDeque::new() });
                Entered::Runs(job)
            }
            std::collections::hash_map::Entry::Occupied(mut taken) => {
                let group = taken.get_mut();
                let cancel = (in_progress == InProgress::IsCancelled).then(|| group.holder.clone());
                let most = match queue {
                    ConcurrencyQueue::Single => 1,
                    ConcurrencyQueue::Max => MOST_WAITING,
                };
                let displaced = if group.waiting.len() >= most { group.waiting.pop_front() } else { None };
                group.waiting.push_back((member, job));
                Entered::Waits { displaced, cancel }
            }
        }
    }

    /// A job ended: the one that waited for its group may run now.
    pub(super) fn left(&mut self, member: &M) -> Option<(M, T)> {
        let name = self.groups.iter().find(|(_, group)| group.holder == *member).map(|(name, _)| name.clone())?;
        let group = self.groups.get_mut(&name)?;
        if let Some((next, job)) = group.waiting.pop_front() {
            group.holder = next.clone();
            return Some((next, job));
        }
        self.groups.remove(&name);
        None
    }

    /// A job that waits does not want to run any more.
    pub(super) fn withdraw(&mut self, member: &M) -> Option<T> {
        self.groups.values_mut().find_map(|group| {
            let at = group.waiting.iter().position(|(waits, _)| waits == member)?;
            group.waiting.remove(at).map(|(_, job)| job)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Entered, Groups, InProgress};
    use workflow::run::ConcurrencyQueue::{Max, Single};

    #[test]
    fn a_long_queue_keeps_its_order() {
        let mut groups = Groups::new();
        assert_eq!(groups.enter("g", 0, 0, InProgress::Stays, Max), Entered::Runs(0));
        for job in 1..=100 {
            let entered = groups.enter("g", job, job, InProgress::Stays, Max);
            assert_eq!(entered, Entered::Waits { displaced: None, cancel: None });
        }
        let displaced = Some((1, 1));
        let entered = groups.enter("g", 101, 101, InProgress::Stays, Max);
        assert_eq!(entered, Entered::Waits { displaced, cancel: None });
        assert_eq!(groups.withdraw(&3), Some(3));
        assert_eq!((groups.left(&0), groups.left(&2), groups.left(&4)), (Some((2, 2)), Some((4, 4)), Some((5, 5))));
    }

    #[test]
    fn one_runs_one_waits_and_a_newer_one_takes_its_place() {
        let mut groups = Groups::new();
        assert_eq!(groups.enter("Deploy", "a", 1, InProgress::Stays, Single), Entered::Runs(1));
        assert_eq!(
            groups.enter("deploy", "b", 2, InProgress::Stays, Single),
            Entered::Waits { displaced: None, cancel: None }
        );
        let displaced = Some(("b", 2));
        assert_eq!(
            groups.enter("deploy", "c", 3, InProgress::IsCancelled, Single),
            Entered::Waits { displaced, cancel: Some("a") }
        );
        assert_eq!(groups.enter("other", "d", 4, InProgress::Stays, Single), Entered::Runs(4));
        assert_eq!(groups.left(&"a"), Some(("c", 3)));
        assert_eq!(groups.left(&"c"), None);
        assert_eq!(groups.enter("deploy", "e", 5, InProgress::Stays, Single), Entered::Runs(5));
        assert_eq!(
            groups.enter("deploy", "f", 6, InProgress::Stays, Single),
            Entered::Waits { displaced: None, cancel: None }
        );
        assert_eq!((groups.withdraw(&"f"), groups.withdraw(&"f"), groups.left(&"e")), (Some(6), None, None));
    }
}
