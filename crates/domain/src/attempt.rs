//! One attempt of a job as the agent sees that runs it: from the forge's hand to the forge's ear. Used by the agent's loops and its journal.

use crate::{Conclusion, Timestamp};
use serde::{Deserialize, Serialize};

/// Where an attempt is. [`Attempt::Closed`] is the end: nothing leads out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Attempt {
    /// The forge gave it; its process does not run yet.
    Taken {
        /// When it was given.
        at: Timestamp,
    },
    /// Its process runs.
    Running {
        /// When the process was started.
        started: Timestamp,
    },
    /// Its process was told to stop and may still run post steps.
    Stopping {
        /// When the process was started.
        started: Timestamp,
        /// Who wanted it.
        by: StopCause,
    },
    /// Its process is gone; the forge does not know all of it yet.
    Ended {
        /// How.
        end: AttemptEnd,
        /// When.
        at: Timestamp,
    },
    /// Nothing is left to do.
    Closed {
        /// How it ended.
        end: AttemptEnd,
        /// What the forge knows of it.
        delivery: Delivery,
    },
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptEnd {
    /// The job's process said how the job ended.
    Concluded(Conclusion),
    /// The platform failed, not the user's work: the process could not be started, died, or spoke nonsense. The text says what was seen.
    Fault(String),
}

impl AttemptEnd {
    /// What the forge is told: a fault of the platform is a failure there.
    #[must_use]
    pub const fn conclusion(&self) -> Conclusion {
        match self {
            Self::Concluded(conclusion) => *conclusion,
            Self::Fault(_) => Conclusion::Failure,
        }
    }
}

/// Who wanted an attempt to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// The forge: somebody cancelled it there, or it gave the attempt up.
    Forge,
    /// Whoever runs the agent.
    Agent,
}

/// What the forge knows of an attempt that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Its end, and its log as far as there is one.
    Accepted,
    /// Not everything, and it never will: the text says why.
    GivenUp(String),
}

/// What happens to an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum AttemptChange {
    /// Its process was started.
    Started {
        /// When.
        at: Timestamp,
    },
    /// Somebody wants it to stop.
    StopAsked {
        /// Who.
        by: StopCause,
    },
    /// Its process is gone, or never came.
    Ended {
        /// How.
        end: AttemptEnd,
        /// When.
        at: Timestamp,
    },
    /// The forge was told, or will not listen.
    Closed {
        /// What it knows.
        delivery: Delivery,
    },
}

/// A change that has no place in a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an attempt that is {state} cannot be {change}")]
pub struct IllegalAttemptChange {
    state: &'static str,
    change: &'static str,
}

impl Attempt {
    /// The word for the state.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Taken { .. } => "taken",
            Self::Running { .. } => "running",
            Self::Stopping { .. } => "stopping",
            Self::Ended { .. } => "ended",
            Self::Closed { .. } => "closed",
        }
    }

    /// The state after a change.
    ///
    /// # Errors
    /// When the change has no place in this state; the state is as it was then.
    pub fn after(&self, change: AttemptChange) -> Result<Self, IllegalAttemptChange> {
        let word = change.word();
        let next = match (self, change) {
            (Self::Taken { .. }, AttemptChange::Started { at }) => Self::Running { started: at },
            (Self::Running { started }, AttemptChange::StopAsked { by }) => Self::Stopping { started: *started, by },
            // Who asked first is remembered.
            (Self::Stopping { .. }, AttemptChange::StopAsked { .. }) => self.clone(),
            (Self::Taken { .. } | Self::Running { .. } | Self::Stopping { .. }, AttemptChange::Ended { end, at }) => {
                Self::Ended { end, at }
            }
            (Self::Ended { end, .. }, AttemptChange::Closed { delivery }) => {
                Self::Closed { end: end.clone(), delivery }
            }
            (
                Self::Taken { .. }
                | Self::Running { .. }
                | Self::Stopping { .. }
                | Self::Ended { .. }
                | Self::Closed { .. },
                AttemptChange::Started { .. }
                | AttemptChange::StopAsked { .. }
                | AttemptChange::Ended { .. }
                | AttemptChange::Closed { .. },
            ) => return Err(IllegalAttemptChange { state: self.word(), change: word }),
        };
        Ok(next)
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }
}

impl AttemptChange {
    const fn word(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::StopAsked { .. } => "asked to stop",
            Self::Ended { .. } => "ended",
            Self::Closed { .. } => "closed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Attempt, AttemptChange, AttemptEnd, Delivery, StopCause};
    use crate::{Conclusion, Timestamp};
    use proptest::prelude::*;

    fn change() -> impl Strategy<Value = AttemptChange> {
        let end = prop_oneof![
            Just(AttemptEnd::Concluded(Conclusion::Success)),
            Just(AttemptEnd::Concluded(Conclusion::Cancelled)),
            ".{0,5}".prop_map(AttemptEnd::Fault),
        ];
        prop_oneof![
            any::<u64>().prop_map(|at| AttemptChange::Started { at: Timestamp(at) }),
            prop_oneof![Just(StopCause::Forge), Just(StopCause::Agent)].prop_map(|by| AttemptChange::StopAsked { by }),
            (end, any::<u64>()).prop_map(|(end, at)| AttemptChange::Ended { end, at: Timestamp(at) }),
            prop_oneof![Just(Delivery::Accepted), ".{0,5}".prop_map(Delivery::GivenUp)]
                .prop_map(|delivery| AttemptChange::Closed { delivery }),
        ]
    }

    proptest! {
        #[test]
        fn an_end_is_said_once_and_nothing_leads_out_of_closed(changes in prop::collection::vec(change(), 0..20)) {
            let mut attempt = Attempt::Taken { at: Timestamp(0) };
            let mut end = None;
            for change in changes {
                let is_closed = attempt.is_closed();
                match attempt.after(change.clone()) {
                    Ok(next) => {
                        prop_assert!(!is_closed, "{change:?} led out of {attempt:?}");
                        if let Attempt::Ended { end: said, .. } = &next {
                            prop_assert!(end.is_none(), "ended twice");
                            end = Some(said.clone());
                        }
                        if let Attempt::Closed { end: kept, .. } = &next {
                            prop_assert_eq!(Some(kept), end.as_ref());
                        }
                        attempt = next;
                    }
                    Err(error) => prop_assert!(error.to_string().contains(attempt.word())),
                }
            }
        }

        #[test]
        fn what_is_written_reads_the_same(change in change()) {
            let text = serde_json::to_string(&change).unwrap();
            prop_assert_eq!(serde_json::from_str::<AttemptChange>(&text).unwrap(), change);
        }
    }

    #[test]
    fn who_asked_first_is_remembered() {
        let attempt = Attempt::Running { started: Timestamp(1) };
        let by_forge = attempt.after(AttemptChange::StopAsked { by: StopCause::Forge }).unwrap();
        assert_eq!(by_forge.after(AttemptChange::StopAsked { by: StopCause::Agent }).unwrap(), by_forge);
    }

    #[test]
    fn a_fault_is_a_failure_for_the_forge() {
        assert_eq!(AttemptEnd::Fault("gone".to_owned()).conclusion(), Conclusion::Failure);
        assert_eq!(AttemptEnd::Concluded(Conclusion::Skipped).conclusion(), Conclusion::Skipped);
    }
}
