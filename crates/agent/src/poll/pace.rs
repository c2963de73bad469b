//! When to ask the forge next: pure arithmetic over moments that it is handed. Called by the poll loop alone.
//!
//! An empty answer costs a forge one look at a counter, so the agent asks three times a second while work is likely and every two
//! seconds otherwise. What is configured and what an instance asks for bound that from below.

use std::time::Duration;
use tokio::time::Instant;

/// Pause between fetches while work is likely: three requests a second.
const HOT: Duration = Duration::from_millis(334);
/// Pause between fetches otherwise.
const COLD: Duration = Duration::from_secs(2);
/// How long after the first job for a while the next one is asked for: a forge on the same machine takes some 20 ms of a processor to say that
/// there is none, which that job needs to begin (two processors, real Gitea: its first instruction 8.4 ms after the answer instead of 12.0).
const BREATH: Duration = Duration::from_millis(20);
/// How long after a start or after work more work is likely.
const WARMTH: Duration = Duration::from_secs(60);
/// The first pause after a failure; each further one doubles it.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
/// The longest pause after failures.
const BACKOFF_MOST: Duration = Duration::from_secs(60);
/// How often the forge is made to look whatever its counter says: a counter that missed a job must not strand it
/// (go-gitea/gitea#33492, #34399, #36033).
const LOOK: Duration = Duration::from_secs(60);

/// What bounds the pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PaceLimits {
    /// The configured `fetch_interval`: the pause after an empty or failed fetch. `None`: the pace adapts.
    pub interval: Option<Duration>,
    /// What the instance asks for: the pause between any two fetches ([`protocol::quirks::least_fetch_interval`]).
    pub least: Option<Duration>,
}

/// Whether a forge holds a fetch until it has work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fetches {
    /// It answers at once.
    Answered,
    /// It holds them.
    Held,
}

/// An empty answer of a forge that holds fetches is none of an open question when it came quicker than this.
const HELD: Duration = Duration::from_secs(1);

/// The pace of one agent.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    limits: PaceLimits,
    fetches: Fetches,
    hot_until: Instant,
    /// When the next fetch is due.
    due: Instant,
    /// No cause brings it forward beyond this.
    not_before: Instant,
    /// When the forge last looked.
    looked: Option<Instant>,
    last: Last,
    failures: u32,
}

/// What the last fetch that was answered brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Work,
}

impl Pace {
    pub(crate) fn new(limits: PaceLimits, fetches: Fetches, now: Instant) -> Self {
        Self {
            limits,
            fetches,
            hot_until: now + WARMTH,
            due: now,
            not_before: now,
            looked: None,
            last: Last::Nothing,
            failures: 0,
        }
    }

    /// When to fetch next.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Failures in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether the forge shall look whatever its counter says.
    pub(crate) fn must_look(&self, now: Instant) -> bool {
        self.looked.is_none_or(|looked| now.saturating_duration_since(looked) >= LOOK)
    }

    /// The forge was asked, with a count that made it look.
    pub(crate) fn looked(&mut self, now: Instant) {
        self.looked = Some(now);
    }

    /// The fetch that was sent at `sent` brought work: there may be more.
    pub(crate) fn brought(&mut self, sent: Instant, now: Instant) {
        self.failures = 0;
        self.hot_until = now + WARMTH;
        let is_first = self.last == Last::Nothing && self.fetches == Fetches::Answered;
        let breath = if is_first { BREATH } else { Duration::ZERO };
        self.last = Last::Work;
        self.due = (now + breath).max(sent + self.limits.least.unwrap_or_default());
        self.not_before = self.due;
    }

    /// The fetch that was sent at `sent` brought nothing, or no answer in time.
    pub(crate) fn empty(&mut self, sent: Instant, now: Instant) {
        self.failures = 0;
        self.last = Last::Nothing;
        let was_held = self.fetches == Fetches::Held && now.saturating_duration_since(sent) >= HELD;
        let usual = match (was_held, now < self.hot_until) {
            (true, _) => now.saturating_duration_since(sent),
            (false, true) => HOT,
            (false, false) => COLD,
        };
        let least = self.limits.least.unwrap_or_default();
        self.due = sent + self.limits.interval.unwrap_or(usual).max(least);
        self.not_before = sent + self.limits.interval.unwrap_or_default().max(least);
    }

    /// The fetch failed. `chance` spreads agents: 0 to 1.
    pub(crate) fn failed(&mut self, now: Instant, chance: f64) {
        self.failures = self.failures.saturating_add(1);
        let doubled = BACKOFF_FIRST.saturating_mul(1_u32 << (self.failures - 1).min(16)).min(BACKOFF_MOST);
        let pause = doubled.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
        let least = self.limits.interval.unwrap_or_default().max(self.limits.least.unwrap_or_default());
        self.due = now + pause.max(least);
        self.not_before = self.due;
    }

    /// Something happened after which a fetch may bring work: a slot became free, a job's end reached the forge.
    pub(crate) fn nudge(&mut self, now: Instant) {
        self.hot_until = now + WARMTH;
        self.due = self.due.min(now.max(self.not_before));
    }
}

#[cfg(test)]
mod tests {
    use super::{Fetches, Pace, PaceLimits};
    use proptest::prelude::*;
    use std::time::Duration;
    use tokio::time::Instant;

    const MS: Duration = Duration::from_millis(1);

    /// Empty fetches one after the other, each answered in 5 ms, for `span`: how many.
    fn empties(pace: &mut Pace, from: Instant, span: Duration) -> u32 {
        let mut count = 0;
        while pace.due() < from + span {
            let sent = pace.due();
            pace.empty(sent, sent + 5 * MS);
            count += 1;
        }
        count
    }

    #[test]
    fn three_a_second_while_work_is_likely_then_one_in_two_seconds() {
        let start = Instant::now();
        let mut pace = Pace::new(PaceLimits::default(), Fetches::Answered, start);
        let minute = empties(&mut pace, start, Duration::from_secs(60));
        assert!((170..=180).contains(&minute), "{minute}");
        assert_eq!(empties(&mut pace, start + Duration::from_secs(60), Duration::from_secs(60)), 30);
        let later = pace.due();
        pace.brought(later, later + MS);
        assert_eq!(pace.due(), later + 21 * MS);
        pace.brought(later + 21 * MS, later + 30 * MS);
        assert_eq!(pace.due(), later + 30 * MS);
        assert!(empties(&mut pace, later, Duration::from_secs(10)) >= 29);
    }

    #[test]
    fn an_open_question_is_asked_again_at_once_and_a_refused_one_is_not() {
        let now = Instant::now();
        let mut pace = Pace::new(PaceLimits::default(), Fetches::Held, now);
        pace.empty(now, now + Duration::from_secs(45));
        assert_eq!(pace.due(), now + Duration::from_secs(45));
        pace.empty(now, now + 5 * MS);
        assert_eq!(pace.due(), now + 334 * MS);
        pace.brought(now, now + 5 * MS);
        assert_eq!(pace.due(), now + 5 * MS);
    }

    #[test]
    fn a_cause_brings_the_next_fetch_forward_but_not_past_what_is_configured() {
        let now = Instant::now();
        let mut free = Pace::new(PaceLimits::default(), Fetches::Answered, now);
        free.empty(now, now + MS);
        free.nudge(now + 2 * MS);
        assert_eq!(free.due(), now + 2 * MS);
        let limits = PaceLimits { interval: Some(Duration::from_secs(5)), least: None };
        let mut configured = Pace::new(limits, Fetches::Answered, now);
        configured.empty(now, now + MS);
        configured.nudge(now + 2 * MS);
        assert_eq!(configured.due(), now + Duration::from_secs(5));
        // Work in hand is followed soon; only the instance's own minimum holds there.
        configured.brought(now, now + MS);
        assert_eq!(configured.due(), now + 21 * MS);
        let mut asked =
            Pace::new(PaceLimits { interval: None, least: Some(Duration::from_secs(30)) }, Fetches::Answered, now);
        asked.brought(now, now + MS);
        asked.nudge(now + 2 * MS);
        assert_eq!(asked.due(), now + Duration::from_secs(30));
    }

    #[test]
    fn failures_double_the_pause_up_to_a_minute() {
        let now = Instant::now();
        let mut pace = Pace::new(PaceLimits::default(), Fetches::Answered, now);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            pace.failed(now, 1.0);
            pace.nudge(now);
            pauses.push((pace.due() - now).as_millis());
        }
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]);
        pace.empty(now, now);
        assert_eq!(pace.failures(), 0);
    }

    #[test]
    fn the_forge_is_made_to_look_once_a_minute() {
        let now = Instant::now();
        let mut pace = Pace::new(PaceLimits::default(), Fetches::Answered, now);
        assert!(pace.must_look(now));
        pace.looked(now);
        assert!(!pace.must_look(now + Duration::from_secs(59)));
        assert!(pace.must_look(now + Duration::from_secs(60)));
    }

    proptest! {
        #[test]
        fn jitter_never_shortens_a_pause_by_more_than_half(failures in 1_u32..40, chance in 0.0..=1.0_f64) {
            let now = Instant::now();
            let mut pace = Pace::new(PaceLimits::default(), Fetches::Answered, now);
            for _ in 0..failures { pace.failed(now, chance); }
            let pause = pace.due() - now;
            prop_assert!(pause >= Duration::from_millis(250) && pause <= Duration::from_secs(60));
        }
    }
}
