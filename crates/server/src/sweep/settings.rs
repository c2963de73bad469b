//! How long things may take before they are swept.

use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// So long after its job's end a log takes rows.
pub(crate) const LATE_ROWS: Duration = Duration::from_secs(600);

/// How long things may take before they are swept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepSettings {
    /// Between two ticks.
    pub every: Duration,
    /// A runner that did not call for so long is offline. Above the 70 s that an open question of an idle runner may leave between two notes of it.
    pub silent_runner: Duration,
    /// A task that was not heard of for so long is given up, as with Gitea.
    pub silent_task: Duration,
    /// So long an attempt may go on after the time that its job has, before it is given up.
    pub grace: Duration,
    /// A job that no runner took for so long is cancelled, as with Gitea.
    pub abandoned: Duration,
    /// A runner for one task that had it is forgotten after so long of silence: its last words may be on their way.
    pub spent: Duration,
    /// A runner for one task that never got it is forgotten when it was not heard of for so long.
    pub fresh: Duration,
    /// A runner that stays is forgotten when it was not heard of for so long; `None`: never.
    pub gone: Option<Duration>,
    /// So long after its job's end a log takes rows, before it is ended for a runner that does not.
    pub late_rows: Duration,
    /// Logs go so long after their run's end; `None`: they stay as long as it.
    pub logs: Option<Duration>,
    /// Runs go so long after their end; `None`: they stay.
    pub runs: Option<Duration>,
}

impl Default for SweepSettings {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(10),
            silent_runner: 2 * MINUTE,
            silent_task: 10 * MINUTE,
            grace: 5 * MINUTE,
            abandoned: DAY,
            spent: MINUTE,
            fresh: 24 * HOUR,
            gone: Some(60 * DAY),
            late_rows: LATE_ROWS,
            logs: Some(365 * DAY),
            runs: None,
        }
    }
}
