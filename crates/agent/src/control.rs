//! The running agent's ear on this machine: a socket in its folder, for its owner alone. JSON, one object a line each way.
//!
//! `run` serves it; `ekiden agent status` and `drain` call [`ask`] and [`drain`]. The socket is reached through the open folder, since
//! the path of a socket may have only 108 bytes.

use crate::status::Status;
use crate::stop::{Stop, Stopper};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as Blocking;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

const NAME: &str = "agent.sock";
/// Longest question.
const QUESTION_MAX: u64 = 4096;
/// How long a question may take to come, and an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
enum Question {
    Status,
    Drain,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
enum Answer {
    Status(Box<Status>),
    /// It takes no more jobs; so many are in hand.
    Draining {
        jobs: usize,
    },
    NotUnderstood {
        reason: String,
    },
}

/// The running agent could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is none.
    #[error("no agent runs with the folder {folder}; start it with `ekiden agent start`, or give another --data", folder = folder.display())]
    NotRunning {
        /// Its folder.
        folder: PathBuf,
    },
    /// It does not answer.
    #[error("the agent of {folder} does not answer: {source}; is it of another user, or stopped?", folder = folder.display())]
    Io {
        /// Its folder.
        folder: PathBuf,
        /// What was seen.
        #[source]
        source: io::Error,
    },
    /// It answers something else.
    #[error("the agent of {folder} answered '{answer}'; it may be of another version: restart it", folder = folder.display())]
    Answer {
        /// Its folder.
        folder: PathBuf,
        /// What it said.
        answer: String,
    },
}

/// The socket of a running agent; its file goes with it.
#[derive(Debug)]
pub(crate) struct Control {
    path: PathBuf,
    server: tokio::task::JoinHandle<()>,
}

impl Control {
    /// Listens in an agent's folder, whose lock the caller holds. `status` says what the agent does now.
    pub(crate) fn listen(
        data: &Path,
        stop: Stopper,
        status: impl Fn() -> Status + Send + Sync + 'static,
    ) -> io::Result<Self> {
        // Made where nobody else can come, then moved to its place: it is never open to others.
        let private = tempfile::tempdir_in(data)?;
        let folder = File::open(private.path())?;
        let listener = UnixListener::bind(within(&folder))?;
        let made = private.path().join(NAME);
        fs_err::set_permissions(&made, std::fs::Permissions::from_mode(0o600))?;
        let path = data.join(NAME);
        fs_err::rename(&made, &path)?;
        let status = Arc::new(status);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (stop, status) = (stop.clone(), Arc::clone(&status));
                tokio::spawn(async move {
                    if let Err(error) = serve(stream, &stop, &*status).await {
                        tracing::debug!(%error, "somebody at the control socket went away");
                    }
                });
            }
        });
        Ok(Self { path, server })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.server.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

fn within(folder: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{NAME}", folder.as_raw_fd()))
}

async fn serve(mut stream: UnixStream, stop: &Stopper, status: &(impl Fn() -> Status + Sync)) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(QUESTION_MAX));
    tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await??;
    let question = serde_json::from_str(&line);
    let answer = match &question {
        Ok(Question::Status) => Answer::Status(Box::new(status())),
        Ok(Question::Drain) => {
            stop.ask(Stop::Drain);
            tracing::info!("no more jobs are taken: somebody asked to drain");
            Answer::Draining { jobs: status().work.attempts.len() }
        }
        Err(error) => Answer::NotUnderstood { reason: error.to_string() },
    };
    let mut bytes = serde_json::to_vec(&answer)?;
    bytes.push(b'\n');
    writer.write_all(&bytes).await?;
    if let Ok(Question::Drain) = question {
        // Held until this process ends, or the other side has heard enough: that is how it knows.
        reader.read_line(&mut line).await?;
    }
    Ok(())
}

/// Asks the agent of a folder what it does.
///
/// # Errors
/// When none runs, or it does not answer.
pub fn ask(data: &Path) -> Result<Status, ControlError> {
    let (_stream, answer) = say(data, Question::Status)?;
    match answer {
        Answer::Status(status) => Ok(*status),
        other => Err(unexpected(data, &other)),
    }
}

/// Tells the agent of a folder to take no more jobs; answers how many it has in hand. The wait ends when the agent has ended.
///
/// # Errors
/// When none runs, or it does not answer.
pub fn drain(data: &Path) -> Result<Draining, ControlError> {
    match say(data, Question::Drain)? {
        (stream, Answer::Draining { jobs }) => Ok(Draining { stream, jobs }),
        (_, other) => Err(unexpected(data, &other)),
    }
}

/// An agent that drains.
#[derive(Debug)]
pub struct Draining {
    stream: io::BufReader<Blocking>,
    /// How many attempts it had in hand when it was told.
    pub jobs: usize,
}

impl Draining {
    /// Waits until the agent has ended.
    ///
    /// # Errors
    /// When the socket fails otherwise than by its end.
    pub fn wait(mut self) -> io::Result<()> {
        self.stream.get_ref().set_read_timeout(None)?;
        match self.stream.read_line(&mut String::new()) {
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => Err(error),
            _ => Ok(()),
        }
    }
}

fn unexpected(data: &Path, answer: &Answer) -> ControlError {
    let answer = serde_json::to_string(answer).unwrap_or_default();
    ControlError::Answer { folder: data.to_owned(), answer }
}

fn say(data: &Path, question: Question) -> Result<(io::BufReader<Blocking>, Answer), ControlError> {
    let fault = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ControlError::NotRunning { folder: data.to_owned() }
        }
        _ => ControlError::Io { folder: data.to_owned(), source },
    };
    let folder = File::open(data).map_err(fault)?;
    let mut stream = Blocking::connect(within(&folder)).map_err(fault)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(fault)?;
    let mut bytes = serde_json::to_vec(&question).map_err(|error| fault(error.into()))?;
    bytes.push(b'\n');
    stream.write_all(&bytes).map_err(fault)?;
    let mut reader = io::BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).map_err(fault)? == 0 {
        return Err(ControlError::NotRunning { folder: data.to_owned() });
    }
    match serde_json::from_str(&line) {
        Ok(answer) => Ok((reader, answer)),
        Err(_) => Err(ControlError::Answer { folder: data.to_owned(), answer: line }),
    }
}
