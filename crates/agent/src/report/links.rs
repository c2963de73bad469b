//! When the next call of each kind is due. Pure: every question is asked with the time. Called by `reporter`.

use super::settings::Timing;
use crate::chance::chance;
use std::time::Duration;
use tokio::time::Instant;

/// The pause between calls that fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Backoff {
    /// The last call went well, or there was none.
    #[default]
    Fine,
    /// So many failed one after the other.
    Failing { calls: u32, since: Instant, until: Instant },
}

impl Backoff {
    pub(super) fn failed(&mut self, now: Instant, timing: &Timing) {
        let (calls, since) = match *self {
            Self::Fine => (1, now),
            Self::Failing { calls, since, .. } => (calls.saturating_add(1), since),
        };
        let pause = timing.pause.saturating_mul(1 << (calls - 1).min(16)).min(timing.pause_most);
        *self = Self::Failing { calls, since, until: now + pause.mul_f64(0.5 + chance() / 2.0) };
    }

    pub(super) fn went_well(&mut self) {
        *self = Self::Fine;
    }

    /// The next call may be made at once: something changed.
    pub(super) fn hurry(&mut self, now: Instant) {
        if let Self::Failing { until, .. } = self {
            *until = now;
        }
    }

    /// Not before this.
    pub(super) fn until(&self) -> Option<Instant> {
        match self {
            Self::Fine => None,
            Self::Failing { until, .. } => Some(*until),
        }
    }

    /// How long calls have failed.
    pub(super) fn lasted(&self, now: Instant) -> Duration {
        match self {
            Self::Fine => Duration::ZERO,
            Self::Failing { since, .. } => now - *since,
        }
    }

    /// How many calls failed one after the other.
    pub(super) fn calls(&self) -> u32 {
        match self {
            Self::Fine => 0,
            Self::Failing { calls, .. } => *calls,
        }
    }
}

/// When rows are sent.
#[derive(Debug, Default)]
pub(super) struct RowsLink {
    pub(super) backoff: Backoff,
    /// When the oldest row came that was not sent.
    oldest: Option<Instant>,
    sent: Option<Instant>,
    call: RowsCall,
}

/// Whether rows are on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum RowsCall {
    #[default]
    Over,
    UnderWay,
}

/// What is there to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// Nothing.
    Nothing,
    /// So many bytes; more may come.
    Bytes(usize),
    /// The end of the log.
    End,
}

impl RowsLink {
    /// Rows came.
    pub(super) fn said(&mut self, now: Instant) {
        self.oldest.get_or_insert(now);
    }

    /// A call starts.
    pub(super) fn starts(&mut self, now: Instant) {
        self.sent = Some(now);
        self.call = RowsCall::UnderWay;
        // What it does not carry waits from now on.
        self.oldest = self.oldest.map(|_| now);
    }

    /// The call that started last is over.
    pub(super) fn ends(&mut self) {
        self.call = RowsCall::Over;
    }

    /// When the call started that is under way.
    pub(super) fn under_way(&self) -> Option<Instant> {
        self.sent.filter(|_| self.call == RowsCall::UnderWay)
    }

    /// The forge has every row.
    pub(super) fn has_all(&mut self) {
        self.oldest = None;
    }

    /// How long the call under way has taken.
    pub(super) fn took(&self, now: Instant) -> Duration {
        self.sent.map_or(Duration::ZERO, |sent| now - sent)
    }

    /// Not before the pause after a fault is over.
    fn ready(&self, due: Instant) -> Instant {
        self.backoff.until().map_or(due, |until| due.max(until))
    }

    /// When a call is due; `None`: when something changes.
    pub(super) fn due(&self, now: Instant, waiting: Waiting, timing: &Timing) -> Option<Instant> {
        let due = match waiting {
            Waiting::Nothing => return None,
            Waiting::End => now,
            Waiting::Bytes(bytes) if bytes >= timing.flush_bytes => now,
            Waiting::Bytes(_) => {
                let Some(oldest) = self.oldest else { return Some(self.ready(now)) };
                let first = oldest + timing.first_rows;
                self.sent.map_or(first, |sent| first.max(sent + timing.rows).min(oldest + timing.rows))
            }
        };
        Some(self.ready(due))
    }
}

/// When the state is reported.
#[derive(Debug)]
pub(super) struct StateLink {
    pub(super) backoff: Backoff,
    change: Change,
    started: Instant,
    took: Duration,
}

/// Whether the forge knows the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Known,
    New,
}

impl StateLink {
    pub(super) fn new(now: Instant) -> Self {
        Self { backoff: Backoff::Fine, change: Change::New, started: now, took: Duration::ZERO }
    }

    pub(super) fn changed(&mut self) {
        self.change = Change::New;
    }

    pub(super) fn starts(&mut self, now: Instant) {
        self.change = Change::Known;
        self.started = now;
    }

    pub(super) fn ended(&mut self, now: Instant) {
        self.took = now - self.started;
    }

    /// When a report is due that says no more than "still here".
    pub(super) fn poll_due(&self, timing: &Timing) -> Instant {
        let due = self.started + timing.poll.max(self.took * 2);
        self.backoff.until().map_or(due, |until| due.max(until))
    }

    /// When a report is due while the job runs. A forge that answers slowly is asked less often.
    pub(super) fn due(&self, timing: &Timing) -> Instant {
        let pause = match self.change {
            Change::Known => timing.poll,
            Change::New => timing.gap,
        };
        let due = self.started + pause.max(self.took * 2);
        self.backoff.until().map_or(due, |until| due.max(until))
    }
}
