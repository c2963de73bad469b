//! The two pipes between a job's process and its agent, while the job runs. They are served on the engine's own thread: a thread for each costs a
//! short job more than all that it hears and says. Only a log that grows long gets a thread, and input or output that is no pipe. Called by
//! `process`.

use super::super::wire::{self, ToJob};
use domain::JobEvent;
use engine::cancel::{Cancel, Canceller};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::FileTypeExt;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// So many bytes of events go out at once.
const CHUNK: usize = 256 << 10;
/// When a job has said more than this, the rest is put into form beside the engine.
const LITTLE: usize = 128 << 10;
/// Room for a line that follows the order: they are short.
const LINE: usize = 256;

/// Hears of cancellations, also of one that was read with the order; resolves when the agent is gone. To be called in the runtime.
pub(super) fn listen(input: BufReader<File>, canceller: Canceller) -> io::Result<oneshot::Receiver<()>> {
    let (gone, heard) = oneshot::channel();
    if is_pipe(input.get_ref()) {
        let read = io::Cursor::new(input.buffer().to_vec());
        let rest = Receiver::from_owned_fd(input.into_inner().into())?;
        let mut input = tokio::io::BufReader::with_capacity(LINE, read.chain(rest));
        tokio::spawn(async move {
            let mut line = Vec::new();
            while input.read_until(b'\n', &mut line).await.is_ok_and(|bytes| bytes > 0) {
                hear(&line, &canceller);
                line.clear();
            }
            let _ended = gone.send(());
        });
    } else {
        let mut input = input;
        std::thread::Builder::new().name("from agent".to_owned()).spawn(move || {
            let mut line = Vec::new();
            while input.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                hear(&line, &canceller);
                line.clear();
            }
            let _ended = gone.send(());
        })?;
    }
    Ok(heard)
}

fn hear(line: &[u8], canceller: &Canceller) {
    if let Ok(ToJob::Cancel) = wire::read(line) {
        canceller.ask(Cancel::Gracefully { reason: "The operation was canceled.".into() });
    }
}

fn is_pipe(file: &File) -> bool {
    file.metadata().is_ok_and(|about| about.file_type().is_fifo())
}

/// Where events go.
#[derive(Debug)]
enum Output {
    /// Without a thread.
    Pipe(Sender),
    /// Writing to it may block.
    Blocking(File),
}

/// Writes what comes until nobody says anything more.
#[derive(Debug)]
pub(super) struct Writer(JoinHandle<io::Result<(Output, Vec<u8>)>>);

impl Writer {
    /// To be called in the runtime.
    pub(super) fn start(incoming: mpsc::Receiver<JobEvent>, output: File) -> io::Result<Self> {
        let output = if is_pipe(&output) {
            Output::Pipe(Sender::from_owned_fd(output.into())?)
        } else {
            Output::Blocking(output)
        };
        Ok(Self(tokio::spawn(write(incoming, output))))
    }

    /// Waits until all events are written, and writes the last line.
    pub(super) async fn finish(self, line: &[u8]) -> io::Result<()> {
        let (output, mut rest) = self.0.await.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))??;
        rest.extend_from_slice(line);
        match output {
            Output::Pipe(mut pipe) => pipe.write_all(&rest).await,
            Output::Blocking(mut file) => file.write_all(&rest),
        }
    }
}

/// Gives back what is not yet written, which the last line follows.
async fn write(mut incoming: mpsc::Receiver<JobEvent>, output: Output) -> io::Result<(Output, Vec<u8>)> {
    let mut unwritten = Vec::new();
    let file = match output {
        Output::Blocking(file) => file,
        Output::Pipe(mut pipe) => {
            let mut said = 0;
            while said <= LITTLE {
                let Some(event) = incoming.recv().await else { return Ok((Output::Pipe(pipe), unwritten)) };
                if !gather(event, &mut incoming, &mut unwritten) {
                    return Ok((Output::Pipe(pipe), unwritten));
                }
                said += unwritten.len();
                pipe.write_all(&unwritten).await?;
                unwritten.clear();
            }
            File::from(pipe.into_blocking_fd()?)
        }
    };
    let writer = tokio::task::spawn_blocking(move || write_fast(incoming, file, unwritten));
    writer.await.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
}

/// Writes events as they come, in big pieces while they come fast.
fn write_fast(
    mut incoming: mpsc::Receiver<JobEvent>,
    mut output: File,
    mut unwritten: Vec<u8>,
) -> io::Result<(Output, Vec<u8>)> {
    while let Some(event) = incoming.blocking_recv() {
        if !gather(event, &mut incoming, &mut unwritten) {
            break;
        }
        output.write_all(&unwritten)?;
        unwritten.clear();
    }
    Ok((Output::Blocking(output), unwritten))
}

/// Puts an event into the buffer, and those that wait behind it. False when no more can come.
fn gather(event: JobEvent, incoming: &mut mpsc::Receiver<JobEvent>, buffer: &mut Vec<u8>) -> bool {
    let mut next = event;
    loop {
        // Events are plain data: they always have a form.
        let _written = wire::write_event(next, buffer);
        if buffer.len() >= CHUNK {
            return true;
        }
        match incoming.try_recv() {
            Ok(event) => next = event,
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return false,
        }
    }
}
