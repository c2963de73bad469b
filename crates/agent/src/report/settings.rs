//! What a reporter is told: which task, how to reach the forge, how often.

use super::folder::TaskFolder;
use domain::{Clock, RunnerKey, TaskId};
use protocol::{Client, Dialect};
use std::sync::Arc;
use std::time::Duration;

/// Everything that a reporter needs to know.
#[derive(Debug, Clone)]
pub struct ReportSettings {
    /// The forge.
    pub client: Client,
    /// What the runner signs with.
    pub key: RunnerKey,
    /// Which task.
    pub task: TaskId,
    /// How many steps the task's workflow file has, as forges count them.
    pub steps: u32,
    /// Which of them run in the background, by their place from 0: what they say stands in the log when they have ended, so that the
    /// rows of every step lie together.
    pub background: Vec<u32>,
    /// Whose rules the forge keeps to.
    pub dialect: Dialect,
    /// A folder of this task alone, made when needed and given up when all is delivered: rows that wait for the forge, and how the steps
    /// stand. [`super::abandon`] reads it after a crash.
    pub spool: TaskFolder,
    /// Where moments come from that no event has.
    pub clock: Arc<dyn Clock>,
    /// How often, how much, how long.
    pub timing: Timing,
}

/// How often, how much, how long. The defaults are for real forges; tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The longest time between two reports of the state while a job runs. The reply is how a cancellation is heard, so this and the time of
    /// a call bound how late it is.
    pub poll: Duration,
    /// After a change of the state, the shortest time since the report before: many changes become one report.
    pub gap: Duration,
    /// How long the first row may wait for others.
    pub first_rows: Duration,
    /// How long rows may wait for others while a log flows.
    pub rows: Duration,
    /// The same at a control plane whose pages show rows as they come ([`Timing::live`]).
    pub live_rows: Duration,
    /// So many unsent bytes are sent at once.
    pub flush_bytes: usize,
    /// The largest body of rows at first. Reverse proxies often take 1 MiB; after a 413 or a call that broke off it shrinks by itself.
    pub body_bytes: usize,
    /// The largest body once calls of the first size went well and quickly.
    pub body_bytes_most: usize,
    /// How long a report of the state may take, and a call without rows.
    pub state_timeout: Duration,
    /// The most unsent bytes in memory; more go to the spool.
    pub window_bytes: usize,
    /// So long at most, for each call, the job waits for room in memory before its rows go to the spool.
    pub quick: Duration,
    /// The most bytes in the spool. When there are more and the forge does not answer, rows are left out and the log says how many.
    pub spool_bytes: u64,
    /// The pause after the first failed call; it doubles from one to the next, up to `pause_most`, with jitter.
    pub pause: Duration,
    /// See `pause`.
    pub pause_most: Duration,
    /// How long the end of a task is tried after the job ended, while the forge cannot be reached.
    pub patience: Duration,
    /// How long the last rows are tried while the forge answers, and refuses them; then the task ends without them.
    pub rows_patience: Duration,
}

impl Timing {
    /// For a control plane whose pages show rows as they come: people look on. The first rows of a job wait a little longer, so that a short job makes
    /// one call.
    #[must_use]
    pub fn live(self) -> Self {
        Self { first_rows: self.first_rows.min(self.live_rows * 2), rows: self.live_rows, ..self }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(700),
            gap: Duration::from_millis(100),
            first_rows: Duration::from_millis(200),
            rows: Duration::from_millis(1000),
            live_rows: Duration::from_millis(50),
            flush_bytes: 256 * 1024,
            body_bytes: 960 * 1024,
            body_bytes_most: 1920 * 1024,
            state_timeout: Duration::from_secs(20),
            window_bytes: 4 * 1024 * 1024,
            quick: Duration::from_millis(50),
            spool_bytes: 1024 * 1024 * 1024,
            pause: Duration::from_millis(200),
            pause_most: Duration::from_secs(15),
            patience: Duration::from_secs(60 * 60),
            rows_patience: Duration::from_secs(120),
        }
    }
}
