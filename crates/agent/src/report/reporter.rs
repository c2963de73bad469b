//! The one task that owns everything that a forge hears of a job: takes events, starts calls when they are due, hears what the forge says.
//! Called by whoever looks after a job, through [`Reporter`] and [`ReportHandle`].

use super::backlog::{Backlog, Limits};
use super::board::Board;
use super::calls::Call;
use super::end::{Delivered, End, Halt};
use super::intake::Intake;
use super::links::{RowsLink, StateLink};
use super::record::Records;
use super::settings::ReportSettings;
use super::spool::Spool;
use super::stage::{Log, Stage};
use domain::{JobEvent, TaskState, Timestamp};
use protocol::{CallError, Reported};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// How many events may wait. One of output holds up to 64 KiB, or one line of up to 256 KiB.
const EVENTS_AHEAD: usize = 32;
/// So many bytes these come to at most.
const LATE: usize = EVENTS_AHEAD * 256 * 1024;
/// So many bytes of rows stay in memory after the forge took them.
const KEPT: usize = 512 * 1024;
/// The file of rows in the spool's folder.
pub(super) const ROWS_FILE: &str = "rows";
/// The file of rows that are otherwise only in memory.
pub(super) const MEMORY_FILE: &str = "rows-in-memory";

/// Starts reporting.
#[derive(Debug)]
pub struct Reporter;

/// What the one who looks after a job holds. Dropped without [`ReportHandle::finish`], it ends the reporter and sends nothing final.
#[derive(Debug)]
pub struct ReportHandle {
    halt: watch::Receiver<Option<Halt>>,
    end: oneshot::Sender<Asked>,
    reporter: JoinHandle<Delivered>,
}

/// A task whose job has ended and is on its way to the forge. Goes on by itself when this is dropped.
#[derive(Debug)]
pub struct Delivering(JoinHandle<Delivered>);

/// How the job ended, and who wants to know when that is on disk.
#[derive(Debug)]
struct Asked {
    end: End,
    noted: oneshot::Sender<()>,
}

/// What the folder of the task is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notes {
    /// It is kept up to date, for the agent that starts after a crash.
    Kept,
    /// It holds what a dead agent left, and stays so until all is delivered. The job ended at `ended`, which every agent that tells it says
    /// alike.
    Left { ended: Timestamp },
}

impl Reporter {
    /// Begins to report a task, within a tokio runtime. The sender takes the job's events in order, masked; it waits while too many are
    /// ahead.
    #[must_use]
    pub fn start(settings: ReportSettings) -> (mpsc::Sender<JobEvent>, ReportHandle) {
        let board = Board::new(settings.task, settings.steps, settings.clock.now());
        let backlog = Backlog::after(0, Spool::new(settings.spool.path().join(ROWS_FILE)), limits(&settings));
        start(settings, board, backlog, Notes::Kept)
    }
}

pub(super) fn limits(settings: &ReportSettings) -> Limits {
    Limits { window: settings.timing.window_bytes, kept: KEPT, spool: settings.timing.spool_bytes, late: LATE }
}

/// Starts a reporter of a task that stands so.
pub(super) fn start(
    settings: ReportSettings,
    board: Board,
    backlog: Backlog,
    notes: Notes,
) -> (mpsc::Sender<JobEvent>, ReportHandle) {
    let (events, receiver) = mpsc::channel(EVENTS_AHEAD);
    let (halted, halt) = watch::channel(None);
    let (end, asked) = oneshot::channel();
    let actor = Actor {
        intake: Intake::new(board, backlog, &settings),
        rows: RowsLink::default(),
        state: StateLink::new(Instant::now()),
        batch: settings.timing.body_bytes,
        batch_most: settings.timing.body_bytes_most,
        records: Records::new(settings.spool.clone()),
        settings,
        halted,
        stage: Stage::Running,
        log: Log::Known,
        recorded: None,
        notes,
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
        self.end(end).await.delivered().await
    }

    /// Says how the job ended and waits until that is on disk with all that the forge does not have yet, so that whoever starts after a crash
    /// can tell it as it was. A disk that takes nothing is not waited for.
    pub async fn end(self, end: End) -> Delivering {
        let (noted, is_noted) = oneshot::channel();
        // The reporter may be over: then it says so itself.
        if self.end.send(Asked { end, noted }).is_ok() {
            let _over = is_noted.await;
        }
        Delivering(self.reporter)
    }
}

impl Delivering {
    /// Waits until the forge knows the whole end.
    pub async fn delivered(self) -> Delivered {
        self.0.await.unwrap_or(Delivered::Stopped)
    }
}

/// The reporter. What it sends stands in `sending`, what it makes of answers in `hearing`.
pub(super) struct Actor {
    pub(super) settings: ReportSettings,
    pub(super) intake: Intake,
    pub(super) rows: RowsLink,
    pub(super) state: StateLink,
    /// The largest body of rows now, and the largest that it may grow to.
    pub(super) batch: usize,
    pub(super) batch_most: usize,
    pub(super) halted: watch::Sender<Option<Halt>>,
    pub(super) stage: Stage,
    pub(super) log: Log,
    pub(super) records: Records,
    /// What the folder says of the task.
    pub(super) recorded: Option<TaskState>,
    pub(super) notes: Notes,
}

/// What the reporter waits for.
#[expect(clippy::large_enum_variant, reason = "it lives for one turn of the loop")]
enum Heard {
    Event(Option<JobEvent>),
    End(Option<Asked>),
    Rows(Result<u64, CallError>),
    State(Result<Reported, CallError>),
    Time,
}

/// Where events come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Open,
    Closed,
}

impl Actor {
    async fn run(mut self, mut events: mpsc::Receiver<JobEvent>, mut asked: oneshot::Receiver<Asked>) -> Delivered {
        let mut rows_call: Option<Call<u64>> = None;
        let mut state_call: Option<Call<Reported>> = None;
        let mut source = Source::Open;
        loop {
            let now = Instant::now();
            if rows_call.is_none() && self.rows_due(now).is_some_and(|due| due <= now) {
                rows_call = Some(self.send_rows(now));
            }
            if state_call.is_none() && self.state_due(now) <= now {
                state_call = Some(self.send_state(now));
            }
            let wake = [
                rows_call.is_none().then(|| self.rows_due(now)).flatten(),
                state_call.is_none().then(|| self.state_due(now)),
            ];
            let wake = wake.into_iter().flatten().chain(self.waits_until(now)).min();
            let is_running = matches!(self.stage, Stage::Running);
            let takes = source == Source::Open && self.takes_rows(now);
            let heard = tokio::select! {
                biased;
                result = under_way(&mut rows_call) => Heard::Rows(result),
                result = under_way(&mut state_call) => Heard::State(result),
                end = &mut asked, if is_running => Heard::End(end.ok()),
                event = events.recv(), if takes => Heard::Event(event),
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
                Heard::End(Some(Asked { end, noted })) => {
                    // What was sent before the end belongs to the job.
                    events.close();
                    while let Some(event) = events.recv().await {
                        self.take(event);
                    }
                    source = Source::Closed;
                    self.end(end);
                    // Whoever asked may be gone.
                    let _gone = noted.send(());
                    None
                }
                Heard::Rows(result) => {
                    rows_call = None;
                    self.rows.ends();
                    self.heard_of_rows(result)
                }
                Heard::State(result) => {
                    state_call = None;
                    self.heard_of_state(result)
                }
                Heard::Time => None,
            };
            if let Some(delivered) = over {
                self.leave(&delivered);
                return delivered;
            }
        }
    }

    fn take(&mut self, event: JobEvent) {
        let taken = self.intake.take(event);
        if taken.rows {
            self.rows.said(Instant::now());
        }
        if taken.state {
            self.state.changed();
        }
    }
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
