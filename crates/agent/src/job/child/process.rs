//! The process around a job: its order and its cancellation come in on one stream, what happens goes out on another.

use super::super::wire;
use super::super::{Ended, FromJob, JobOrder, ToJob};
use super::ahead::Bench;
use super::place::MakeBackend;
use super::run::run;
use domain::JobEvent;
use engine::cancel::{self, Cancel, Canceller};
use std::io::{BufRead, Write};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// So many bytes of events go out at once.
const CHUNK: usize = 256 << 10;
/// How long a job whose agent is gone may take to clean up; what is left then is the zygote's to end.
const PATIENCE: Duration = Duration::from_secs(3);

/// The process could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// No order came.
    #[error("no order came on standard input; the agent starts this command by itself")]
    NoOrder(#[source] Option<std::io::Error>),
    /// Something else came.
    #[error("what came on standard input is no order: {0}; agent and job must be of the same version")]
    NotAnOrder(#[source] serde_json::Error),
    /// The first line was another one.
    #[error("a cancellation came on standard input before the order")]
    CancelledFirst,
    /// The machine has no room for it.
    #[error("could not start the job's threads")]
    Threads(#[source] std::io::Error),
    /// The agent reads no more.
    #[error("could not tell the agent of the job")]
    Output(#[source] std::io::Error),
}

/// Serves one order to its end, and gets ready for it where it is told what will be wanted. `input` and `output` are the pipes to the agent.
///
/// # Errors
/// When no order comes, or nobody reads how the job ended.
pub fn serve(
    mut input: impl BufRead + Send + 'static,
    mut output: impl Write + Send + 'static,
    make: MakeBackend,
) -> Result<(), ServeError> {
    // The engine on this thread, the writer on another: the rest of the machine is for the job.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ServeError::Threads)?;
    let mut bench = Bench::new(make);
    let Some(order) = read_order(&mut input, &mut bench)? else { return Ok(()) };
    begin(&mut output)?;
    let (canceller, signal) = cancel::channel();
    let (events, incoming) = engine::events::channel();
    let writer = start_writer(incoming, output).map_err(ServeError::Threads)?;
    let gone = listen(input, canceller.clone()).map_err(ServeError::Threads)?;
    let ended = runtime.block_on(async {
        let mut job = Box::pin(run(order, bench, events, signal));
        tokio::select! {
            ended = &mut job => Some(ended),
            _ = gone => {
                canceller.ask(Cancel::Now);
                // Nobody asks for its end any more.
                let _late = tokio::time::timeout(PATIENCE, job).await;
                None
            }
        }
    });
    let result = match ended {
        Some(ended) => finish(writer, ended),
        None => Ok(()),
    };
    runtime.shutdown_background();
    result
}

/// The order; `None` when the process was made ready and nobody wants it.
fn read_order(input: &mut impl BufRead, bench: &mut Bench) -> Result<Option<JobOrder>, ServeError> {
    let mut line = Vec::new();
    let mut is_first = true;
    loop {
        line.clear();
        match input.read_until(b'\n', &mut line) {
            Ok(0) if is_first => return Err(ServeError::NoOrder(None)),
            Ok(0) => return Ok(None),
            Ok(_) => match wire::read(&line).map_err(ServeError::NotAnOrder)? {
                ToJob::Ahead(ahead) => bench.get_ready(&ahead),
                ToJob::Order(order) => return Ok(Some(*order)),
                ToJob::Cancel => return Err(ServeError::CancelledFirst),
            },
            Err(error) => return Err(ServeError::NoOrder(Some(error))),
        }
        is_first = false;
    }
}

/// Says that the order is taken, before anything of it happens: an agent that does not find this in the pipe may have it run by another.
fn begin(output: &mut impl Write) -> Result<(), ServeError> {
    let line = wire::line(&FromJob::Begins).map_err(|error| ServeError::Output(error.into()))?;
    output.write_all(&line).and_then(|()| output.flush()).map_err(ServeError::Output)
}

/// Hears of cancellations, and of the agent's end.
fn listen(mut input: impl BufRead + Send + 'static, canceller: Canceller) -> std::io::Result<oneshot::Receiver<()>> {
    let (gone, heard) = oneshot::channel();
    std::thread::Builder::new().name("from agent".to_owned()).spawn(move || {
        let mut line = Vec::new();
        while input.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            if let Ok(ToJob::Cancel) = wire::read(&line) {
                canceller.ask(Cancel::Gracefully { reason: "The operation was canceled.".into() });
            }
            line.clear();
        }
        let _ended = gone.send(());
    })?;
    Ok(heard)
}

type Writer<W> = JoinHandle<(W, std::io::Result<()>)>;

/// Writes events as they come, in big pieces while they come fast.
fn start_writer<W: Write + Send + 'static>(
    mut incoming: mpsc::Receiver<JobEvent>,
    mut output: W,
) -> std::io::Result<Writer<W>> {
    std::thread::Builder::new().name("to agent".to_owned()).spawn(move || {
        let mut buffer = Vec::with_capacity(CHUNK);
        while let Some(event) = incoming.blocking_recv() {
            let mut next = Some(event);
            while let Some(event) = next {
                // Events are plain data: they always have a form.
                let _written = wire::write_event(event, &mut buffer);
                next = if buffer.len() < CHUNK { incoming.try_recv().ok() } else { None };
            }
            let written = output.write_all(&buffer).and_then(|()| output.flush());
            if written.is_err() {
                return (output, written);
            }
            buffer.clear();
        }
        (output, Ok(()))
    })
}

/// The last line.
fn finish<W: Write>(writer: Writer<W>, ended: Ended) -> Result<(), ServeError> {
    let broken = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    let (mut output, written) = writer.join().map_err(|_| ServeError::Output(broken()))?;
    written.map_err(ServeError::Output)?;
    let line = wire::line(&FromJob::Ended(ended)).map_err(|error| ServeError::Output(error.into()))?;
    output.write_all(&line).and_then(|()| output.flush()).map_err(ServeError::Output)
}
