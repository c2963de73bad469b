//! The end of a task whose agent is gone: the forge hears that it failed, and gets what is left of its log. Called at an agent's start.

use super::board::Board;
use super::calls::{self, Fault};
use super::end::{Delivered, End};
use super::links::Backoff;
use super::reporter::{self, STRANGER};
use super::settings::ReportSettings;
use domain::LogEnd;
use protocol::BatchWriter;
use tokio::time::{Instant, sleep_until};

/// Ends a task as failed by the platform; `reason` becomes the log's last line. Safe to repeat: a task that has its end keeps it.
pub async fn abandon(settings: ReportSettings, reason: &str) -> Delivered {
    let rows = match rows_of_forge(&settings).await {
        Ok(rows) => rows,
        Err(delivered) => return delivered,
    };
    let board = Board::new(settings.task, settings.steps, settings.clock.now());
    let (_events, handle) = reporter::start(settings, board, rows);
    handle.finish(End::Fault { text: reason.to_owned() }).await
}

/// How many rows the forge has: a call without rows changes nothing and is answered with them.
async fn rows_of_forge(settings: &ReportSettings) -> Result<u64, Delivered> {
    let mut backoff = Backoff::default();
    loop {
        let batch = BatchWriter::new(settings.task, 0, 0).finish(LogEnd::Open);
        let error = match calls::rows(settings, batch).await {
            Ok(rows) => return Ok(rows),
            Err(error) => error,
        };
        let now = Instant::now();
        backoff.failed(now, &settings.timing);
        match Fault::of(&error) {
            Fault::Stranger(message) if backoff.calls() >= STRANGER => return Err(Delivered::Refused { message }),
            Fault::Gone(message) => return Err(Delivered::Refused { message }),
            fault if backoff.lasted(now) > settings.timing.patience => {
                return Err(Delivered::Unreachable { message: fault.message() });
            }
            _ => {}
        }
        if let Some(until) = backoff.until() {
            sleep_until(until).await;
        }
    }
}
