//! The end of a task whose agent is gone: the forge gets what is left of its log and hears how the job ended, or that it failed. Called at an
//! agent's start.
//!
//! The folder of the task holds how its steps stood (`record`), the rows that were only in memory, and those of the spool. The first two are
//! as old as the last report of the state, so a crash costs the rows of less than a second, and none once the job had ended. What is there
//! stays until all is delivered: an agent that is killed meanwhile is followed by one that does the same again.

use super::backlog::Backlog;
use super::board::Board;
use super::calls::{self, Fault};
use super::end::{Delivered, End};
use super::hearing::STRANGER;
use super::links::Backoff;
use super::record::{JobEnd, Record};
use super::reporter::{self, MEMORY_FILE, Notes, ROWS_FILE};
use super::settings::ReportSettings;
use super::spool::Spool;
use domain::{Conclusion, JobEvent, JobEventKind, JobId, LogEnd};
use protocol::BatchWriter;
use tokio::time::{Instant, sleep_until};

/// What does not fit into memory of the rows that are read back.
const MORE_ROWS_FILE: &str = "rows-again";

/// How the job of a task ended whose agent is gone, if it had ended by its own word and that was noted.
#[must_use]
pub fn left_end(settings: &ReportSettings) -> Option<Conclusion> {
    match Record::read(settings.spool.path())?.end? {
        JobEnd::Concluded { conclusion, .. } => Some(conclusion),
        JobEnd::Fault { .. } => None,
    }
}

/// Ends a task: as its job ended, if that was noted and the log is whole, else as failed by the platform, with `reason` as the log's last
/// line. Safe to repeat: a task that has its end keeps it.
pub async fn abandon(settings: ReportSettings, reason: &str) -> Delivered {
    let rows = match rows_of_forge(&settings).await {
        Ok(rows) => rows,
        Err(delivered) => return delivered,
    };
    let Left { board, backlog, end, log } = left_behind(&settings, rows);
    let job = JobId::new("left");
    let at = end.as_ref().map_or_else(|| settings.clock.now(), JobEnd::at);
    let (events, handle) = reporter::start(settings, board, backlog, Notes::Left { ended: at });
    let end = match (end, log) {
        (Some(JobEnd::Concluded { conclusion, outputs, .. }), Log::Whole) => {
            let kind = JobEventKind::JobFinished { conclusion, outputs, micros: 0 };
            // A reporter that is over says so itself.
            let _over = events.send(JobEvent { job, at, kind }).await;
            End::Concluded { conclusion }
        }
        // The log says why already.
        (Some(JobEnd::Fault { .. }), Log::Whole) => End::Fault { text: String::new() },
        _ => End::Fault { text: reason.to_owned() },
    };
    handle.finish(end).await
}

/// What a dead agent left of a task.
struct Left {
    board: Board,
    backlog: Backlog,
    end: Option<JobEnd>,
    log: Log,
}

/// Whether every row that there was is with the forge or here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Log {
    Whole,
    Cut,
}

/// What the folder of the task says, fitted to a forge that has so many rows. A folder that cannot be read says nothing.
fn left_behind(settings: &ReportSettings, rows: u64) -> Left {
    let record = Record::read(settings.spool.path());
    let now = settings.clock.now();
    let mut board = match &record {
        Some(record) => Board::of_record(settings.task, record),
        None => Board::new(settings.task, settings.steps, now),
    };
    let (known, end) = record.map_or((0, None), |record| (record.rows, record.end));
    let more = Spool::new(settings.spool.path().join(MORE_ROWS_FILE));
    let mut backlog = Backlog::after(rows, more, reporter::limits(settings));
    let mut log = Log::Whole;
    // How much smaller the numbers of rows are here than in the files: where rows are missing, one stands for them.
    let mut less = 0;
    let mut reach = |to: u64, backlog: &mut Backlog, less: &mut u64| {
        if to > backlog.end() + *less {
            log = Log::Cut;
            let shift = backlog.miss(to - *less, now);
            board.shift(shift);
            *less = to - backlog.end();
        }
    };
    let files = [ROWS_FILE, MEMORY_FILE].map(|name| Spool::open(&settings.spool.path().join(name)).ok().flatten());
    let mut files: Vec<(Spool, u64)> = files.into_iter().flatten().collect();
    files.sort_by_key(|(_, first)| *first);
    for (mut file, first) in files {
        let mut number = first;
        while let Ok(chunks) = file.take(settings.timing.window_bytes)
            && !chunks.is_empty()
        {
            for chunk in chunks {
                let count = chunk.rows();
                reach(number, &mut backlog, &mut less);
                let have = (backlog.end() + less).saturating_sub(number).min(count);
                if let Some(chunk) = chunk.without(have) {
                    backlog.push(chunk);
                }
                number += count;
            }
        }
    }
    reach(known, &mut backlog, &mut less);
    Left { board, backlog, end, log }
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
