//! The end of a task whose agent is gone: the forge hears that it failed, and gets what is left of its log. Called at an agent's start.

use super::backlog::Backlog;
use super::board::Board;
use super::calls::{self, Fault};
use super::end::{Delivered, End};
use super::hearing::STRANGER;
use super::links::Backoff;
use super::record::Record;
use super::reporter::{self, ROWS_FILE};
use super::settings::ReportSettings;
use super::spool::Spool;
use domain::LogEnd;
use protocol::BatchWriter;
use tokio::time::{Instant, sleep_until};

/// What does not fit into memory of the rows that are read back.
const MORE_ROWS_FILE: &str = "rows-again";

/// Ends a task as failed by the platform; `reason` becomes the log's last line. Safe to repeat: a task that has its end keeps it.
pub async fn abandon(settings: ReportSettings, reason: &str) -> Delivered {
    let rows = match rows_of_forge(&settings).await {
        Ok(rows) => rows,
        Err(delivered) => return delivered,
    };
    let (board, backlog) = left_behind(&settings, rows);
    let (_events, handle) = reporter::start(settings, board, backlog);
    handle.finish(End::Fault { text: reason.to_owned() }).await
}

/// What the folder of the task says, fitted to a forge that has so many rows. A folder that cannot be read says nothing.
fn left_behind(settings: &ReportSettings, rows: u64) -> (Board, Backlog) {
    let record = Record::read(&settings.spool);
    let mut board = match &record {
        Some(record) => Board::of_record(settings.task, record),
        None => Board::new(settings.task, settings.steps, settings.clock.now()),
    };
    let path = settings.spool.join(ROWS_FILE);
    let (limits, now) = (reporter::limits(settings), settings.clock.now());
    let known = record.map_or(0, |record| record.rows);
    match Spool::open(&path) {
        Ok(Some((mut left, first))) => {
            let mut backlog = Backlog::after(rows, Spool::new(settings.spool.join(MORE_ROWS_FILE)), limits);
            let mut skip = rows.saturating_sub(first);
            if first > rows {
                board.shift(backlog.miss(first, now));
            }
            while let Ok(chunks) = left.take(limits.window)
                && !chunks.is_empty()
            {
                for chunk in chunks {
                    let have = skip.min(chunk.rows());
                    skip -= have;
                    if let Some(chunk) = chunk.without(have) {
                        backlog.push(chunk);
                    }
                }
            }
            (board, backlog)
        }
        _ => {
            let mut backlog = Backlog::after(rows, Spool::new(path), limits);
            if known > rows {
                board.shift(backlog.miss(known, now));
            }
            (board, backlog)
        }
    }
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
