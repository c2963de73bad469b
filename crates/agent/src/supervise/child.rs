//! The process of one job: fed its order, read to its end. Whatever it does, [`run`] answers how the attempt ended. Its sandbox cleans up
//! after it when it is killed.

use super::Supervisor;
use super::lines::Lines;
use super::process::{self, Started};
use super::voice::Voice;
use crate::job::child::ahead_of;
use crate::job::payload::Outline;
use crate::job::wire::{self, Ended, FromJob, ToJob};
use crate::job::{Ahead, JobOrder};
use crate::stop::{Stop, Stopper};
use domain::{AttemptChange, Clock, Conclusion, JobEvent, JobEventKind, StopCause, SystemClock, TaskId};
use std::pin::Pin;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe::Sender;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long a process may take to be gone after it said how the job ended.
const LEAVE: Duration = Duration::from_secs(30);
/// How long its pipe may stay open after it is gone: others may hold it.
const REST: Duration = Duration::from_secs(1);
/// Beyond the job's own longest time, which the process keeps to by itself.
const OVERTIME: Duration = Duration::from_secs(10 * 60);
/// How much of a line of its talk is kept.
const TALK_MAX: usize = 2048;

/// How it ended.
#[derive(Debug)]
pub(super) enum ChildEnd {
    /// It said how.
    Concluded(Conclusion),
    /// It could not be started, died, or spoke nonsense.
    Fault(String),
    /// The agent is being killed, and it was killed first.
    Killed,
}

/// What its output came to.
#[derive(Debug)]
enum Reading {
    Ended(Ended),
    /// The pipe ended before anything was said: the process has not begun.
    Silent,
    /// The pipe ended before.
    Cut,
    /// Something that is not of the protocol, or the pipe failed.
    Nonsense(String),
}

/// Why it is killed.
#[derive(Debug, Clone, Copy)]
enum Kill {
    /// It did not stop when it was told to.
    Deaf,
    /// The job's longest time is long over.
    Late,
}

/// What one process came to.
#[derive(Debug)]
enum Served {
    Ended(ChildEnd),
    /// It ended before it said that it begins, and nobody had asked it to: nothing of the job has run.
    NotBegun(ChildEnd),
}

/// What a process is given.
struct Work {
    task: TaskId,
    /// The order's line.
    line: Vec<u8>,
    events: mpsc::Sender<JobEvent>,
    /// When it is killed at last.
    latest: Instant,
}

/// Runs the job of an order to its end. `halted` resolves when the forge wants it to stop.
pub(super) async fn run(
    supervisor: &Supervisor,
    (order, outline): (JobOrder, Outline),
    events: mpsc::Sender<JobEvent>,
    halted: impl Future<Output = StopCause>,
    voice: &Voice,
    stop: &Stopper,
) -> ChildEnd {
    let task = order.task.id;
    let latest = Instant::now() + order.settings.timeout + supervisor.grace + OVERTIME;
    let ahead = ahead_of(&order, &outline);
    let line = match wire::line(&ToJob::Order(Box::new(order))) {
        Ok(line) => line,
        Err(error) => return ChildEnd::Fault(format!("the job's order cannot be written: {error}")),
    };
    let (started, has_waited) = match take_or_start(supervisor, ahead.as_ref(), stop).await {
        Ok(started) => started,
        Err(end) => return end,
    };
    // It has no order yet: before the first instruction of the job, the journal knows that there may have been one.
    voice.notes(AttemptChange::Started { at: SystemClock.now() }).await;
    let mut halted = std::pin::pin!(halted);
    let work = Work { task, line, events, latest };
    if let (Some(standby), Some(next)) = (&supervisor.standby, &ahead) {
        standby.expect(next.clone());
    }
    match serve(supervisor, started, &work, halted.as_mut(), voice, stop).await {
        Served::Ended(end) => end,
        // It died as it waited, unseen until now. A fresh one that cannot begin would not be the last.
        Served::NotBegun(_) if has_waited => {
            tracing::warn!(%task, "the process that waited was dead when its order came; another one is started");
            let started = match start(supervisor, ahead.as_ref(), stop).await {
                Ok(started) => started,
                Err(end) => return end,
            };
            match serve(supervisor, started, &work, halted, voice, stop).await {
                Served::Ended(end) | Served::NotBegun(end) => end,
            }
        }
        Served::NotBegun(end) => end,
    }
}

/// A process for an order, and whether it has waited for one.
async fn take_or_start(
    supervisor: &Supervisor,
    ahead: Option<&Ahead>,
    stop: &Stopper,
) -> Result<(Started, bool), ChildEnd> {
    if let Some(standby) = &supervisor.standby {
        let waiting = tokio::select! {
            waiting = standby.take() => waiting,
            () = stop.reached(Stop::Kill) => return Err(ChildEnd::Killed),
        };
        if let Some(waiting) = waiting {
            return Ok((waiting, true));
        }
    }
    start(supervisor, ahead, stop).await.map(|started| (started, false))
}

/// Starts a process. A cancellation waits until that is done: whoever starts processes answers within seconds or is not waited for.
async fn start(supervisor: &Supervisor, ahead: Option<&Ahead>, stop: &Stopper) -> Result<Started, ChildEnd> {
    let started = tokio::select! {
        started = process::start(&supervisor.program, ahead) => started,
        () = stop.reached(Stop::Kill) => return Err(ChildEnd::Killed),
    };
    started.map_err(|error| {
        let program = supervisor.program.program.display();
        ChildEnd::Fault(format!("the job's process {program} cannot be started: {error}"))
    })
}

/// Gives a process its order and sees it through.
async fn serve(
    supervisor: &Supervisor,
    started: Started,
    Work { task, line, events, latest }: &Work,
    mut halted: Pin<&mut impl Future<Output = StopCause>>,
    voice: &Voice,
    stop: &Stopper,
) -> Served {
    let (task, latest) = (*task, *latest);
    let Started { mut process, stdin, stdout, stderr } = started;
    let talk = tokio::spawn(async move {
        let mut lines = Lines::new(BufReader::new(stderr));
        while let Ok(Some(line)) = lines.next().await {
            let line = String::from_utf8_lossy(&line[..line.len().min(TALK_MAX)]);
            tracing::warn!(%task, "the job's process says: {line}");
        }
    });
    let (to_job, orders) = mpsc::channel::<Vec<u8>>(2);
    // The first line has room, and the second too.
    let _ = to_job.try_send(line.clone());
    let writer = tokio::spawn(write(stdin, orders));

    let mut reading = std::pin::pin!(read(stdout, events));
    let (mut is_asked, mut kill, mut deadline) = (false, None, latest);
    let outcome = loop {
        tokio::select! {
            reading = &mut reading => break (reading, None),
            status = process.ended() => {
                // What it wrote before is still in the pipe.
                let rest = tokio::time::timeout(REST, &mut reading).await.unwrap_or(Reading::Cut);
                break (rest, status.ok());
            }
            by = async {
                tokio::select! {
                    by = &mut halted => by,
                    () = stop.reached(Stop::Cancel) => StopCause::Agent,
                }
            }, if !is_asked => {
                is_asked = true;
                voice.says(AttemptChange::StopAsked { by });
                if let Ok(line) = wire::line(&ToJob::Cancel) {
                    let _ = to_job.try_send(line);
                }
                deadline = latest.min(Instant::now() + supervisor.grace);
            }
            () = stop.reached(Stop::Kill) => {
                process::end(&mut *process).await;
                writer.abort();
                return Served::Ended(ChildEnd::Killed);
            }
            () = tokio::time::sleep_until(deadline), if kill.is_none() => {
                kill = Some(if is_asked { Kill::Deaf } else { Kill::Late });
                // Its pipe ends with it, which is heard above.
                let _ = process.kill();
            }
        }
    };
    // The end of its input is the sign to leave, for one that is still there.
    drop(to_job);
    writer.abort();
    let (reading, status) = outcome;
    let status = match (status, &reading) {
        (Some(status), _) => Some(status),
        // Whatever it is, it is no process of a job any more.
        (None, Reading::Nonsense(_)) => process::end(&mut *process).await,
        (None, Reading::Ended(_) | Reading::Silent | Reading::Cut) => {
            match tokio::time::timeout(LEAVE, process.ended()).await {
                Ok(status) => status.ok(),
                Err(_) => {
                    tracing::warn!(%task, "the job's process does not leave and is killed");
                    process::end(&mut *process).await
                }
            }
        }
    };
    // Somebody else may hold its pipe.
    if tokio::time::timeout(REST, talk).await.is_err() {
        tracing::debug!(%task, "the talk of the job's process has no end");
    }
    let is_silent = matches!(reading, Reading::Silent);
    let end = conclude(reading, kill, status);
    if is_silent && !is_asked && kill.is_none() { Served::NotBegun(end) } else { Served::Ended(end) }
}

fn conclude(reading: Reading, kill: Option<Kill>, status: Option<ExitStatus>) -> ChildEnd {
    let how = status.map_or_else(|| "in an unknown way".to_owned(), |status| status.to_string());
    match (reading, kill) {
        (Reading::Ended(Ended { conclusion, fault: None }), _) => ChildEnd::Concluded(conclusion),
        (Reading::Ended(Ended { fault: Some(text), .. }), _) => ChildEnd::Fault(text),
        (_, Some(Kill::Deaf)) => {
            ChildEnd::Fault("the job's process did not stop in time when it was told to, and was killed".to_owned())
        }
        (_, Some(Kill::Late)) => {
            ChildEnd::Fault("the job's process did not end with the job's longest time, and was killed".to_owned())
        }
        (Reading::Silent | Reading::Cut, None) => ChildEnd::Fault(format!(
            "the job's process ended ({how}) before the job did; see the agent's log on its machine"
        )),
        (Reading::Nonsense(what), None) => {
            ChildEnd::Fault(format!("the job's process said something that is not of the protocol: {what}"))
        }
    }
}

/// Writes what comes; a process that does not read any more is heard of by its end.
async fn write(mut to: Sender, mut lines: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        if to.write_all(&line).await.is_err() {
            return;
        }
    }
}

/// Reads what the process says and hands it on, no faster than it is taken.
async fn read(from: impl AsyncRead + Unpin, events: &mpsc::Sender<JobEvent>) -> Reading {
    let mut lines = Lines::new(BufReader::with_capacity(128 * 1024, from));
    let mut end = Reading::Silent;
    loop {
        let line = match lines.next().await {
            Ok(Some(line)) => line,
            Ok(None) => return end,
            Err(error) => return Reading::Nonsense(error.to_string()),
        };
        end = Reading::Cut;
        match wire::read::<FromJob>(line) {
            Ok(FromJob::Begins) => {}
            Ok(FromJob::Event(event)) => {
                // The reporter may have given the task up; the process is told by `halted`.
                let _ = events.send(event).await;
            }
            Ok(FromJob::Output { job, at, step, bytes }) => match lines.text(bytes).await {
                Ok(Some(text)) => {
                    let _ = events.send(JobEvent { job, at, kind: JobEventKind::Output { step, text } }).await;
                }
                Ok(None) => return end,
                Err(error) => return Reading::Nonsense(error.to_string()),
            },
            Ok(FromJob::Ended(ended)) => return Reading::Ended(ended),
            Err(error) => return Reading::Nonsense(error.to_string()),
        }
    }
}
