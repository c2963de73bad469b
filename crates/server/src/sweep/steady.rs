//! Time as it went by for this server: what the clock jumped over, or what passed while the server did not run, is nobody's silence. Used by all sweeps.

use domain::Timestamp;
use std::time::Duration;

/// More than this between two ticks is no time that went by: the clock was set, or the machine slept.
const LEAP: Duration = Duration::from_secs(90);

/// What is known of the clock from the ticks.
#[derive(Debug)]
pub(super) struct Steady {
    last: Option<Timestamp>,
    /// Since when it went without a jump.
    awake: Timestamp,
    /// Jumps forward: the time before each, and its length.
    leaps: Vec<(Timestamp, Duration)>,
}

impl Steady {
    /// Before the first tick.
    pub(super) const fn new() -> Self {
        Self { last: None, awake: Timestamp(0), leaps: Vec::new() }
    }

    /// It is now so late.
    pub(super) fn tick(&mut self, now: Timestamp) {
        match self.last {
            Some(last) if now >= last && now.since(last) <= LEAP => {}
            Some(last) => {
                self.awake = now;
                if now > last {
                    self.leaps.push((last, now.since(last)));
                }
            }
            None => self.awake = now,
        }
        self.last = Some(now);
    }

    /// How long nothing was heard since then, as far as this server listened without a break.
    pub(super) fn silence(&self, heard: Timestamp, now: Timestamp) -> Duration {
        // What is later than now was noted before the clock was set back.
        let heard = if heard > now { self.awake } else { heard.max(self.awake) };
        now.since(heard)
    }

    /// How long ago that was, jumps of the clock left out.
    pub(super) fn age(&self, then: Timestamp, now: Timestamp) -> Duration {
        let then = if then > now { self.awake } else { then };
        let leapt = self.leaps.iter().filter(|(before, _)| *before >= then).map(|(_, leap)| *leap).sum();
        now.since(then).saturating_sub(leapt)
    }

    /// The moment that is so long ago, jumps of the clock left out: nothing of before it is younger.
    pub(super) fn ago(&self, age: Duration, now: Timestamp) -> Timestamp {
        let leapt: Duration = self.leaps.iter().map(|(_, leap)| *leap).sum();
        now.before(age.saturating_add(leapt))
    }
}

#[cfg(test)]
mod tests {
    use super::Steady;
    use domain::Timestamp;
    use std::time::Duration;

    const DAY: u64 = 24 * 3600;

    const fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    fn from(start: u64, ticks: u64) -> (Steady, u64) {
        let mut steady = Steady::new();
        for tick in 0..=ticks {
            steady.tick(at(start + tick * 60));
        }
        (steady, start + ticks * 60)
    }

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn time_that_goes_by_counts() {
        let (steady, now) = from(1000, 10);
        assert_eq!(steady.silence(at(1200), at(now)), seconds(400));
        assert_eq!(steady.age(at(1200), at(now)), seconds(400));
        assert_eq!(steady.ago(seconds(400), at(now)), at(1200));
    }

    #[test]
    fn what_was_silent_while_nobody_listened_gets_its_time() {
        let (steady, now) = from(5000, 10);
        assert_eq!(steady.silence(at(10), at(now)), seconds(600));
        assert_eq!(steady.age(at(10), at(now)), seconds(now - 10));
    }

    #[test]
    fn a_jump_of_a_day_ages_nothing() {
        let (mut steady, before) = from(1000, 10);
        let now = before + DAY;
        steady.tick(at(now));
        assert_eq!(steady.silence(at(1200), at(now)), Duration::ZERO);
        assert_eq!(steady.age(at(1200), at(now)), seconds(400));
        assert_eq!(steady.ago(seconds(400), at(now)), at(1200));
        steady.tick(at(now + 60));
        assert_eq!(steady.silence(at(1200), at(now + 60)), seconds(60));
        assert_eq!(steady.age(at(now + 10), at(now + 60)), seconds(50));
        assert_eq!(steady.age(at(1200), at(now + 60)), seconds(460));
    }

    #[test]
    fn a_clock_that_is_set_back_ages_nothing_and_stops_nothing() {
        let (mut steady, before) = from(10 * DAY, 10);
        let now = before - DAY;
        for tick in 0..=10 {
            steady.tick(at(now + tick * 60));
        }
        // Noted before: it counts from when the clock was set.
        assert_eq!(steady.silence(at(before), at(now + 600)), seconds(600));
        assert_eq!(steady.age(at(before), at(now + 600)), seconds(600));
    }
}
