//! Who is too slow is let go: a body that drips, a reader that does not read. Called by `listen` for every connection (`security` R86).

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How slow a client may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The head of a call has come after so long. A connection that rests between two calls is closed after it too.
    pub head: Duration,
    /// So long a body may take before its pace is looked at.
    pub body: Duration,
    /// From then on it has come with so many bytes a second on average.
    pub bytes_per_second: u64,
    /// So long a client may read nothing of an answer.
    pub read: Duration,
    /// A TLS handshake is done after so long.
    pub handshake: Duration,
    /// So long a connection that is closed stays, for what the client sent meanwhile: else it would not see the answer.
    pub linger: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            body: Duration::from_secs(20),
            bytes_per_second: 1024,
            read: Duration::from_secs(60),
            handshake: Duration::from_secs(10),
            linger: Duration::from_secs(2),
        }
    }
}

/// A body did not come in time.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the body came too slowly: after {waited:?} there were {bytes} bytes of it; send it faster, or less of it")]
pub(super) struct SlowBody {
    waited: Duration,
    bytes: u64,
}

/// A body that keeps a pace.
pub(super) struct PacedBody {
    body: Incoming,
    pace: Pace,
    began: Option<Instant>,
    bytes: u64,
    timer: Option<Pin<Box<Sleep>>>,
}

impl PacedBody {
    pub(super) fn new(body: Incoming, pace: Pace) -> Self {
        Self { body, pace, began: None, bytes: 0, timer: None }
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let began = *this.began.get_or_insert_with(Instant::now);
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| {
                let frame = frame?;
                this.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                Ok(frame)
            }));
        }
        let due = began + this.pace.body + Duration::from_secs(this.bytes / this.pace.bytes_per_second.max(1));
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Some(Err(SlowBody { waited: began.elapsed(), bytes: this.bytes }.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection whose other side must read.
#[derive(Debug)]
pub(super) struct PacedIo<T> {
    io: T,
    read: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<T> PacedIo<T> {
    pub(super) fn new(io: T, pace: Pace) -> Self {
        Self { io, read: pace.read, timer: None }
    }

    /// Looks at the clock while nothing can be written.
    fn paced<U>(&mut self, context: &mut Context<'_>, done: Poll<io::Result<U>>) -> Poll<io::Result<U>> {
        if done.is_ready() {
            self.timer = None;
            return done;
        }
        let read = self.read;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(read)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its answer")))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for PacedIo<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, into)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for PacedIo<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.io).poll_write(context, bytes);
        self.paced(context, done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.io).poll_flush(context);
        self.paced(context, done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.io).poll_shutdown(context);
        self.paced(context, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.paced(context, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
