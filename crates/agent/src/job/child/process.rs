//! The process around a job: its order and its cancellation come in on one stream, what happens goes out on another.

use super::super::wire;
use super::super::{FromJob, JobOrder, ToJob};
use super::ahead::Bench;
use super::pipes::{self, Writer};
use super::place::MakeBackend;
use super::run::run;
use engine::cancel::{self, Cancel};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// So much of the input is read at once: an order is seldom longer.
const ORDER: usize = 64 << 10;
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
pub fn serve(input: OwnedFd, output: OwnedFd, make: MakeBackend) -> Result<(), ServeError> {
    let (mut input, mut output) = (BufReader::with_capacity(ORDER, File::from(input)), File::from(output));
    // The engine and the pipes on this thread: the rest of the machine is for the job.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ServeError::Threads)?;
    let mut bench = Bench::new(make);
    let Some(order) = read_order(&mut input, &mut bench)? else { return Ok(()) };
    begin(&mut output)?;
    let result = runtime.block_on(async {
        let (canceller, signal) = cancel::channel();
        let (events, incoming) = engine::events::channel();
        let writer = Writer::start(incoming, output).map_err(ServeError::Threads)?;
        let gone = pipes::listen(input, canceller.clone()).map_err(ServeError::Threads)?;
        let mut job = Box::pin(run(order, bench, events, signal));
        tokio::select! {
            ended = &mut job => {
                let line = wire::line(&FromJob::Ended(ended)).map_err(|error| ServeError::Output(error.into()))?;
                writer.finish(&line).await.map_err(ServeError::Output)
            }
            _ = gone => {
                canceller.ask(Cancel::Now);
                // Nobody asks for its end any more.
                let _late = tokio::time::timeout(PATIENCE, job).await;
                Ok(())
            }
        }
    });
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
    output.write_all(&line).map_err(ServeError::Output)
}
