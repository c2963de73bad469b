//! The parent's end of an init's socket: many requests at a time, answers by number.

use crate::channel::{Message, Receiver};
use crate::wire::{Fault, Reply, Request};
use sandbox::SandboxError;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

type Answers = Mutex<Option<HashMap<u64, mpsc::UnboundedSender<Reply>>>>;

/// A connection to an init.
#[derive(Debug)]
pub(super) struct Link {
    socket: Arc<AsyncFd<OwnedFd>>,
    /// `None` once the init is gone.
    answers: Arc<Answers>,
    next: AtomicU64,
    reader: tokio::task::JoinHandle<()>,
}

/// What an init said when it was ready, with the descriptors that came along.
pub(super) struct Ready {
    pub(super) protections: Vec<(String, Option<String>)>,
    pub(super) pidfd: OwnedFd,
    pub(super) sockets: Vec<OwnedFd>,
    pub(super) views: Vec<OwnedFd>,
}

impl Link {
    /// Waits for a new sandbox to stand.
    pub(super) async fn open(socket: OwnedFd) -> Result<(Self, Ready), SandboxError> {
        rustix::io::ioctl_fionbio(&socket, true).map_err(|error| io_error("talk to the sandbox", error.into()))?;
        let socket = crate::sys::watched(socket).map_err(|error| io_error("talk to the sandbox", error))?;
        let mut receiver = Receiver::default();
        let next = receiver.next(&socket).await.map_err(|error| io_error("talk to the sandbox", error))?;
        let mut message = next.ok_or(SandboxError::Gone)?;
        let ready = match message.decode().map_err(|error| io_error("understand the sandbox", error))? {
            Reply::Ready { protections, sockets } => {
                let mut fds = std::mem::take(&mut message.fds).into_iter();
                let pidfd = fds.next().ok_or(SandboxError::Gone)?;
                let sockets = fds.by_ref().take(sockets).collect();
                Ready { protections, pidfd, sockets, views: fds.collect() }
            }
            Reply::Failed(fault) => return Err(error_of(fault)),
            _ => return Err(SandboxError::Gone),
        };
        let socket = Arc::new(socket);
        let answers = Arc::new(Mutex::new(Some(HashMap::new())));
        let reader = tokio::spawn(read(socket.clone(), answers.clone(), receiver));
        Ok((Self { socket, answers, next: AtomicU64::new(1), reader }, ready))
    }

    /// Sends a request; its number, and where the answers come.
    pub(super) async fn send(
        &self,
        request: &Request,
        fds: Vec<OwnedFd>,
    ) -> Result<(u64, mpsc::UnboundedReceiver<Reply>), SandboxError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = mpsc::unbounded_channel();
        match &mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(answers) => drop(answers.insert(number, sender)),
            None => return Err(SandboxError::Gone),
        }
        let message = Message::new(number, request, fds).map_err(|error| io_error("ask the sandbox", error))?;
        let socket = self.socket.clone();
        let sent = if message.is_small() {
            message.send(socket.get_ref())
        } else {
            // May wait for the init to take it.
            tokio::task::spawn_blocking(move || message.send(socket.get_ref()))
                .await
                .unwrap_or_else(|error| Err(io::Error::other(error)))
        };
        match sent {
            Ok(()) => Ok((number, receiver)),
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                Err(SandboxError::Gone)
            }
            Err(error) => Err(io_error("ask the sandbox", error)),
        }
    }

    /// Sends a request and waits for its one answer.
    pub(super) async fn ask(&self, request: &Request, fds: Vec<OwnedFd>) -> Result<Reply, SandboxError> {
        let (_, mut answers) = self.send(request, fds).await?;
        answer(&mut answers).await
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// The next answer to one request.
pub(super) async fn answer(answers: &mut mpsc::UnboundedReceiver<Reply>) -> Result<Reply, SandboxError> {
    match answers.recv().await {
        Some(Reply::Failed(fault)) => Err(error_of(fault)),
        Some(reply) => Ok(reply),
        None => Err(SandboxError::Gone),
    }
}

async fn read(socket: Arc<AsyncFd<OwnedFd>>, answers: Arc<Answers>, mut receiver: Receiver) {
    while let Ok(Some(message)) = receiver.next(&socket).await {
        let Ok(reply) = message.decode::<Reply>() else { break };
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(answers) = &mut *answers else { break };
        let last = !matches!(reply, Reply::Started);
        if let Some(sender) = answers.get(&message.number) {
            // Whoever asked may have gone.
            let _ = sender.send(reply);
        }
        if last {
            answers.remove(&message.number);
        }
    }
    // Ends every wait.
    answers.lock().unwrap_or_else(PoisonError::into_inner).take();
}

/// Waits until the process of a pidfd is gone.
pub(super) async fn gone(pidfd: &AsyncFd<OwnedFd>) {
    // An error means that there is nothing to wait for.
    let _ = pidfd.readable().await;
}

/// Kills the process of a pidfd.
pub(super) fn kill(pidfd: impl AsFd) {
    // Already gone is as good.
    let _ = rustix::process::pidfd_send_signal(pidfd, rustix::process::Signal::KILL);
}

pub(super) fn io_error(what: impl Into<String>, source: io::Error) -> SandboxError {
    SandboxError::Io { what: what.into(), source }
}

/// What a fault inside is to the caller.
pub(crate) fn error_of(fault: Fault) -> SandboxError {
    match fault {
        Fault::NotFound { program } => SandboxError::NotFound { program, hint: String::new() },
        Fault::Invalid(text) => SandboxError::Invalid(text),
        Fault::System { what, errno } => io_error(what, io::Error::from_raw_os_error(errno)),
    }
}
