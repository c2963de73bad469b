//! The life of a token that a server gave out: registration, runner, job, user, fleet, hook. Used by the store's verbs and by whoever checks a call.
//!
//! Rules: `security` R3 (use count, time to live), R9 (two live keys for a bounded grace after a rotation; revocation skips it).

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use std::time::Duration;

/// Where a token is. [`TokenPhase::Dead`] is the end: nothing leads out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum TokenPhase {
    /// It opens what it is for.
    Live {
        /// How often still.
        uses: Uses,
        /// Until when.
        expires: Expiry,
    },
    /// Another one took its place; it still opens, so that nobody is cut off.
    Grace {
        /// Until then, never longer than its own life.
        until: Timestamp,
    },
    /// It opens nothing.
    Dead {
        /// Why.
        cause: DeathCause,
        /// Since when.
        at: Timestamp,
    },
}

/// How often a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uses {
    /// As often as one likes.
    Unlimited,
    /// So often still.
    Left(NonZeroU32),
}

/// When a token's life ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// Never.
    Never,
    /// At this moment; it opens nothing from then on.
    At(Timestamp),
}

/// Why a token is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeathCause {
    /// Its last use is gone.
    UsedUp,
    /// Its time is over.
    Expired,
    /// Another one took its place, and the grace is over.
    Rotated,
    /// Somebody revoked it.
    Revoked,
}

impl std::fmt::Display for DeathCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::UsedUp => "it was used as often as it may be",
            Self::Expired => "its time is over",
            Self::Rotated => "another one took its place",
            Self::Revoked => "it was revoked",
        })
    }
}

/// What happens to a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenChange {
    /// It opened something.
    Used,
    /// Another one takes its place.
    Rotated {
        /// So long it opens still.
        grace: Duration,
    },
    /// Somebody revoked it, also within a grace.
    Revoked,
    /// Time went by: what is over becomes dead.
    Looked,
}

/// A token that opens nothing, or a change that has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// Its life is over.
    #[error("the token opens nothing any more: {0}; use another one")]
    Dead(DeathCause),
    /// Another one took its place already.
    #[error("the token was rotated already; rotate the one that took its place")]
    InGrace,
}

impl Expiry {
    /// The one that comes first.
    #[must_use]
    pub fn or_before(self, other: Self) -> Self {
        match (self, other) {
            (Self::At(one), Self::At(other)) => Self::At(one.min(other)),
            (Self::Never, end) | (end, Self::Never) => end,
        }
    }

    /// Whether this one comes after another.
    #[must_use]
    pub fn is_after(self, other: Self) -> bool {
        self.or_before(other) != self
    }
}

impl TokenPhase {
    /// A token that was just made.
    #[must_use]
    pub const fn live(uses: Uses, expires: Expiry) -> Self {
        Self::Live { uses, expires }
    }

    /// The state at this moment: what is over is dead, from when it was over.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        match self {
            Self::Live { expires: Expiry::At(end), .. } if now >= end => {
                Self::Dead { cause: DeathCause::Expired, at: end }
            }
            Self::Grace { until } if now >= until => Self::Dead { cause: DeathCause::Rotated, at: until },
            _ => self,
        }
    }

    /// The state after a change at this moment.
    ///
    /// # Errors
    /// When it is dead at this moment (a look and a revocation of a dead one change nothing and are no error), or is to be rotated twice.
    pub fn after(self, change: TokenChange, now: Timestamp) -> Result<Self, TokenRefusal> {
        let dead = |cause| Self::Dead { cause, at: now };
        Ok(match (self.at(now), change) {
            (state, TokenChange::Looked) | (state @ Self::Dead { .. }, TokenChange::Revoked) => state,
            (Self::Dead { cause, .. }, _) => return Err(TokenRefusal::Dead(cause)),
            (Self::Live { .. } | Self::Grace { .. }, TokenChange::Revoked) => dead(DeathCause::Revoked),
            (Self::Live { uses: Uses::Left(left), expires }, TokenChange::Used) => {
                match NonZeroU32::new(left.get() - 1) {
                    Some(left) => Self::Live { uses: Uses::Left(left), expires },
                    None => dead(DeathCause::UsedUp),
                }
            }
            (state @ (Self::Live { .. } | Self::Grace { .. }), TokenChange::Used) => state,
            (Self::Live { expires, .. }, TokenChange::Rotated { grace }) => {
                let until = now.after(grace);
                let until = match expires {
                    Expiry::Never => until,
                    Expiry::At(end) => until.min(end),
                };
                if until <= now { dead(DeathCause::Rotated) } else { Self::Grace { until } }
            }
            (Self::Grace { .. }, TokenChange::Rotated { .. }) => return Err(TokenRefusal::InGrace),
        })
    }

    /// When it ends by itself.
    #[must_use]
    pub const fn ends(self) -> Expiry {
        match self {
            Self::Live { expires, .. } => expires,
            Self::Grace { until } => Expiry::At(until),
            Self::Dead { at, .. } => Expiry::At(at),
        }
    }

    /// Whether it opens at this moment.
    ///
    /// # Errors
    /// Why it does not.
    pub fn opens(self, now: Timestamp) -> Result<(), TokenRefusal> {
        match self.at(now) {
            Self::Live { .. } | Self::Grace { .. } => Ok(()),
            Self::Dead { cause, .. } => Err(TokenRefusal::Dead(cause)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DeathCause, Expiry, TokenChange, TokenPhase, TokenRefusal, Uses};
    use crate::Timestamp;
    use proptest::prelude::*;
    use std::num::NonZeroU32;
    use std::time::Duration;

    fn change() -> impl Strategy<Value = TokenChange> {
        prop_oneof![
            4 => Just(TokenChange::Used),
            2 => (0_u64..50).prop_map(|grace| TokenChange::Rotated { grace: Duration::from_millis(grace) }),
            1 => prop::bool::weighted(0.2).prop_map(|is| if is { TokenChange::Revoked } else { TokenChange::Looked }),
        ]
    }

    proptest! {
        #[test]
        fn whatever_comes_the_rules_hold(
            uses in prop::option::of(1_u32..5),
            end in prop::option::of(1_u64..100),
            changes in prop::collection::vec((change(), 0_u64..10), 0..40),
        ) {
            let count = uses.and_then(NonZeroU32::new).map_or(Uses::Unlimited, Uses::Left);
            let mut token = TokenPhase::live(count, end.map_or(Expiry::Never, |end| Expiry::At(Timestamp(end))));
            let (mut now, mut used) = (0, 0);
            for (change, step) in changes {
                now += step;
                let (before, opens) = (token, token.opens(Timestamp(now)).is_ok());
                let after = token.after(change, Timestamp(now));
                if change == TokenChange::Used {
                    prop_assert_eq!(after.is_ok(), opens);
                    used += u32::from(opens && matches!(before, TokenPhase::Live { .. }));
                }
                let Ok(next) = after else { continue };
                let was_dead = matches!(before, TokenPhase::Dead { .. });
                prop_assert!(!was_dead || next == before, "{change:?}: {before:?}");
                prop_assert!(change != TokenChange::Revoked || next.opens(Timestamp(now)).is_err());
                prop_assert!(opens || next.opens(Timestamp(now)).is_err(), "it rose from the dead");
                prop_assert!(end.is_none_or(|end| now < end) || next.opens(Timestamp(now)).is_err());
                let text = serde_json::to_string(&next).unwrap();
                prop_assert_eq!(serde_json::from_str::<TokenPhase>(&text).unwrap(), next);
                token = next;
            }
            prop_assert!(uses.is_none_or(|uses| used <= uses));
        }
    }

    #[test]
    fn never_comes_after_every_moment() {
        let [never, one, two] = [Expiry::Never, Expiry::At(Timestamp(1)), Expiry::At(Timestamp(2))];
        for (this, other, first) in [(never, never, never), (never, one, one), (two, never, two), (two, one, one)] {
            assert_eq!((this.or_before(other), other.or_before(this)), (first, first));
            assert_eq!(this.is_after(other), this != first, "{this:?} {other:?}");
        }
        assert_eq!(TokenPhase::Grace { until: Timestamp(2) }.ends(), two);
        assert_eq!(TokenPhase::live(Uses::Unlimited, never).ends(), never);
    }

    #[test]
    fn a_rotation_has_a_grace_and_a_revocation_none() {
        let live = TokenPhase::live(Uses::Unlimited, Expiry::At(Timestamp(100)));
        let rotated = TokenChange::Rotated { grace: Duration::from_millis(30) };
        let grace = live.after(rotated, Timestamp(10)).unwrap();
        assert_eq!(
            (grace.opens(Timestamp(39)), grace.opens(Timestamp(40))),
            (Ok(()), Err(TokenRefusal::Dead(DeathCause::Rotated)))
        );
        assert_eq!(grace.after(rotated, Timestamp(11)), Err(TokenRefusal::InGrace));
        assert_eq!(live.after(rotated, Timestamp(90)), Ok(TokenPhase::Grace { until: Timestamp(100) }));
        let revoked = grace.after(TokenChange::Revoked, Timestamp(12)).unwrap();
        assert_eq!(revoked, TokenPhase::Dead { cause: DeathCause::Revoked, at: Timestamp(12) });
    }
}
