//! A slot: the room that an agent has for one job at a time. Used by the agent's loops and by whoever shows them.

use crate::{TaskId, Timestamp};

/// What a slot does. [`Slot::Retired`] is the end: nothing leads out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// There is room.
    Free,
    /// A job runs in it.
    Busy {
        /// Which.
        task: TaskId,
        /// Since when.
        since: Timestamp,
    },
    /// A job runs in it, the last one: the agent is draining.
    Last {
        /// Which.
        task: TaskId,
        /// Since when.
        since: Timestamp,
    },
    /// It takes nothing any more.
    Retired,
}

/// What happens to a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotChange {
    /// A job gets it.
    Given {
        /// Which.
        task: TaskId,
        /// When.
        at: Timestamp,
    },
    /// Its job's process is gone.
    Freed,
    /// It shall take nothing any more.
    Retired,
}

/// A change that has no place in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{change:?} has no place in a slot that is {slot:?}")]
pub struct IllegalSlotChange {
    slot: Slot,
    change: SlotChange,
}

impl Slot {
    /// The state after a change.
    ///
    /// # Errors
    /// When the change has no place in this state: two jobs in one slot, a job in a retired one, freeing what is free.
    pub const fn after(self, change: SlotChange) -> Result<Self, IllegalSlotChange> {
        Ok(match (self, change) {
            (Self::Free, SlotChange::Given { task, at }) => Self::Busy { task, since: at },
            (Self::Busy { .. }, SlotChange::Freed) => Self::Free,
            (Self::Last { .. }, SlotChange::Freed) | (Self::Free | Self::Retired, SlotChange::Retired) => Self::Retired,
            (Self::Busy { task, since } | Self::Last { task, since }, SlotChange::Retired) => {
                Self::Last { task, since }
            }
            (Self::Busy { .. } | Self::Last { .. } | Self::Retired, SlotChange::Given { .. })
            | (Self::Free | Self::Retired, SlotChange::Freed) => {
                return Err(IllegalSlotChange { slot: self, change });
            }
        })
    }

    /// The job in it.
    #[must_use]
    pub const fn task(self) -> Option<TaskId> {
        match self {
            Self::Busy { task, .. } | Self::Last { task, .. } => Some(task),
            Self::Free | Self::Retired => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Slot, SlotChange};
    use crate::{TaskId, Timestamp};
    use proptest::prelude::*;

    fn change() -> impl Strategy<Value = SlotChange> {
        prop_oneof![
            (any::<i64>(), any::<u64>())
                .prop_map(|(task, at)| SlotChange::Given { task: TaskId(task), at: Timestamp(at) }),
            Just(SlotChange::Freed),
            Just(SlotChange::Retired),
        ]
    }

    proptest! {
        #[test]
        fn a_slot_holds_one_job_and_a_retired_one_none(changes in prop::collection::vec(change(), 0..30)) {
            let (mut slot, mut is_retired) = (Slot::Free, false);
            for change in changes {
                let Ok(next) = slot.after(change) else { continue };
                is_retired |= change == SlotChange::Retired;
                if let SlotChange::Given { task, .. } = change {
                    prop_assert_eq!((slot.task(), next.task()), (None, Some(task)));
                    prop_assert!(!is_retired);
                }
                if change == SlotChange::Freed {
                    prop_assert!(slot.task().is_some() && next.task().is_none());
                }
                prop_assert_eq!(is_retired, matches!(next, Slot::Last { .. } | Slot::Retired));
                prop_assert!(slot != Slot::Retired || next == Slot::Retired);
                slot = next;
            }
        }
    }
}
