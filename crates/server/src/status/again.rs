//! When a run that its forge refused is told again. Pure; asked by the teller.

use super::TellSettings;
use domain::Timestamp;
use domain::control::{AttemptNumber, RunPhase};
use std::time::Duration;
use store::StoredRun;

/// After a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) until: Timestamp,
    pub(super) faults: u32,
}

/// How a run stood when it was refused: one that stands otherwise is told at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    attempt: AttemptNumber,
    phase: RunPhase,
    ends: i64,
    finished: Option<Timestamp>,
}

/// A run whose forge refuses it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    standing: Standing,
    pub(super) pause: Pause,
}

/// What is done about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The run is tried again soon.
    Soon(Refused),
    /// The run is over, and was refused often: it is tried now and then.
    Late(Refused),
    /// It is told no more.
    GiveUp,
}

impl Standing {
    pub(super) const fn of(run: &StoredRun) -> Self {
        Self { attempt: run.attempt, phase: run.phase, ends: run.ends, finished: run.finished }
    }
}

impl Refused {
    /// Whether a run is left alone for now.
    pub(super) fn waits(&self, standing: Standing, now: Timestamp) -> bool {
        self.standing == standing && self.pause.until > now
    }
}

/// What follows from one more refusal of a run as it stands.
pub(super) fn then(settings: &TellSettings, before: Option<&Refused>, standing: Standing, now: Timestamp) -> Then {
    let faults = before.filter(|before| before.standing == standing).map_or(0, |before| before.pause.faults) + 1;
    let refused = |pause: Duration| Refused { standing, pause: Pause { until: now.after(pause), faults } };
    // Counted from its end, not from the first refusal: that is forgotten when the server starts anew, or another one tells.
    let is_late = standing.finished.is_some_and(|finished| now.since(finished) >= settings.late);
    match standing.phase {
        RunPhase::Finished(_) if faults >= settings.tries && is_late => Then::GiveUp,
        RunPhase::Finished(_) if faults >= settings.tries => Then::Late(refused(settings.late_pause)),
        _ => Then::Soon(refused(pause(settings, faults))),
    }
}

/// How long after so many faults.
pub(super) fn pause(settings: &TellSettings, faults: u32) -> Duration {
    let doubled = 1_u32.checked_shl(faults.saturating_sub(1)).unwrap_or(u32::MAX);
    settings.first_pause.saturating_mul(doubled).min(settings.longest_pause)
}

#[cfg(test)]
mod tests {
    use super::{RunPhase, Standing, TellSettings, Then, pause, then};
    use domain::control::AttemptNumber;
    use domain::{Conclusion, Timestamp};

    const HOUR: u64 = 3_600_000;

    fn standing(phase: RunPhase) -> Standing {
        let finished = matches!(phase, RunPhase::Finished(_)).then_some(Timestamp(0));
        Standing { attempt: AttemptNumber::FIRST, phase, ends: 0, finished }
    }

    /// Refuses a run until it is given up, and gives the times at which it was tried.
    fn tries(phase: RunPhase, first: u64, most: usize) -> Vec<u64> {
        let (settings, mut tried, mut known) = (TellSettings::default(), vec![first], None);
        while tried.len() < most {
            let now = Timestamp(*tried.last().unwrap());
            let refused = match then(&settings, known.as_ref(), standing(phase), now) {
                Then::Soon(refused) | Then::Late(refused) => refused,
                Then::GiveUp => break,
            };
            assert!(refused.waits(standing(phase), now));
            tried.push(refused.pause.until.0);
            known = Some(refused);
        }
        tried
    }

    #[test]
    fn a_run_that_is_over_is_tried_for_a_day() {
        let over = RunPhase::Finished(Conclusion::Success);
        let tried = tries(over, 0, 1000);
        assert_eq!(tried[..6], [0, 2, 6, 14, 30, 62].map(|seconds| seconds * 1000));
        assert_eq!(tried.len(), 6 + 24);
        assert!((24 * HOUR..25 * HOUR).contains(tried.last().unwrap()), "{tried:?}");
        // After a start nobody knows of the tries before; the day is the same one.
        let tried = tries(over, 20 * HOUR, 1000);
        assert_eq!(tried.len(), 6 + 4);
        assert!((24 * HOUR..25 * HOUR).contains(tried.last().unwrap()), "{tried:?}");
        let tried = tries(over, 99 * HOUR, 1000);
        assert_eq!((tried.len(), tried[5]), (6, 99 * HOUR + 62_000));
    }

    #[test]
    fn one_that_goes_on_is_never_given_up_and_one_that_stands_otherwise_is_told_at_once() {
        let tried = tries(RunPhase::Running, 0, 1000);
        assert_eq!(tried.len(), 1000);
        assert_eq!(tried[999] - tried[998], 300_000);
        let (running, over) = (standing(RunPhase::Running), standing(RunPhase::Finished(Conclusion::Failure)));
        let Then::Soon(refused) = then(&TellSettings::default(), None, running, Timestamp(0)) else { panic!() };
        assert!(refused.waits(running, Timestamp(0)) && !refused.waits(over, Timestamp(0)));
        assert!(!refused.waits(Standing { ends: 1, ..running }, Timestamp(0)));
        // The count begins anew.
        let anew = then(&TellSettings::default(), Some(&refused), over, Timestamp(0));
        assert!(matches!(anew, Then::Soon(refused) if refused.pause.faults == 1), "{anew:?}");
    }

    #[test]
    fn pauses_double() {
        let settings = TellSettings::default();
        assert_eq!([1, 2, 3, 9, 99].map(|faults| pause(&settings, faults).as_secs()), [2, 4, 8, 300, 300]);
    }
}
