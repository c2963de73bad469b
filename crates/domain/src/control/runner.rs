//! A runner as the server knows it: is it heard of, may it get jobs, what does it do. Used by the store's verbs, the runner calls and the runner pages.

use crate::{TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::num::NonZeroU32;

/// A runner's state: contact, admission and work change each for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerPhase {
    contact: Contact,
    admission: Admission,
    work: Work,
}

/// Whether it is heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "contact", content = "since", rename_all = "snake_case")]
pub enum Contact {
    /// Not since then.
    Offline(Timestamp),
    /// Then, the last time.
    Online(Timestamp),
}

/// Whether it may get jobs. [`Admission::Removed`] is the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// It may.
    Open,
    /// No new ones; those that it has go on.
    Draining,
    /// No new ones until somebody enables it again.
    Disabled,
    /// It is no runner any more; what it has goes on, or is given up by who removed it.
    Removed,
}

/// What it does, and for how long it is a runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum Work {
    /// A runner that stays.
    Lasting {
        /// So many tasks at the same time.
        capacity: NonZeroU32,
        /// Those that it has.
        tasks: BTreeSet<TaskId>,
    },
    /// For one task, which has not come yet.
    Fresh,
    /// For one task, which it has.
    Bound {
        /// Which.
        task: TaskId,
    },
    /// For one task, which it had: it gets none any more.
    Spent,
}

/// What people are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunnerStanding {
    /// Not heard of.
    Offline,
    /// Heard of, without a task.
    Idle,
    /// Heard of, with tasks.
    Active,
}

/// What happens to a runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerChange {
    /// It called.
    Heard(Timestamp),
    /// It did not call for too long.
    Silent(Timestamp),
    /// It said how many tasks it takes at the same time.
    Sized(NonZeroU32),
    /// It shall end its tasks and take no new ones.
    Drained,
    /// It shall take no new tasks.
    Disabled,
    /// It may take tasks again.
    Opened,
    /// It is no runner any more.
    Removed,
    /// It gets a task.
    Given(TaskId),
    /// A task of it is over, or was taken back.
    Freed(TaskId),
}

/// A change that was refused; the state is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RunnerRefusal {
    /// It was removed.
    #[error("the runner was removed; register it again")]
    Removed,
    /// It may not get jobs.
    #[error("the runner takes no jobs: it is {0:?}")]
    Shut(Admission),
    /// It is not heard of.
    #[error("the runner is offline; a task is given to who asks")]
    Offline,
    /// It has as many tasks as it takes, or had its only one.
    #[error("the runner has no room for task {0}")]
    Full(TaskId),
    /// It has not this task.
    #[error("the runner has not task {0}")]
    NotItsTask(TaskId),
    /// A runner for one task has no size.
    #[error("a runner for one task takes one task")]
    OneTask,
}

impl RunnerPhase {
    /// A runner that was just registered to stay.
    #[must_use]
    pub const fn lasting(capacity: NonZeroU32, at: Timestamp) -> Self {
        let work = Work::Lasting { capacity, tasks: BTreeSet::new() };
        Self { contact: Contact::Offline(at), admission: Admission::Open, work }
    }

    /// A runner that was just registered for one task.
    #[must_use]
    pub const fn ephemeral(at: Timestamp) -> Self {
        Self { contact: Contact::Offline(at), admission: Admission::Open, work: Work::Fresh }
    }

    /// Whether it is heard of.
    #[must_use]
    pub const fn contact(&self) -> Contact {
        self.contact
    }

    /// Whether it may get jobs.
    #[must_use]
    pub const fn admission(&self) -> Admission {
        self.admission
    }

    /// What it does.
    #[must_use]
    pub const fn work(&self) -> &Work {
        &self.work
    }

    /// The tasks that it has.
    pub fn tasks(&self) -> impl Iterator<Item = TaskId> {
        let (many, one) = match &self.work {
            Work::Lasting { tasks, .. } => (Some(tasks), None),
            Work::Bound { task } => (None, Some(*task)),
            Work::Fresh | Work::Spent => (None, None),
        };
        many.into_iter().flatten().copied().chain(one)
    }

    /// What people are shown.
    #[must_use]
    pub fn standing(&self) -> RunnerStanding {
        match self.contact {
            Contact::Offline(_) => RunnerStanding::Offline,
            Contact::Online(_) if self.tasks().next().is_some() => RunnerStanding::Active,
            Contact::Online(_) => RunnerStanding::Idle,
        }
    }

    /// So many tasks it could get now.
    #[must_use]
    pub fn room(&self) -> u32 {
        match (self.contact, self.admission, &self.work) {
            (Contact::Online(_), Admission::Open, Work::Lasting { capacity, tasks }) => {
                capacity.get().saturating_sub(u32::try_from(tasks.len()).unwrap_or(u32::MAX))
            }
            (Contact::Online(_), Admission::Open, Work::Fresh) => 1,
            _ => 0,
        }
    }

    /// Whether its registration may go: it was for one task and had it, or it was removed or drained and has none left.
    #[must_use]
    pub fn may_go(&self) -> bool {
        let is_leaving = matches!(self.admission, Admission::Removed | Admission::Draining);
        self.tasks().next().is_none() && (is_leaving || matches!(self.work, Work::Spent))
    }

    /// The state after a change. A task that is over is heard of in every state.
    ///
    /// # Errors
    /// When the runner was removed, has no room, may not get jobs, is not heard of, or has not the task.
    pub fn after(&self, change: RunnerChange) -> Result<Self, RunnerRefusal> {
        if self.admission == Admission::Removed && !matches!(change, RunnerChange::Freed(_) | RunnerChange::Removed) {
            return Err(RunnerRefusal::Removed);
        }
        let mut next = self.clone();
        match change {
            RunnerChange::Heard(at) => next.contact = Contact::Online(at),
            RunnerChange::Silent(at) => {
                if let Contact::Online(_) = self.contact {
                    next.contact = Contact::Offline(at);
                }
            }
            RunnerChange::Sized(size) => match &mut next.work {
                Work::Lasting { capacity, .. } => *capacity = size,
                Work::Fresh | Work::Bound { .. } | Work::Spent => return Err(RunnerRefusal::OneTask),
            },
            RunnerChange::Drained => next.admission = Admission::Draining,
            RunnerChange::Disabled => next.admission = Admission::Disabled,
            RunnerChange::Opened => next.admission = Admission::Open,
            RunnerChange::Removed => next.admission = Admission::Removed,
            RunnerChange::Given(task) => {
                match (self.admission, self.contact) {
                    (Admission::Open, Contact::Online(_)) => {}
                    (Admission::Open, Contact::Offline(_)) => return Err(RunnerRefusal::Offline),
                    (admission, _) => return Err(RunnerRefusal::Shut(admission)),
                }
                if self.room() == 0 || self.tasks().any(|has| has == task) {
                    return Err(RunnerRefusal::Full(task));
                }
                match &mut next.work {
                    Work::Lasting { tasks, .. } => drop(tasks.insert(task)),
                    work => *work = Work::Bound { task },
                }
            }
            RunnerChange::Freed(task) => match &mut next.work {
                Work::Lasting { tasks, .. } if tasks.contains(&task) => drop(tasks.remove(&task)),
                // Also when the task never started: what was sent to it was sent once.
                Work::Bound { task: has } if *has == task => next.work = Work::Spent,
                _ => return Err(RunnerRefusal::NotItsTask(task)),
            },
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::{Admission, Contact, RunnerChange, RunnerPhase, RunnerStanding, Work};
    use crate::{TaskId, Timestamp};
    use proptest::prelude::*;
    use std::num::NonZeroU32;

    fn change() -> impl Strategy<Value = RunnerChange> {
        prop_oneof![
            3 => any::<u64>().prop_map(|at| RunnerChange::Heard(Timestamp(at))),
            1 => any::<u64>().prop_map(|at| RunnerChange::Silent(Timestamp(at))),
            1 => (1_u32..4).prop_map(|size| RunnerChange::Sized(NonZeroU32::new(size).unwrap())),
            1 => Just(RunnerChange::Drained),
            1 => Just(RunnerChange::Disabled),
            2 => Just(RunnerChange::Opened),
            1 => prop::bool::weighted(0.1).prop_map(|is| if is { RunnerChange::Removed } else { RunnerChange::Opened }),
            6 => (0_i64..6).prop_map(|task| RunnerChange::Given(TaskId(task))),
            4 => (0_i64..6).prop_map(|task| RunnerChange::Freed(TaskId(task))),
        ]
    }

    proptest! {
        #[test]
        fn whatever_comes_the_rules_hold(
            changes in prop::collection::vec(change(), 0..60),
            capacity in prop::option::of(1_u32..4),
        ) {
            let mut runner = match capacity.and_then(NonZeroU32::new) {
                Some(capacity) => RunnerPhase::lasting(capacity, Timestamp(0)),
                None => RunnerPhase::ephemeral(Timestamp(0)),
            };
            let mut given = 0;
            for change in changes {
                let Ok(next) = runner.after(change) else { continue };
                if let RunnerChange::Given(task) = change {
                    prop_assert!(runner.room() > 0 && runner.tasks().all(|has| has != task));
                    prop_assert_eq!(runner.admission(), Admission::Open);
                    prop_assert!(matches!(runner.contact(), Contact::Online(_)));
                    given += 1;
                }
                if let RunnerChange::Freed(task) = change {
                    prop_assert!(runner.tasks().any(|has| has == task) && next.tasks().all(|has| has != task));
                }
                prop_assert!(runner.admission() != Admission::Removed || next.admission() == Admission::Removed);
                prop_assert!(runner.work() != &Work::Spent || next.work() == &Work::Spent);
                prop_assert_eq!(next.standing() == RunnerStanding::Active,
                    matches!(next.contact(), Contact::Online(_)) && next.tasks().count() > 0);
                let text = serde_json::to_string(&next).unwrap();
                prop_assert_eq!(&serde_json::from_str::<RunnerPhase>(&text).unwrap(), &next);
                runner = next;
            }
            prop_assert!(capacity.is_some() || given <= 1, "a runner for one task got {given}");
        }
    }

    #[test]
    fn a_runner_for_one_task_may_go_after_it() {
        let mut runner = RunnerPhase::ephemeral(Timestamp(0));
        for change in
            [RunnerChange::Heard(Timestamp(1)), RunnerChange::Given(TaskId(1)), RunnerChange::Freed(TaskId(1))]
        {
            assert!(!runner.may_go());
            runner = runner.after(change).unwrap();
        }
        assert!(runner.may_go());
        assert!(runner.after(RunnerChange::Given(TaskId(2))).is_err());
    }
}
