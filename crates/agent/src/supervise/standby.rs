//! A job's process that waits for its order with a sandbox made ahead: started a moment after a job began, kept while more work is likely,
//! given to the next job, which it alone serves. One loop; `run` starts it, `child` takes from it.

use super::process::{self, Started};
use crate::job::wire;
use crate::job::{Ahead, ToJob};
use crate::settings::{JobProgram, StandbyTimes};
use crate::stop::{Stop, Stopper};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// Where a process that waits is asked for. The loop ends when all of these are gone.
#[derive(Debug)]
pub(crate) struct Standby(mpsc::UnboundedSender<Ask>);

#[derive(Debug)]
enum Ask {
    /// One that waits, if there is one.
    Take(oneshot::Sender<Option<Started>>),
    /// A job began; the next one will probably want this.
    Expect(Box<Ahead>),
}

/// What waits.
#[derive(Debug)]
enum State {
    Nothing,
    /// A process is to be started: not at once, the job that has just begun needs the machine.
    Due {
        at: Instant,
        ahead: Box<Ahead>,
    },
    /// It waits, for so long.
    Waits {
        started: Box<Started>,
        ahead: Box<Ahead>,
        until: Instant,
    },
}

impl Standby {
    /// Starts the loop, within a tokio runtime.
    pub(crate) fn start(program: JobProgram, times: StandbyTimes, stop: Stopper) -> (Self, JoinHandle<()>) {
        let (asks, asked) = mpsc::unbounded_channel();
        (Self(asks), tokio::spawn(serve(program, times, stop, asked)))
    }

    /// The process that waits, if one does.
    pub(super) async fn take(&self) -> Option<Started> {
        let (to, taken) = oneshot::channel();
        self.0.send(Ask::Take(to)).ok()?;
        taken.await.ok().flatten()
    }

    /// A job began; the next one will probably want this.
    pub(super) fn expect(&self, ahead: Ahead) {
        // The loop ends when the agent takes no more jobs.
        let _over = self.0.send(Ask::Expect(Box::new(ahead)));
    }
}

async fn serve(program: JobProgram, times: StandbyTimes, stop: Stopper, mut asked: mpsc::UnboundedReceiver<Ask>) {
    let mut state = State::Nothing;
    // Nobody who asks waits for one that is leaving.
    let mut leaving = JoinSet::new();
    loop {
        let wake = match &state {
            State::Nothing => None,
            State::Due { at, .. } => Some(*at),
            State::Waits { until, .. } => Some(*until),
        };
        let ask = tokio::select! {
            ask = asked.recv() => match ask {
                Some(ask) => Some(ask),
                None => break,
            },
            () = until(wake) => None,
            () = stop.reached(Stop::Drain) => break,
        };
        state = match (ask, state) {
            (Some(Ask::Take(to)), State::Waits { mut started, .. }) => {
                let alive = started.is_there().then_some(*started);
                if let Err(Some(unwanted)) = to.send(alive) {
                    leaving.spawn(unwanted.dismiss());
                }
                State::Nothing
            }
            (Some(Ask::Take(to)), state) => {
                let _gone = to.send(None);
                state
            }
            (Some(Ask::Expect(ahead)), State::Waits { started, ahead: known, .. }) if ahead == known => {
                State::Waits { started, ahead, until: Instant::now() + times.keep }
            }
            (Some(Ask::Expect(ahead)), State::Due { at, .. }) => State::Due { at, ahead },
            (Some(Ask::Expect(ahead)), state) => {
                dismiss(state, &mut leaving);
                State::Due { at: Instant::now() + times.pause, ahead }
            }
            (None, State::Due { ahead, .. }) => {
                let made = tokio::select! {
                    made = make_ready(&program, &ahead) => made,
                    () = stop.reached(Stop::Drain) => {
                        state = State::Nothing;
                        break;
                    }
                };
                match made {
                    Ok(started) => {
                        State::Waits { started: Box::new(started), ahead, until: Instant::now() + times.keep }
                    }
                    Err(error) => {
                        tracing::debug!("no job's process waits for its order: {error}");
                        State::Nothing
                    }
                }
            }
            (None, state) => {
                dismiss(state, &mut leaving);
                State::Nothing
            }
        };
        while leaving.try_join_next().is_some() {}
    }
    dismiss(state, &mut leaving);
    while leaving.join_next().await.is_some() {}
}

async fn make_ready(program: &JobProgram, ahead: &Ahead) -> std::io::Result<Started> {
    let line = wire::line(&ToJob::Ahead(Box::new(ahead.clone())))?;
    let mut started = process::start(program, Some(ahead)).await?;
    started.tell(&line).await?;
    Ok(started)
}

fn dismiss(state: State, leaving: &mut JoinSet<()>) {
    if let State::Waits { started, .. } = state {
        leaving.spawn(started.dismiss());
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
