//! What the reporter makes of the forge's answers: while a job runs, and up to the end of its task. Calls are made in `sending`.

use super::calls::Fault;
use super::end::{Delivered, Halt};
use super::intake::Rows;
use super::reporter::Actor;
use super::stage::{Ending, Log, Sent, Stage};
use domain::{Conclusion, TaskResult};
use protocol::{CallError, Dialect, Reported};
use std::time::Duration;
use tokio::time::Instant;

/// A key is believed to be bad when the forge said so this often, one after the other.
pub(super) const STRANGER: u32 = 3;
/// The smallest body of rows that is tried.
const LEAST_BATCH: usize = 32 * 1024;
/// A body that took no longer is followed by a larger one.
const QUICK: Duration = Duration::from_millis(500);

impl Actor {
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
            // A dead agent's last batch was taken, and nothing was said since.
            Fault::Filed(_) if is_ending && self.intake.backlog.is_empty() => {
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
    pub(super) fn log_done(&mut self, cut: Option<String>) {
        match std::mem::replace(&mut self.stage, Stage::Running) {
            Stage::Log(ending) => {
                let state = self.intake.board.ended(ending.at, ending.conclusion);
                self.state.backoff.hurry(Instant::now());
                self.stage = Stage::Result { ending: Ending { cut, ..ending }, state, sent: Sent::No };
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
        if let (Stage::Result { sent: sent @ Sent::Yes, .. }, Fault::Away(_)) = (&mut self.stage, &fault) {
            *sent = Sent::Perhaps;
        }
        match fault {
            // A forge forgets an ephemeral runner with its result: it arrived, and its answer was lost.
            Fault::Stranger(_) if matches!(self.stage, Stage::Result { sent: Sent::Perhaps, .. }) => self.arrived(),
            Fault::Stranger(message) if self.state.backoff.calls() >= STRANGER => self.refused(message),
            Fault::Gone(message) => self.refused(message),
            fault if is_ending && self.state.backoff.lasted(now) > self.settings.timing.patience => {
                Some(Delivered::Unreachable { message: fault.message() })
            }
            _ => None,
        }
    }

    fn reported(&mut self, reported: &Reported, now: Instant) -> Option<Delivered> {
        let Stage::Result { ending, sent, .. } = &mut self.stage else {
            self.state.backoff.went_well();
            self.rows.backoff.hurry(now);
            if matches!(self.stage, Stage::Running) {
                self.halt(reported.phase.result());
            }
            return None;
        };
        let before = ending.outputs.len();
        ending.outputs.retain(|name, _| !reported.stored_outputs.contains(name));
        let told = *sent;
        let has_result = reported.phase.result().is_some() && matches!(told, Sent::Yes | Sent::Perhaps);
        if ending.outputs.is_empty() && has_result {
            return self.arrived();
        }
        if ending.outputs.len() < before || told == Sent::No {
            self.state.backoff.went_well();
            return None;
        }
        // It took the report and not what is in it.
        self.state.backoff.failed(now, &self.settings.timing);
        let message = "the forge does not acknowledge the result or the outputs of the job".to_owned();
        (self.state.backoff.lasted(now) > self.settings.timing.rows_patience).then_some(Delivered::Cut { message })
    }

    /// The forge has the result.
    fn arrived(&mut self) -> Option<Delivered> {
        let Stage::Result { ending, .. } = &mut self.stage else { return None };
        Some(ending.cut.take().map_or(Delivered::Whole, |message| Delivered::Cut { message }))
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
                self.settings.spool.let_go();
            }
            Delivered::Unreachable { .. } | Delivered::Stopped => {
                let _unused = self.intake.backlog.flush();
            }
        }
    }
}
