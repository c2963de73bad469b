//! What this server counts for `/metrics`. Counted where it happens; read at a scrape.

use domain::control::{JobEnd, JobPhase};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use telemetry::metrics::Times;

/// Upper bounds of waits, seconds; then there is what took longer.
const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];

/// The counts of one server since its start.
#[derive(Debug, Default)]
pub struct Counts {
    runs: [AtomicU64; 4],
    ended: [AtomicU64; 5],
    leases: [AtomicU64; 2],
    queued: [AtomicU64; BOUNDS.len() + 1],
    queued_micros: AtomicU64,
    log_rows: AtomicU64,
}

const EVENTS: [&str; 4] = ["push", "workflow_dispatch", "schedule", "other"];
const RESULTS: [&str; 5] = ["success", "failure", "cancelled", "skipped", "fault"];
const OUTCOMES: [&str; 2] = ["given", "lost"];

impl Counts {
    /// A run was made for an event.
    pub(crate) fn run(&self, event: &str) {
        let at = EVENTS.iter().position(|known| *known == event).unwrap_or(EVENTS.len() - 1);
        self.runs[at].fetch_add(1, Ordering::Relaxed);
    }

    /// A job is elsewhere now. Whoever changes one tells it here; where that was its end, it counts, whatever ended it.
    pub(crate) fn changed(&self, before: &JobPhase, after: &JobPhase) {
        if before.end().is_none() {
            self.made(after);
        }
    }

    /// A job was made; one that is skipped or cannot be is over at once.
    pub(crate) fn made(&self, phase: &JobPhase) {
        let word = match phase.end() {
            None => return,
            Some(JobEnd::Fault(_)) => "fault",
            Some(end) => end.conclusion().as_str(),
        };
        let at = RESULTS.iter().position(|known| *known == word).unwrap_or_default();
        self.ended[at].fetch_add(1, Ordering::Relaxed);
    }

    /// A job was given to a runner after so long in the queue.
    pub(crate) fn given(&self, waited: Duration) {
        self.leases[0].fetch_add(1, Ordering::Relaxed);
        let seconds = waited.as_secs_f64();
        let at = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.queued[at].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        self.queued_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// A job was somebody else's, or over, when it was to be given.
    pub(crate) fn lost(&self) {
        self.leases[1].fetch_add(1, Ordering::Relaxed);
    }

    /// Rows of a log were taken.
    pub(crate) fn rows(&self, rows: u64) {
        self.log_rows.fetch_add(rows, Ordering::Relaxed);
    }

    pub(crate) fn runs_by_event(&self) -> Vec<(&'static str, u64)> {
        read(EVENTS, &self.runs)
    }

    pub(crate) fn jobs_by_result(&self) -> Vec<(&'static str, u64)> {
        read(RESULTS, &self.ended)
    }

    pub(crate) fn leases_by_outcome(&self) -> Vec<(&'static str, u64)> {
        read(OUTCOMES, &self.leases)
    }

    pub(crate) fn waits(&self) -> Times {
        let bounds = BOUNDS.into_iter().chain([f64::MAX]);
        let buckets = bounds.zip(&self.queued).map(|(bound, count)| (bound, count.load(Ordering::Relaxed))).collect();
        let waited = Duration::from_micros(self.queued_micros.load(Ordering::Relaxed));
        Times { seconds: waited.as_secs_f64(), buckets }
    }

    pub(crate) fn all_rows(&self) -> u64 {
        self.log_rows.load(Ordering::Relaxed)
    }
}

fn read<const N: usize>(words: [&'static str; N], counts: &[AtomicU64; N]) -> Vec<(&'static str, u64)> {
    words.into_iter().zip(counts).map(|(word, count)| (word, count.load(Ordering::Relaxed))).collect()
}
