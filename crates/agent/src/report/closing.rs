//! What the reporter sends and what it makes of the answers: while a job runs, and up to the end of its task.

use super::calls::{self, Call, Fault};
use super::end::{Delivered, End, Halt};
use super::intake::Rows;
use super::links::Waiting;
use super::reporter::Actor;
use domain::{Conclusion, LogEnd, TaskResult, TaskState, Timestamp};
use protocol::{CallError, Dialect, PackedBatch, Reported, quirks};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// A key is believed to be bad when the forge said so this often, one after the other.
pub(super) const STRANGER: u32 = 3;
/// So many failed calls, one after the other, mean that the forge is away: rows are left out then rather than the job held up.
const AWAY: u32 = 3;
/// The last batch of a log is sent again as it is until it is taken, so it is kept small.
const LAST_BATCH: usize = 256 * 1024;
/// The smallest body of rows that is tried.
const LEAST_BATCH: usize = 32 * 1024;
/// A body that took no longer is followed by a larger one.
const QUICK: Duration = Duration::from_millis(500);
/// Outputs larger than this together go out before the result does, in several reports: a proxy may take 1 MiB.
const OUTPUTS_AT_ONCE: usize = 512 * 1024;

/// Where a task is, as the reporter sees it.
#[derive(Debug)]
pub(super) enum Stage {
    /// The job runs.
    Running,
    /// The job ended; its last rows are on their way.
    Log(Ending),
    /// The log is done with; the result is on its way, the same until it is taken.
    Result {
        /// What is left to tell.
        ending: Ending,
        /// The result and all steps.
        state: TaskState,
    },
}

/// The end of a task.
#[derive(Debug)]
pub(super) struct Ending {
    conclusion: Conclusion,
    at: Timestamp,
    /// Those that the forge has not acknowledged.
    outputs: BTreeMap<String, String>,
    /// What the forge said to rows that it did not take.
    cut: Option<String>,
}

/// What is known of the forge's log.
#[derive(Debug)]
pub(super) enum Log {
    /// How many rows it has.
    Known,
    /// The last call failed: it may have its rows or not.
    Unknown,
    /// This last batch is on its way; it is repeated as it is until it is taken.
    Last { batch: PackedBatch, tries: u32 },
    /// The forge takes no more rows.
    Closed { message: String },
}

impl Actor {
    /// Whether events are taken: there is room for rows, or the job must not wait for a forge that is away.
    pub(super) fn takes_rows(&self) -> bool {
        self.intake.backlog.has_room() || self.rows.backoff.calls() >= AWAY
    }

    /// The job ended.
    pub(super) fn end(&mut self, end: End) {
        let at = self.settings.clock.now();
        let mut last = String::new();
        let (conclusion, outputs) = match end {
            End::Concluded { conclusion } => (conclusion, std::mem::take(&mut self.intake.outputs)),
            End::Fault { text } => {
                last.extend(text.lines().flat_map(|line| ["##[error]", line, "\n"]));
                (Conclusion::Failure, BTreeMap::new())
            }
        };
        let (outputs, dropped) = quirks::storable_outputs(outputs);
        for name in dropped {
            let name = name.get(..name.floor_char_boundary(80)).unwrap_or_default();
            last.push_str("##[warning]The output '");
            last.push_str(name);
            last.push_str("' is not stored: the forge takes names up to 255 bytes and values up to 1 MiB.\n");
        }
        self.intake.say_last(at, last);
        self.stage = Stage::Log(Ending { conclusion, at, outputs, cut: None });
        if let Log::Closed { message } = &self.log {
            let message = message.clone();
            self.log_done(Some(message));
        }
        let now = Instant::now();
        self.rows.backoff.hurry(now);
        self.state.backoff.hurry(now);
    }

    pub(super) fn rows_due(&self, now: Instant) -> Option<Instant> {
        let waiting = match (&self.stage, &self.log) {
            (_, Log::Closed { .. }) | (Stage::Result { .. }, _) => Waiting::Nothing,
            (Stage::Log(_), _) => Waiting::End,
            (Stage::Running, _) if self.intake.backlog.is_empty() => Waiting::Nothing,
            (Stage::Running, _) => Waiting::Bytes(self.intake.backlog.bytes()),
        };
        self.rows.due(now, waiting, &self.settings.timing)
    }

    pub(super) fn state_due(&self, now: Instant) -> Instant {
        match self.stage {
            Stage::Running => self.state.due(&self.settings.timing),
            // What changed is in the result, which comes next.
            Stage::Log(_) => self.state.poll_due(&self.settings.timing),
            Stage::Result { .. } => self.state.backoff.until().unwrap_or(now),
        }
    }

    pub(super) fn send_rows(&mut self, now: Instant) -> Call<u64> {
        self.rows.starts(now);
        let batch = self.next_batch();
        self.renumber();
        calls::rows(&self.settings, batch)
    }

    /// The forges file a log away only with a last call that brings a row which they do not have (Gitea before 1.26.2, Forgejo): so the last
    /// batch is made when it is known what they have, and then stays as it is.
    fn next_batch(&mut self) -> PackedBatch {
        if let Log::Last { batch, tries } = &mut self.log {
            *tries += 1;
            return batch.clone();
        }
        let writer = self.intake.backlog.pack(self.settings.task, self.batch, self.settings.clock.now());
        let holds_all = writer.rows() == self.intake.backlog.rows();
        match (&self.stage, &self.log) {
            (Stage::Log(ending), Log::Known) if holds_all && writer.len() <= LAST_BATCH => {
                let batch = quirks::last_packed(writer, ending.at);
                self.log = Log::Last { batch: batch.clone(), tries: 1 };
                batch
            }
            _ => writer.finish(LogEnd::Open),
        }
    }

    pub(super) fn send_state(&mut self, now: Instant) -> Call<Reported> {
        self.state.starts(now);
        let (state, outputs) = match &self.stage {
            Stage::Running | Stage::Log(_) => (self.intake.board.running(), BTreeMap::new()),
            Stage::Result { ending, state } => {
                let some = some_outputs(&ending.outputs);
                // The result goes out with the last of them: jobs that wait for it find them all.
                let is_last = some.len() == ending.outputs.len();
                (if is_last { state.clone() } else { self.intake.board.running() }, some)
            }
        };
        if let Stage::Running = self.stage {
            self.record(&state);
        }
        calls::state(&self.settings, state, outputs)
    }

    /// Notes on disk what the forge is about to hear. A disk that takes nothing costs the steps of a task whose agent crashes, no more.
    fn record(&mut self, state: &TaskState) {
        let _unused = self.intake.backlog.flush();
        if self.recorded.as_ref() != Some(state) {
            let record = self.intake.board.record(self.intake.backlog.end());
            if record.write(&self.settings.spool).is_ok() {
                self.recorded = Some(state.clone());
            }
        }
    }

    /// Rows may have new numbers, because others are lost.
    fn renumber(&mut self) {
        for shift in self.intake.backlog.shifts() {
            self.intake.board.shift(shift);
            self.state.changed();
        }
    }

    pub(super) fn heard_of_rows(&mut self, result: Result<u64, CallError>) -> Option<Delivered> {
        let now = Instant::now();
        match result {
            Ok(rows) => self.acknowledged(rows, now),
            Err(error) => self.rows_failed(Fault::of(&error), now),
        }
    }

    fn acknowledged(&mut self, rows: u64, now: Instant) -> Option<Delivered> {
        let backlog = &mut self.intake.backlog;
        let before = (backlog.acked(), backlog.rows());
        backlog.ack(rows, self.settings.clock.now());
        let moved_on = backlog.acked() > before.0 || before.1 == 0;
        if backlog.is_empty() {
            self.rows.has_all();
        }
        self.renumber();
        if let Log::Last { batch, .. } = &self.log
            && rows >= batch.end()
        {
            self.log_done(None);
            return None;
        }
        self.log = Log::Known;
        if moved_on {
            if self.batch < self.batch_most && self.rows.took(now) < QUICK {
                self.batch = (self.batch * 2).min(self.batch_most);
            }
            self.rows.backoff.went_well();
            self.state.backoff.hurry(now);
            return None;
        }
        self.rows_failed(Fault::Unwilling(format!("the forge stays at row {rows} of the log")), now)
    }

    fn rows_failed(&mut self, fault: Fault, now: Instant) -> Option<Delivered> {
        let timing = self.settings.timing;
        self.rows.backoff.failed(now, &timing);
        if let Log::Known = self.log {
            self.log = Log::Unknown;
        }
        let lasted = self.rows.backoff.lasted(now);
        let is_ending = matches!(self.stage, Stage::Log(_));
        match fault {
            Fault::Stranger(message) if self.rows.backoff.calls() >= STRANGER => self.refused(message),
            Fault::Gone(message) => self.refused(message),
            // It was our own last batch, taken while its answer was lost.
            Fault::Filed(_) if matches!(self.log, Log::Last { tries: 2.., .. }) => {
                self.log_done(None);
                None
            }
            Fault::Filed(message) => self.closed(message),
            Fault::TooLarge(message) if self.batch <= LEAST_BATCH => self.closed(message),
            Fault::TooLarge(_) => {
                self.batch /= 2;
                self.batch_most = self.batch;
                self.rows.backoff.hurry(now);
                // It never reached the forge.
                self.log = Log::Known;
                None
            }
            Fault::Unwilling(message) if is_ending && lasted > timing.rows_patience => self.closed(message),
            Fault::Away(message) if is_ending && lasted > timing.patience => Some(Delivered::Unreachable { message }),
            Fault::Away(_) => {
                // A large body may be what breaks the connection off.
                self.batch = (self.batch / 2).max(LEAST_BATCH * 4).min(self.batch);
                None
            }
            Fault::Unwilling(_) | Fault::Stranger(_) => None,
        }
    }

    /// The forge takes no more rows.
    fn closed(&mut self, message: String) -> Option<Delivered> {
        self.intake.rows = Rows::Dropped;
        self.intake.backlog.clear();
        self.log = Log::Closed { message: message.clone() };
        self.log_done(Some(message));
        None
    }

    /// The log is done with; when the job has ended, its result follows.
    fn log_done(&mut self, cut: Option<String>) {
        match std::mem::replace(&mut self.stage, Stage::Running) {
            Stage::Log(ending) => {
                let state = self.intake.board.ended(ending.at, ending.conclusion);
                self.state.backoff.hurry(Instant::now());
                self.stage = Stage::Result { ending: Ending { cut, ..ending }, state };
            }
            stage => self.stage = stage,
        }
    }

    pub(super) fn heard_of_state(&mut self, result: Result<Reported, CallError>) -> Option<Delivered> {
        let now = Instant::now();
        self.state.ended(now);
        let fault = match result {
            Ok(reported) => return self.reported(&reported, now),
            Err(error) => Fault::of(&error),
        };
        self.state.backoff.failed(now, &self.settings.timing);
        self.state.changed();
        let is_ending = matches!(self.stage, Stage::Result { .. });
        match fault {
            Fault::Stranger(message) if self.state.backoff.calls() >= STRANGER => self.refused(message),
            Fault::Gone(message) => self.refused(message),
            fault if is_ending && self.state.backoff.lasted(now) > self.settings.timing.patience => {
                Some(Delivered::Unreachable { message: fault.message() })
            }
            _ => None,
        }
    }

    fn reported(&mut self, reported: &Reported, now: Instant) -> Option<Delivered> {
        let Stage::Result { ending, .. } = &mut self.stage else {
            self.state.backoff.went_well();
            self.rows.backoff.hurry(now);
            if matches!(self.stage, Stage::Running) {
                self.halt(reported.phase.result());
            }
            return None;
        };
        let before = ending.outputs.len();
        ending.outputs.retain(|name, _| !reported.stored_outputs.contains(name));
        if ending.outputs.is_empty() && reported.phase.result().is_some() {
            return Some(ending.cut.take().map_or(Delivered::Whole, |message| Delivered::Cut { message }));
        }
        if ending.outputs.len() < before {
            self.state.backoff.went_well();
            return None;
        }
        // It took the report and not what is in it.
        self.state.backoff.failed(now, &self.settings.timing);
        let message = "the forge does not acknowledge the result or the outputs of the job".to_owned();
        (self.state.backoff.lasted(now) > self.settings.timing.rows_patience).then_some(Delivered::Cut { message })
    }

    /// The forge says how the task stands while the job runs.
    fn halt(&mut self, result: Option<TaskResult>) {
        let halt = match (result, self.settings.dialect) {
            (None, _) => return,
            (Some(TaskResult::Concluded(Conclusion::Cancelled)), _) => Halt::Cancelled,
            // Its own runner takes no notice of these either.
            (Some(TaskResult::Concluded(Conclusion::Success | Conclusion::Skipped)), Dialect::Forgejo) => return,
            (Some(result), _) => Halt::Ended { result },
        };
        self.tell(halt);
    }

    fn refused(&mut self, message: String) -> Option<Delivered> {
        if matches!(self.stage, Stage::Running) {
            self.tell(Halt::Refused { message });
            return None;
        }
        Some(Delivered::Refused { message })
    }

    fn tell(&self, halt: Halt) {
        self.halted.send_if_modified(|said| {
            let is_first = said.is_none();
            said.get_or_insert(halt);
            is_first
        });
    }

    /// What is left on disk once this reporter is over.
    pub(super) fn leave(&mut self, delivered: &Delivered) {
        match delivered {
            Delivered::Whole | Delivered::Cut { .. } | Delivered::Refused { .. } => {
                // Without it there is nothing to remove; what cannot be removed harms nobody.
                let _unused = fs_err::remove_dir_all(&self.settings.spool);
            }
            Delivered::Unreachable { .. } | Delivered::Stopped => {
                let _unused = self.intake.backlog.flush();
            }
        }
    }
}

/// As many outputs as fit into one report, one at least.
fn some_outputs(outputs: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut bytes = 0;
    let fits = |(name, value): &(&String, &String)| {
        let is_first = bytes == 0;
        bytes += name.len() + value.len();
        is_first || bytes <= OUTPUTS_AT_ONCE
    };
    outputs.iter().take_while(fits).map(|(name, value)| (name.clone(), value.clone())).collect()
}
