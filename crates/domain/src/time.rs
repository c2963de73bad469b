//! Time as data: wall-clock moments and where they come from. The only clock read lies in [`SystemClock`].

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The time from `earlier` to this moment; zero when the clock went backwards.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Whether so much time has gone by since `earlier`; also when the clock went back to before it, for nobody knows then.
    #[must_use]
    pub fn has_passed(self, earlier: Self, time: Duration) -> bool {
        self < earlier || self.since(earlier) >= time
    }

    /// The moment so long after this one; no later than a database keeps (2^63 - 1 milliseconds).
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(millis(time)).min(i64::MAX.cast_unsigned()))
    }

    /// The moment so long before this one; not before the epoch.
    #[must_use]
    pub fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(millis(time)))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Where loops and engines take the time from.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(millis(since))
    }
}

/// A clock that tests move by hand.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(millis(by), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;
    use std::time::Duration;

    #[test]
    fn a_clock_that_went_back_keeps_nobody_waiting() {
        let minute = Duration::from_mins(1);
        assert!(!Timestamp(100_000).has_passed(Timestamp(50_000), minute));
        assert!(Timestamp(110_000).has_passed(Timestamp(50_000), minute));
        assert!(Timestamp(10).has_passed(Timestamp(50_000), minute));
    }
}
