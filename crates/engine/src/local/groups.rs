//! Concurrency groups on this machine: one job of a group runs, one waits, the newest one takes the place of the one that waits.

use domain::JobId;
use std::collections::HashMap;
use tokio::sync::mpsc;
use workflow::run::ReadyJob;

/// Who is in a group: a job of a run.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// The run.
    pub(super) run: u32,
    /// The job.
    pub(super) job: JobId,
    /// Reaches the run.
    pub(super) run_hears: mpsc::UnboundedSender<Word>,
}

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        (self.run, &self.job) == (other.run, &other.job)
    }
}

/// What a run is told of its jobs by the runs beside it, or by itself.
#[derive(Debug)]
pub(super) enum Word {
    /// A job that waited may run.
    Start(Box<ReadyJob>),
    /// A job that waited never runs.
    GaveWay(Box<ReadyJob>, String),
    /// A job that runs shall end.
    End(JobId, String),
}

/// The groups. A member is known by what makes it equal.
#[derive(Debug)]
pub(super) struct Groups<M, T> {
    groups: HashMap<String, Group<M, T>>,
}

#[derive(Debug)]
struct Group<M, T> {
    holder: M,
    waiting: Option<(M, T)>,
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
    pub(super) fn enter(&mut self, group: &str, member: M, job: T, in_progress: InProgress) -> Entered<M, T> {
        match self.groups.entry(group.to_lowercase()) {
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(Group { holder: member, waiting: None });
                Entered::Runs(job)
            }
            std::collections::hash_map::Entry::Occupied(mut taken) => {
                let group = taken.get_mut();
                let cancel = (in_progress == InProgress::IsCancelled).then(|| group.holder.clone());
                Entered::Waits { displaced: group.waiting.replace((member, job)), cancel }
            }
        }
    }

    /// A job ended: the one that waited for its group may run now.
    pub(super) fn left(&mut self, member: &M) -> Option<(M, T)> {
        let name = self.groups.iter().find(|(_, group)| group.holder == *member).map(|(name, _)| name.clone())?;
        let group = self.groups.get_mut(&name)?;
        if let Some((next, job)) = group.waiting.take() {
            group.holder = next.clone();
            return Some((next, job));
        }
        self.groups.remove(&name);
        None
    }

    /// A job that waits does not want to run any more.
    pub(super) fn withdraw(&mut self, member: &M) -> Option<T> {
        let group =
            self.groups.values_mut().find(|group| group.waiting.as_ref().is_some_and(|(waits, _)| waits == member))?;
        group.waiting.take().map(|(_, job)| job)
    }
}

#[cfg(test)]
mod tests {
    use super::{Entered, Groups, InProgress};

    #[test]
    fn one_runs_one_waits_and_a_newer_one_takes_its_place() {
        let mut groups = Groups::new();
        assert_eq!(groups.enter("Deploy", "a", 1, InProgress::Stays), Entered::Runs(1));
        assert_eq!(groups.enter("deploy", "b", 2, InProgress::Stays), Entered::Waits { displaced: None, cancel: None });
        let displaced = Some(("b", 2));
        assert_eq!(
            groups.enter("deploy", "c", 3, InProgress::IsCancelled),
            Entered::Waits { displaced, cancel: Some("a") }
        );
        assert_eq!(groups.enter("other", "d", 4, InProgress::Stays), Entered::Runs(4));
        assert_eq!(groups.left(&"a"), Some(("c", 3)));
        assert_eq!(groups.left(&"c"), None);
        assert_eq!(groups.enter("deploy", "e", 5, InProgress::Stays), Entered::Runs(5));
        assert_eq!(groups.enter("deploy", "f", 6, InProgress::Stays), Entered::Waits { displaced: None, cancel: None });
        assert_eq!((groups.withdraw(&"f"), groups.withdraw(&"f"), groups.left(&"e")), (Some(6), None, None));
    }
}
