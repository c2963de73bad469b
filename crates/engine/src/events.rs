//! The typed stream of a job: where the engine puts what it has to say. Readers are the terminal view, JSON lines, uploads.

use domain::{Clock, JobEvent, JobEventKind, JobId};
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many events may wait for a slow reader before the job waits for it. One of output holds up to 64 KiB, or one
/// line of up to 256 KiB, so this bounds memory.
pub const EVENTS_AHEAD: usize = 64;

/// The bounded channel of a run: a slow reader slows the jobs down and never loses an event.
#[must_use]
pub fn channel() -> (mpsc::Sender<JobEvent>, mpsc::Receiver<JobEvent>) {
    mpsc::channel(EVENTS_AHEAD)
}

/// Where one job puts its events. Cheap to clone. What goes in is already masked.
#[derive(Debug, Clone)]
pub struct EventSink {
    job: JobId,
    clock: Arc<dyn Clock>,
    sender: mpsc::Sender<JobEvent>,
}

impl EventSink {
    /// A sink for one job of a run.
    #[must_use]
    pub const fn new(job: JobId, clock: Arc<dyn Clock>, sender: mpsc::Sender<JobEvent>) -> Self {
        Self { job, clock, sender }
    }

    /// Puts one event on the stream; waits while the reader is [`EVENTS_AHEAD`] behind. When the reader is gone, the event is
    /// dropped: a job ends properly even if nobody looks.
    pub async fn emit(&self, kind: JobEventKind) {
        let event = JobEvent { job: self.job.clone(), at: self.clock.now(), kind };
        // The only error is a reader that went away.
        let _gone = self.sender.send(event).await;
    }
}
