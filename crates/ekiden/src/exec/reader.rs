//! The thread that reads the events of a run and shows them; and how the streams of several workflows become one.

use crate::view::{RunRecord, View};
use domain::{JobEvent, JobEventKind, JobId};
use std::io;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

/// How often a view that wants it is drawn although nothing happened.
const TICK: Duration = Duration::from_millis(40);

/// What the thread has at the end.
#[derive(Debug)]
pub(crate) struct Read<V> {
    /// Everything that was said.
    pub(crate) record: RunRecord,
    /// The view, to say the last words.
    pub(crate) view: V,
    /// What went wrong with showing it; the record is whole all the same.
    pub(crate) shown: io::Result<()>,
}

/// The reading thread.
#[derive(Debug)]
pub(crate) struct Reader<V> {
    thread: JoinHandle<Read<V>>,
}

impl<V: View + 'static> Reader<V> {
    /// Starts it. `on_closed` is called once when nobody reads stdout any more.
    pub(crate) fn start(
        view: V,
        mut events: mpsc::Receiver<JobEvent>,
        on_closed: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let thread = std::thread::Builder::new().name("view".to_owned()).spawn(move || {
            let mut read = Read { record: RunRecord::default(), view, shown: Ok(()) };
            let mut on_closed = Some(on_closed);
            read.all(&mut events, &mut || {
                if let Some(tell) = on_closed.take() {
                    tell();
                }
            });
            read
        })?;
        Ok(Self { thread })
    }

    /// Waits until the stream has ended.
    pub(crate) fn finish(self) -> Read<V> {
        match self.thread.join() {
            Ok(read) => read,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl<V: View> Read<V> {
    fn all(&mut self, events: &mut mpsc::Receiver<JobEvent>, on_closed: &mut dyn FnMut()) {
        loop {
            let event = match events.try_recv() {
                Ok(event) => Some(event),
                Err(TryRecvError::Disconnected) => None,
                Err(TryRecvError::Empty) => {
                    self.show(on_closed, V::idle);
                    if self.shown.is_ok() && self.view.wants_ticks() {
                        std::thread::sleep(TICK);
                        continue;
                    }
                    events.blocking_recv()
                }
            };
            let Some(event) = event else { break };
            self.record.apply(&event);
            self.show(on_closed, |view, record| view.event(&event, record));
        }
        self.show(on_closed, V::idle);
    }

    fn show(&mut self, on_closed: &mut dyn FnMut(), draw: impl FnOnce(&mut V, &RunRecord) -> io::Result<()>) {
        if self.shown.is_ok()
            && let Err(error) = draw(&mut self.view, &self.record)
        {
            self.shown = Err(error);
            on_closed();
        }
    }
}

/// A stream that leads into another, with the workflow's name before its jobs: two workflows may have jobs of the same id. Needs the
/// runtime; ends with its senders.
pub(crate) fn of_workflow(workflow: String, into: mpsc::Sender<JobEvent>) -> mpsc::Sender<JobEvent> {
    let (sender, mut events) = engine::events::channel();
    tokio::spawn(async move {
        while let Some(mut event) = events.recv().await {
            put_before(&workflow, &mut event);
            // The reader is gone only when nobody reads any more.
            let _gone = into.send(event).await;
        }
    });
    sender
}

fn put_before(workflow: &str, event: &mut JobEvent) {
    event.job = JobId::new(format!("{workflow} / {}", event.job));
    if let JobEventKind::JobStarted { name } | JobEventKind::JobSkipped { name, .. } = &mut event.kind {
        *name = format!("{workflow} / {name}");
    }
}
