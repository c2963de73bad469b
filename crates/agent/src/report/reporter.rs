//! The one task that owns everything that a forge hears of a job: takes events, starts calls when they are due, hears what the forge says.

use super::backlog::{Ack, Backlog};
use super::board::{Board, Owner};
use super::calls::{self, Call, Fault};
use super::end::{Delivered, End, Halt};
use super::links::{RowsLink, StateLink, Waiting};
use super::rows::Chunk;
use super::settings::ReportSettings;
use domain::{Conclusion, JobEvent, JobEventKind, LogEnd, TaskResult, TaskState, Timestamp};
use protocol::{CallError, Dialect, PackedBatch, Reported, quirks};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// How many events may wait. One of output holds up to 64 KiB.
const EVENTS_AHEAD: usize = 64;
/// A key is believed to be bad when the forge said so this often, one after the other.
pub(super) const STRANGER: u32 = 3;
/// The last batch of a log is sent again as it is until it is taken, so it is kept small.
const LAST_BATCH: usize = 256 * 1024;
/// Outputs larger than this together go out before the result does, in several reports: a proxy may take 1 MiB.
const OUTPUTS_AT_ONCE: usize = 512 * 1024;

/// Starts reporting.
#[derive(Debug)]
pub struct Reporter;

/// What the one who looks after a job holds. Dropped without [`ReportHandle::finish`], it ends the reporter and sends nothing final.
#[derive(Debug)]
pub struct ReportHandle {
    halt: watch::Receiver<Option<Halt>>,
    end: oneshot::Sender<End>,
    reporter: JoinHandle<Delivered>,
}

impl Reporter {
    /// Begins to report a task, within a tokio runtime. The sender takes the job's events in order, masked; it waits while too many are
    /// ahead.
    #[must_use]
    pub fn start(settings: ReportSettings) -> (mpsc::Sender<JobEvent>, ReportHandle) {
        let board = Board::new(settings.task, settings.steps, settings.clock.now());
        start(settings, board, 0)
    }
}

/// Starts a reporter of a task that stands so, and of whose log the forge has so many rows.
pub(super) fn start(settings: ReportSettings, board: Board, rows: u64) -> (mpsc::Sender<JobEvent>, ReportHandle) {
    let (events, receiver) = mpsc::channel(EVENTS_AHEAD);
    let (halted, halt) = watch::channel(None);
    let (end, asked) = oneshot::channel();
    let actor = Actor {
        board,
        backlog: Backlog::after(rows),
        rows: RowsLink::default(),
        state: StateLink::new(Instant::now()),
        batch: settings.timing.body_bytes,
        settings,
        halted,
        stage: Stage::Running,
        log: Log::Known,
        outputs: BTreeMap::new(),
    };
    (events, ReportHandle { halt, end, reporter: tokio::spawn(actor.run(receiver, asked)) })
}

impl ReportHandle {
    /// Waits until the forge wants the job to stop. Never ends where it does not.
    pub async fn cancelled(&self) -> Halt {
        let mut halt = self.halt.clone();
        let said = halt.wait_for(Option::is_some).await.ok().and_then(|said| said.clone());
        match said {
            Some(halt) => halt,
            None => std::future::pending().await,
        }
    }

    /// Says how the job ended and waits until the forge knows it: what was sent before, the rest of the log, the result, the outputs.
    /// Goes on by itself when this is not waited for.
    pub async fn finish(self, end: End) -> Delivered {
        // The reporter may be over: then it says so itself.
        let _over = self.end.send(end);
        self.reporter.await.unwrap_or(Delivered::Stopped)
    }
}

/// Where a task is, as the reporter sees it.
#[derive(Debug)]
enum Stage {
    /// The job runs.
    Running,
    /// The job ended; its last rows are on their way.
    Log(Ending),
    /// The log is done with; the result is on its way.
    Result { ending: Ending, state: TaskState },
}

/// The end of a task.
#[derive(Debug)]
struct Ending {
    conclusion: Conclusion,
    at: Timestamp,
    /// Those that the forge has not acknowledged.
    outputs: BTreeMap<String, String>,
    /// What the forge said to rows that it did not take.
    cut: Option<String>,
}

/// What is known of the forge's log.
#[derive(Debug)]
enum Log {
    /// How many rows it has.
    Known,
    /// The last call failed: it may have its rows or not.
    Unknown,
    /// This last batch was sent; it is repeated as it is until it is taken.
    Last(PackedBatch),
}

struct Actor {
    settings: ReportSettings,
    board: Board,
    backlog: Backlog,
    rows: RowsLink,
    state: StateLink,
    /// The largest body of rows now.
    batch: usize,
    halted: watch::Sender<Option<Halt>>,
    stage: Stage,
    log: Log,
    /// The outputs of the job, once it is finished.
    outputs: BTreeMap<String, String>,
}

/// What the reporter waits for.
enum Heard {
    Event(Option<JobEvent>),
    End(Option<End>),
    Rows(Result<u64, CallError>),
    State(Result<Reported, CallError>),
    Time,
}

impl Actor {
    async fn run(mut self, mut events: mpsc::Receiver<JobEvent>, mut asked: oneshot::Receiver<End>) -> Delivered {
        let mut rows_call: Option<Call<u64>> = None;
        let mut state_call: Option<Call<Reported>> = None;
        let mut source = Source::Open;
        loop {
            let now = Instant::now();
            if rows_call.is_none() && self.rows_due(now).is_some_and(|due| due <= now) {
                rows_call = self.send_rows(now);
            }
            if state_call.is_none() && self.state_due(now) <= now {
                state_call = Some(self.send_state(now));
            }
            let wake = [
                rows_call.is_none().then(|| self.rows_due(now)).flatten(),
                state_call.is_none().then(|| self.state_due(now)),
            ];
            let wake = wake.into_iter().flatten().min();
            let is_running = matches!(self.stage, Stage::Running);
            let has_room = self.backlog.bytes() < self.settings.timing.window_bytes;
            let heard = tokio::select! {
                result = under_way(&mut rows_call) => Heard::Rows(result),
                result = under_way(&mut state_call) => Heard::State(result),
                end = &mut asked, if is_running => Heard::End(end.ok()),
                event = events.recv(), if has_room && source == Source::Open => Heard::Event(event),
                () = at(wake) => Heard::Time,
            };
            let over = match heard {
                Heard::Event(Some(event)) => {
                    self.take(event);
                    None
                }
                Heard::Event(None) => {
                    source = Source::Closed;
                    None
                }
                Heard::End(None) => Some(Delivered::Stopped),
                Heard::End(Some(end)) => {
                    // What was sent before the end belongs to the job.
                    events.close();
                    while let Some(event) = events.recv().await {
                        self.take(event);
                    }
                    self.end(end);
                    None
                }
                Heard::Rows(result) => {
                    rows_call = None;
                    self.heard_of_rows(result)
                }
                Heard::State(result) => {
                    state_call = None;
                    self.heard_of_state(result)
                }
                Heard::Time => None,
            };
            if let Some(delivered) = over {
                return delivered;
            }
        }
    }

    fn take(&mut self, event: JobEvent) {
        match event.kind {
            JobEventKind::Output { step, text } => self.say(self.board.owner(step), event.at, text),
            JobEventKind::JobFinished { outputs, .. } => self.outputs = outputs,
            kind => {
                if self.board.note(event.at, &kind, self.backlog.end()) {
                    self.state.changed();
                }
            }
        }
    }

    fn say(&mut self, owner: Owner, at: Timestamp, text: Arc<str>) {
        let Some(chunk) = Chunk::new(at, text) else { return };
        let rows = chunk.rows();
        let from = self.backlog.push(chunk);
        self.board.said(owner, from, rows);
        self.rows.said(Instant::now());
    }

    fn end(&mut self, end: End) {
        let at = self.settings.clock.now();
        let (conclusion, outputs) = match end {
            End::Concluded { conclusion } => (conclusion, std::mem::take(&mut self.outputs)),
            End::Fault { text } => {
                let lines: String = text.lines().map(|line| format!("##[error]{line}\n")).collect();
                self.say(Owner::Job, at, lines.into());
                (Conclusion::Failure, BTreeMap::new())
            }
        };
        let (outputs, dropped) = quirks::storable_outputs(outputs);
        for name in dropped {
            let name = name.get(..name.floor_char_boundary(80)).unwrap_or_default();
            let line = format!(
                "##[warning]The output '{name}' is not stored: a forge takes names up to 255 bytes and values up to 1 MiB.\n"
            );
            self.say(Owner::Job, at, line.into());
        }
        self.stage = Stage::Log(Ending { conclusion, at, outputs, cut: None });
    }

    fn rows_due(&self, now: Instant) -> Option<Instant> {
        let waiting = match self.stage {
            Stage::Running if self.backlog.is_empty() => Waiting::Nothing,
            Stage::Running => Waiting::Bytes(self.backlog.bytes()),
            Stage::Log(_) => Waiting::End,
            Stage::Result { .. } => Waiting::Nothing,
        };
        self.rows.due(now, waiting, &self.settings.timing)
    }

    fn state_due(&self, now: Instant) -> Instant {
        match self.stage {
            Stage::Running | Stage::Log(_) => self.state.due(&self.settings.timing),
            Stage::Result { .. } => self.state.backoff.until().unwrap_or(now),
        }
    }

    fn send_rows(&mut self, now: Instant) -> Option<Call<u64>> {
        self.rows.starts(now);
        let batch = self.next_batch();
        Some(calls::rows(&self.settings, batch))
    }

    /// The forges file a log away only with a last call that brings a row which they do not have (Gitea before 1.26.2, Forgejo): so the last
    /// batch is made when it is known what they have, and then stays as it is.
    fn next_batch(&mut self) -> PackedBatch {
        if let Log::Last(batch) = &self.log {
            return batch.clone();
        }
        let writer = self.backlog.pack(self.settings.task, self.batch);
        let holds_all = writer.rows() == self.backlog.rows();
        match (&self.stage, &self.log) {
            (Stage::Log(ending), Log::Known) if holds_all && writer.len() <= LAST_BATCH => {
                let batch = quirks::last_packed(writer, ending.at);
                self.log = Log::Last(batch.clone());
                batch
            }
            _ => writer.finish(LogEnd::Open),
        }
    }

    fn send_state(&mut self, now: Instant) -> Call<Reported> {
        self.state.starts(now);
        let (state, outputs) = match &self.stage {
            Stage::Running | Stage::Log(_) => (self.board.running(), BTreeMap::new()),
            Stage::Result { ending, state } => {
                let some = some_outputs(&ending.outputs);
                // The result goes out with the last of them: jobs that wait for it find them all.
                let state = if some.len() < ending.outputs.len() { self.board.running() } else { state.clone() };
                (state, some)
            }
        };
        calls::state(&self.settings, state, outputs)
    }

    fn heard_of_rows(&mut self, result: Result<u64, CallError>) -> Option<Delivered> {
        let now = Instant::now();
        let fault = match result {
            Ok(rows) => {
                self.rows.backoff.went_well();
                let is_filed = matches!(&self.log, Log::Last(batch) if rows >= batch.end());
                if let Ack::Lost { .. } = self.backlog.ack(rows) {
                    return self.log_done(Some(format!("the forge lost rows that it had: it has {rows}")));
                }
                if is_filed {
                    return self.log_done(None);
                }
                self.log = Log::Known;
                return None;
            }
            Err(error) => Fault::of(&error),
        };
        self.rows.backoff.failed(now, &self.settings.timing);
        if !matches!(self.log, Log::Last(_)) {
            self.log = Log::Unknown;
        }
        let is_ending = matches!(self.stage, Stage::Log(_));
        match fault {
            Fault::Stranger(_) if self.rows.backoff.calls() < STRANGER => None,
            Fault::Stranger(message) | Fault::Gone(message) => self.refused(message),
            Fault::TooLarge(message) if self.batch <= 16 * 1024 => self.log_done(Some(message)),
            Fault::TooLarge(_) => {
                self.batch /= 2;
                self.log = Log::Known;
                None
            }
            Fault::Filed(message) => self.log_done(Some(message)),
            Fault::Unwilling(message)
                if is_ending && self.rows.backoff.lasted(now) > self.settings.timing.rows_patience =>
            {
                self.log_done(Some(message))
            }
            Fault::Away(message) if is_ending && self.rows.backoff.lasted(now) > self.settings.timing.patience => {
                Some(Delivered::Unreachable { message })
            }
            Fault::Unwilling(_) | Fault::Away(_) => None,
        }
    }

    /// No more rows will be sent.
    fn log_done(&mut self, cut: Option<String>) -> Option<Delivered> {
        if let Stage::Log(ending) = std::mem::replace(&mut self.stage, Stage::Running) {
            let state = self.board.ended(ending.at, ending.conclusion);
            self.stage = Stage::Result { ending: Ending { cut, ..ending }, state };
        }
        None
    }

    fn heard_of_state(&mut self, result: Result<Reported, CallError>) -> Option<Delivered> {
        let now = Instant::now();
        self.state.ended(now);
        let fault = match result {
            Ok(reported) => {
                if !matches!(self.stage, Stage::Result { .. }) {
                    self.state.backoff.went_well();
                }
                return self.reported(&reported);
            }
            Err(error) => Fault::of(&error),
        };
        self.state.backoff.failed(now, &self.settings.timing);
        self.state.changed();
        let is_ending = !matches!(self.stage, Stage::Running);
        match fault {
            Fault::Stranger(_) if self.state.backoff.calls() < STRANGER => None,
            Fault::Stranger(message) | Fault::Gone(message) => self.refused(message),
            fault if is_ending && self.state.backoff.lasted(now) > self.settings.timing.patience => {
                Some(Delivered::Unreachable { message: fault.message() })
            }
            _ => None,
        }
    }

    fn reported(&mut self, reported: &Reported) -> Option<Delivered> {
        let Stage::Result { ending, .. } = &mut self.stage else {
            self.halt(reported.phase.result());
            return None;
        };
        let before = ending.outputs.len();
        ending.outputs.retain(|name, _| !reported.stored_outputs.contains(name));
        if ending.outputs.is_empty() && reported.phase.result().is_some() {
            return Some(match ending.cut.take() {
                None => Delivered::Whole,
                Some(message) => Delivered::Cut { message },
            });
        }
        if ending.outputs.len() < before {
            self.state.backoff.went_well();
            return None;
        }
        // It took the report and not what is in it.
        let now = Instant::now();
        self.state.backoff.failed(now, &self.settings.timing);
        (self.state.backoff.lasted(now) > self.settings.timing.patience)
            .then(|| Delivered::Cut { message: "the forge does not acknowledge the result or its outputs".to_owned() })
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Open,
    Closed,
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

async fn under_way<T>(call: &mut Option<Call<T>>) -> Result<T, CallError> {
    match call {
        Some(call) => call.await,
        None => std::future::pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
