//! The thread that reads the events of a run and shows them. It takes the streams of several workflows one after the other.

use crate::view::{RunRecord, View};
use domain::{JobEvent, JobEventKind, JobId};
use std::io;
use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

/// How often a view that wants it is drawn although nothing happened.
const TICK: Duration = Duration::from_millis(40);

/// The events of one workflow, and what to put before its jobs' names when several run.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Its events.
    pub(crate) events: mpsc::Receiver<JobEvent>,
    /// The workflow's name; `None` when it is the only one.
    pub(crate) workflow: Option<String>,
}

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
    streams: std_mpsc::Sender<Stream>,
    thread: JoinHandle<Read<V>>,
}

impl<V: View + 'static> Reader<V> {
    /// Starts it. `on_closed` is called once when nobody reads stdout any more.
    pub(crate) fn start(view: V, on_closed: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (streams, incoming) = std_mpsc::channel::<Stream>();
        let thread = std::thread::Builder::new().name("view".to_owned()).spawn(move || {
            let mut read = Read { record: RunRecord::default(), view, shown: Ok(()) };
            let mut on_closed = Some(on_closed);
            while let Ok(mut stream) = incoming.recv() {
                read.stream(&mut stream, &mut || {
                    if let Some(tell) = on_closed.take() {
                        tell();
                    }
                });
            }
            read
        })?;
        Ok(Self { streams, thread })
    }

    /// Adds a stream; it is read after those before it.
    pub(crate) fn add(&self, stream: Stream) {
        // The thread ends only when this sender is gone.
        let _open = self.streams.send(stream);
    }

    /// Waits until every stream has ended.
    pub(crate) fn finish(self) -> Read<V> {
        drop(self.streams);
        match self.thread.join() {
            Ok(read) => read,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl<V: View> Read<V> {
    fn stream(&mut self, stream: &mut Stream, on_closed: &mut dyn FnMut()) {
        loop {
            let event = match stream.events.try_recv() {
                Ok(event) => Some(event),
                Err(TryRecvError::Disconnected) => None,
                Err(TryRecvError::Empty) => {
                    self.show(on_closed, V::idle);
                    if self.shown.is_ok() && self.view.wants_ticks() {
                        std::thread::sleep(TICK);
                        continue;
                    }
                    stream.events.blocking_recv()
                }
            };
            let Some(mut event) = event else { break };
            if let Some(workflow) = &stream.workflow {
                put_before(workflow, &mut event);
            }
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

/// Two workflows may have jobs of the same id.
fn put_before(workflow: &str, event: &mut JobEvent) {
    event.job = JobId::new(format!("{workflow} / {}", event.job));
    if let JobEventKind::JobStarted { name } | JobEventKind::JobSkipped { name, .. } = &mut event.kind {
        *name = format!("{workflow} / {name}");
    }
}
