//! `concurrency` of jobs within a run: one of a group runs, one waits, a newer one takes the place of the one that waits
//! (`execution-semantics` 4.5). Pure. Groups across runs are the control plane's.

use domain::JobId;
use std::collections::HashMap;

/// The groups of a run. `T` is the job that waits.
#[derive(Debug)]
pub(super) struct Groups<T> {
    groups: HashMap<String, Group<T>>,
}

#[derive(Debug)]
struct Group<T> {
    holder: JobId,
    waiting: Option<(JobId, T)>,
}

/// What became of a job that wants to enter its group.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entered<T> {
    /// It may run.
    Runs(T),
    /// It waits.
    Waits {
        /// The one that waited before: it is cancelled.
        displaced: Option<(JobId, T)>,
        /// The one that runs: it is cancelled, when the new one asks for that.
        cancel: Option<JobId>,
    },
}

/// Whether a job ends what runs in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InProgress {
    Stays,
    IsCancelled,
}

impl<T> Groups<T> {
    pub(super) fn new() -> Self {
        Self { groups: HashMap::new() }
    }

    /// A job wants to enter a group; case does not matter.
    pub(super) fn enter(&mut self, group: &str, id: JobId, job: T, in_progress: InProgress) -> Entered<T> {
        match self.groups.entry(group.to_lowercase()) {
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(Group { holder: id, waiting: None });
                Entered::Runs(job)
            }
            std::collections::hash_map::Entry::Occupied(mut taken) => {
                let group = taken.get_mut();
                let cancel = (in_progress == InProgress::IsCancelled).then(|| group.holder.clone());
                Entered::Waits { displaced: group.waiting.replace((id, job)), cancel }
            }
        }
    }

    /// A job ended: the one that waited for its group may run now.
    pub(super) fn left(&mut self, id: &JobId) -> Option<T> {
        let name = self.groups.iter().find(|(_, group)| group.holder == *id).map(|(name, _)| name.clone())?;
        let group = self.groups.get_mut(&name)?;
        if let Some((next, job)) = group.waiting.take() {
            group.holder = next;
            return Some(job);
        }
        self.groups.remove(&name);
        None
    }

    /// A job that waits does not want to run any more.
    pub(super) fn withdraw(&mut self, id: &JobId) -> Option<T> {
        let group =
            self.groups.values_mut().find(|group| group.waiting.as_ref().is_some_and(|(waits, _)| waits == id))?;
        group.waiting.take().map(|(_, job)| job)
    }
}

#[cfg(test)]
mod tests {
    use super::{Entered, Groups, InProgress};
    use domain::JobId;

    #[test]
    fn one_runs_one_waits_and_a_newer_one_takes_its_place() {
        let id = JobId::new;
        let mut groups = Groups::new();
        assert_eq!(groups.enter("Deploy", id("a"), 1, InProgress::Stays), Entered::Runs(1));
        assert_eq!(
            groups.enter("deploy", id("b"), 2, InProgress::Stays),
            Entered::Waits { displaced: None, cancel: None }
        );
        let displaced = Some((id("b"), 2));
        assert_eq!(
            groups.enter("deploy", id("c"), 3, InProgress::IsCancelled),
            Entered::Waits { displaced, cancel: Some(id("a")) }
        );
        assert_eq!(groups.enter("other", id("d"), 4, InProgress::Stays), Entered::Runs(4));
        assert_eq!(groups.left(&id("a")), Some(3));
        assert_eq!(groups.left(&id("c")), None);
        assert_eq!(groups.enter("deploy", id("e"), 5, InProgress::Stays), Entered::Runs(5));
        assert_eq!(
            groups.enter("deploy", id("f"), 6, InProgress::Stays),
            Entered::Waits { displaced: None, cancel: None }
        );
        assert_eq!(
            (groups.withdraw(&id("f")), groups.withdraw(&id("f")), groups.left(&id("e"))),
            (Some(6), None, None)
        );
    }
}
