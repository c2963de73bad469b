//! One process of a step: its output is read while it runs, and it is ended when its guard says so.

use super::guard::{Condition, Guard, Stop};
use super::request::Timing;
use crate::cancel::Cancel;
use crate::output::Speaker;
use sandbox::{Collected, Exec, ExecEnd, InsideFile, Process, Sandbox, SandboxError, Signal, Stdio};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep_until};

/// How much is read at once: what a pipe holds.
const CHUNK: usize = 64 * 1024;

/// What to start.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cwd: PathBuf,
    pub(crate) files: Vec<InsideFile>,
    pub(crate) collect: Vec<PathBuf>,
    pub(crate) collect_limit: u64,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) end: ExecEnd,
    /// Set when it was ended by its guard, however it exited then.
    pub(crate) stop: Option<Stop>,
    pub(crate) collected: Vec<Collected>,
}

/// Where a process's output goes.
pub(crate) trait Output: Send {
    /// Takes the next bytes; waits when its reader is slow.
    fn take(&mut self, from: Speaker, bytes: &[u8]) -> impl Future<Output = ()> + Send;
}

/// Runs a process to its end.
///
/// Standard output and error have a pipe each, as with the reference: lines of the two may pass each other where they are written
/// within microseconds, but no line of the one becomes a part of a line of the other.
pub(crate) async fn run(
    sandbox: &dyn Sandbox,
    launch: Launch,
    output: &mut impl Output,
    guard: &Guard,
    timing: &Timing,
    known: Cancel,
    condition: &dyn Condition,
) -> Result<Finished, SandboxError> {
    let ((stdout, to_stdout), (stderr, to_stderr)) = (pipe()?, pipe()?);
    let stdio = Stdio { stdout: to_stdout, stderr: to_stderr };
    let exec = Exec {
        argv: launch.argv,
        env: launch.env,
        cwd: launch.cwd,
        files: launch.files,
        collect: launch.collect,
        collect_limit: launch.collect_limit,
        stdio,
    };
    let process = sandbox.exec(exec).await?;
    let wait = process.wait();
    let stop = guard.stop(known, condition);
    let kill = guard.kill();
    tokio::pin!(wait, stop, kill);

    let mut chunk = vec![0; CHUNK];
    let mut pipes = Pipes { stdout: Some(stdout), stderr: Some(stderr) };
    let mut ended = None;
    let mut stopped: Option<Stop> = None;
    // What comes next when the process does not end: from the moment of a stop, or of an end with the pipe still open.
    let mut next: Option<(Instant, Step)> = None;
    while ended.is_none() || pipes.are_open() {
        tokio::select! {
            biased;
            stop = &mut stop, if stopped.is_none() => {
                stopped = Some(stop);
                if stop == Stop::Killed {
                    process.signal(Signal::Kill).await?;
                } else if ended.is_none() {
                    process.signal(Signal::Interrupt).await?;
                    next = Some((Instant::now() + timing.interrupt, Step::Terminate));
                }
            }
            () = &mut kill, if stopped.is_some_and(|stop| stop != Stop::Killed) => {
                stopped = Some(Stop::Killed);
                process.signal(Signal::Kill).await?;
            }
            result = &mut wait, if ended.is_none() => {
                ended = Some(result?);
                // Children that hold the pipe open must not hang the step.
                let drained = Instant::now() + timing.drain;
                if next.is_none_or(|(at, _)| drained < at) {
                    next = Some((drained, Step::Kill));
                }
            }
            () = pipes.readable(), if pipes.are_open() => {
                // Both are asked, so that a flood in one does not hold the other back.
                for speaker in [Speaker::Output, Speaker::Error] {
                    if let Some(read) = pipes.read(speaker, &mut chunk) {
                        output.take(speaker, &chunk[..read]).await;
                    }
                }
            }
            () = sleep_until(next.map_or_else(Instant::now, |(at, _)| at)), if next.is_some() => {
                next = escalate(process.as_ref(), next.map(|(_, step)| step), timing, ended.is_some(), &mut pipes).await?;
            }
        }
    }
    let Some(ended) = ended else { return Err(SandboxError::Gone) };
    Ok(Finished { end: ended.end, stop: stopped, collected: ended.collected })
}

/// The steps of an end by force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Terminate,
    Kill,
    /// Even a kill did not close the pipe: whoever holds it ends with the sandbox.
    GiveUp,
}

/// The pipes of a process, as long as somebody holds their other ends.
struct Pipes {
    stdout: Option<pipe::Receiver>,
    stderr: Option<pipe::Receiver>,
}

impl Pipes {
    const fn are_open(&self) -> bool {
        self.stdout.is_some() || self.stderr.is_some()
    }

    /// Waits until one of them has something to say, its end too.
    async fn readable(&self) {
        async fn of(pipe: Option<&pipe::Receiver>) {
            match pipe {
                // An error shows itself again when it is read.
                Some(pipe) => drop(pipe.readable().await),
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            biased;
            () = of(self.stdout.as_ref()) => {}
            () = of(self.stderr.as_ref()) => {}
        }
    }

    /// What one of them says now; how much of the chunk it filled.
    fn read(&mut self, speaker: Speaker, chunk: &mut [u8]) -> Option<usize> {
        let side = match speaker {
            Speaker::Output => &mut self.stdout,
            Speaker::Error => &mut self.stderr,
        };
        match side.as_ref()?.try_read(chunk) {
            Ok(read) if read > 0 => return Some(read),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Ok(_) | Err(_) => *side = None,
        }
        None
    }
}

async fn escalate(
    process: &dyn Process,
    step: Option<Step>,
    timing: &Timing,
    has_ended: bool,
    pipes: &mut Pipes,
) -> Result<Option<(Instant, Step)>, SandboxError> {
    let now = Instant::now();
    match step {
        Some(Step::Terminate) => {
            process.signal(Signal::Terminate).await?;
            Ok(Some((now + timing.terminate, Step::Kill)))
        }
        Some(Step::Kill) => {
            process.signal(Signal::Kill).await?;
            Ok(Some((now + timing.drain, Step::GiveUp)))
        }
        Some(Step::GiveUp) if has_ended => {
            *pipes = Pipes { stdout: None, stderr: None };
            Ok(None)
        }
        Some(Step::GiveUp) | None => Err(SandboxError::Gone),
    }
}

fn pipe() -> Result<(pipe::Receiver, OwnedFd), SandboxError> {
    let (reader, writer) = std::io::pipe().map_err(pipe_failed)?;
    let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(pipe_failed)?;
    Ok((reader, OwnedFd::from(writer)))
}

fn pipe_failed(source: std::io::Error) -> SandboxError {
    SandboxError::Io { what: "make a pipe for a step's output".to_owned(), source }
}

/// Runs a small command of the engine's own; its exit and what it said on standard output and error, at most 1 MiB.
pub(crate) async fn capture(
    sandbox: &dyn Sandbox,
    argv: Vec<String>,
    env: Vec<(String, String)>,
    cwd: PathBuf,
) -> Result<(ExecEnd, Vec<u8>), SandboxError> {
    let (mut reader, stdout) = pipe()?;
    let stderr = stdout.try_clone().map_err(pipe_failed)?;
    let stdio = Stdio { stdout, stderr };
    let exec = Exec { argv, env, cwd, files: Vec::new(), collect: Vec::new(), collect_limit: 0, stdio };
    let process = sandbox.exec(exec).await?;
    let mut said = Vec::new();
    let mut chunk = vec![0; 4096];
    while said.len() < 1024 * 1024 {
        match reader.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(n) => said.extend_from_slice(&chunk[..n]),
        }
    }
    drop(reader);
    Ok((process.wait().await?.end, said))
}
