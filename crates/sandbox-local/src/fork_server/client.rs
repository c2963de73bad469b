//! The agent's end: asks for processes, hears how they ended.

use super::{Fork, Said};
use crate::channel::{self, Message, Receiver};
use crate::namespaces::Wanted;
use rustix::process::Signal;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

/// How long a fork server may take to answer. It forks within a millisecond; one that does not hangs, as on a file system that is away.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long after a process's end its fork server may take to tell how it ended.
const LAST_WORD: Duration = Duration::from_secs(2);

/// A running fork server. It ends when this is dropped; what it forked goes on.
#[derive(Debug)]
pub struct ForkServer {
    socket: Arc<AsyncFd<OwnedFd>>,
    /// `None` once it is gone.
    known: Arc<Mutex<Option<Known>>>,
    reader: tokio::task::JoinHandle<()>,
    patience: Duration,
    /// Reaped by the runtime when it has ended.
    process: Child,
}

/// A process that was forked.
#[derive(Debug)]
pub struct Forked {
    pidfd: AsyncFd<OwnedFd>,
    ended: Option<oneshot::Receiver<ExitStatus>>,
    status: Option<ExitStatus>,
}

/// Who waits for what.
#[derive(Debug, Default)]
struct Known {
    next: u64,
    hold: Hold,
    asked: HashMap<u64, oneshot::Sender<io::Result<Forked>>>,
    running: HashMap<u32, oneshot::Sender<ExitStatus>>,
}

/// Whether there is somebody who will ask for more.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Hold {
    #[default]
    Held,
    /// It did not answer: it is asked for nothing more, but tells still how those ended that it forked before.
    GivenUp,
    /// The same, and nobody holds it any more.
    Left,
}

impl ForkServer {
    /// Starts the program with these arguments and this environment, within a tokio runtime; it is to call [`super::serve`].
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(program: &Path, arguments: &[OsString], env: &[(OsString, OsString)]) -> io::Result<Self> {
        let (ours, theirs) = channel::pair()?;
        let process = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(env.iter().map(|(name, value)| (name, value)))
            // What allocators (the C library's, jemalloc) give each thread of its own to allocate from costs each process more than it gains: most live for milliseconds.
            .env("MALLOC_ARENA_MAX", "1")
            .env("_RJEM_MALLOC_CONF", "narenas:1")
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .spawn()?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        let socket = Arc::new(crate::sys::watched(ours)?);
        let known = Arc::new(Mutex::new(Some(Known { next: 1, ..Known::default() })));
        let reader = tokio::spawn(read(Arc::clone(&socket), Arc::clone(&known)));
        Ok(Self { socket, known, reader, patience: PATIENCE, process })
    }

    /// The same with another patience. For tests alone.
    #[doc(hidden)]
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> Option<rustix::process::Pid> {
        self.process.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()))
    }

    /// Whether it can still be asked.
    #[must_use]
    pub fn is_there(&self) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().is_some_and(|known| known.hold == Hold::Held)
    }

    /// Forks a process with this stdin, stdout and stderr, and with what it shall have ready.
    ///
    /// # Errors
    /// When the fork fails, or the fork server is gone or does not answer; then it is given up.
    pub async fn fork(&self, [stdin, stdout, stderr]: [OwnedFd; 3], wanted: Option<Wanted>) -> io::Result<Forked> {
        let (to, forked) = oneshot::channel();
        let number = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let known = known.as_mut().filter(|known| known.hold == Hold::Held).ok_or(io::ErrorKind::BrokenPipe)?;
            let number = known.next;
            known.next += 1;
            known.asked.insert(number, to);
            number
        };
        // One small packet: an idle socket always takes it.
        Message::new(number, &Fork { wanted }, vec![stdin, stdout, stderr])?.send(self.socket.get_ref())?;
        match tokio::time::timeout(self.patience, forked).await {
            Ok(forked) => forked.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?,
            Err(_) => {
                if let Some(known) = &mut *self.known.lock().unwrap_or_else(PoisonError::into_inner) {
                    known.hold = Hold::GivenUp;
                }
                Err(io::Error::new(io::ErrorKind::TimedOut, "the fork server does not answer and is given up"))
            }
        }
    }
}

impl Drop for ForkServer {
    fn drop(&mut self) {
        match &mut *self.known.lock().unwrap_or_else(PoisonError::into_inner) {
            // The reader goes on for them.
            Some(known) if known.hold == Hold::GivenUp && !known.running.is_empty() => known.hold = Hold::Left,
            Some(known) if known.hold == Hold::GivenUp => {
                // It may never see that its socket has ended.
                let _ = self.process.start_kill();
                self.reader.abort();
            }
            _ => self.reader.abort(),
        }
    }
}

impl Forked {
    /// Kills it.
    ///
    /// # Errors
    /// When it cannot be signalled; one that has ended can.
    pub fn kill(&self) -> io::Result<()> {
        match rustix::process::pidfd_send_signal(self.pidfd.get_ref(), Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether it runs still.
    #[must_use]
    pub fn is_there(&self) -> bool {
        let mut polled = [rustix::event::PollFd::new(self.pidfd.get_ref(), rustix::event::PollFlags::IN)];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        self.status.is_none() && matches!(rustix::event::poll(&mut polled, Some(&now)), Ok(0))
    }

    /// Waits until it has ended. May be dropped and asked again.
    ///
    /// # Errors
    /// When it ended after its fork server, or that hangs: nobody knows how.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        if let Some(ended) = &mut self.ended {
            let told = tokio::select! {
                biased;
                told = &mut *ended => told.ok(),
                // A fork server that hangs tells nothing.
                gone = self.pidfd.readable() => {
                    drop(gone?);
                    tokio::time::timeout(LAST_WORD, ended).await.ok().and_then(Result::ok)
                }
            };
            if let Some(status) = told {
                self.status = Some(status);
                return Ok(status);
            }
            self.ended = None;
        }
        // A pidfd is readable when its process is gone.
        let _gone = self.pidfd.readable().await?;
        Err(io::Error::other("how the process ended is not known: the fork server ended before it, or hangs"))
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        // Nobody reads it any more; one that has ended is none.
        let _ = self.kill();
    }
}

async fn read(socket: Arc<AsyncFd<OwnedFd>>, known: Arc<Mutex<Option<Known>>>) {
    let mut receiver = Receiver::default();
    while let Ok(Some(message)) = receiver.next(&socket).await {
        if !matches!(take(message, &known), Ok(Next::Message)) {
            break;
        }
    }
    // Whoever waits hears that nothing comes, and nobody waits any more.
    known.lock().unwrap_or_else(PoisonError::into_inner).take();
}

/// What a reader does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Message,
    /// Nobody waits for anything.
    End,
}

fn take(mut message: Message, known: &Mutex<Option<Known>>) -> io::Result<Next> {
    let said = message.decode()?;
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(known) = known.as_mut() else { return Ok(Next::End) };
    match said {
        Said::Forked { pid } => {
            let pidfd = message.fds.pop().ok_or(io::ErrorKind::InvalidData)?;
            let (to, ended) = oneshot::channel();
            let forked = crate::sys::watched(pidfd).map(|pidfd| Forked { pidfd, ended: Some(ended), status: None });
            // Who gave up drops it, which kills it.
            if known.asked.remove(&message.number).is_some_and(|asked| asked.send(forked).is_ok()) {
                known.running.insert(pid, to);
            }
        }
        Said::Failed(errno) => {
            if let Some(asked) = known.asked.remove(&message.number) {
                let _ = asked.send(Err(io::Error::from_raw_os_error(errno)));
            }
        }
        Said::Gone { pid, status } => {
            if let Some(ended) = known.running.remove(&pid) {
                let _ = ended.send(ExitStatus::from_raw(status));
            }
        }
    }
    let is_over = known.hold == Hold::Left && known.running.is_empty();
    Ok(if is_over { Next::End } else { Next::Message })
}
