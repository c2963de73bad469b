//! One process of a step: its output is read while it runs, and it is ended when its guard says so.

use super::guard::{Condition, Guard, Stop};
use super::request::Timing;
use crate::cancel::Cancel;
use sandbox::{Collected, Exec, ExecEnd, InsideFile, Process, Sandbox, SandboxError, Signal, Stdio};
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
    fn take(&mut self, bytes: &[u8]) -> impl Future<Output = ()> + Send;
}

/// Runs a process to its end.
///
/// Standard output and error share a pipe, so that their lines keep the order in which they were written.
pub(crate) async fn run(
    sandbox: &dyn Sandbox,
    launch: Launch,
    output: &mut impl Output,
    guard: &Guard,
    timing: &Timing,
    known: Cancel,
    condition: &dyn Condition,
) -> Result<Finished, SandboxError> {
    let (mut reader, stdio) = pipe()?;
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
    let mut pipe = Pipe::Open;
    let mut ended = None;
    let mut stopped: Option<Stop> = None;
    // What comes next when the process does not end: from the moment of a stop, or of an end with the pipe still open.
    let mut next: Option<(Instant, Step)> = None;
    while ended.is_none() || pipe == Pipe::Open {
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
            read = reader.read(&mut chunk), if pipe == Pipe::Open => match read {
                Ok(0) | Err(_) => pipe = Pipe::Closed,
                Ok(n) => output.take(&chunk[..n]).await,
            },
            () = sleep_until(next.map_or_else(Instant::now, |(at, _)| at)), if next.is_some() => {
                next = escalate(process.as_ref(), next.map(|(_, step)| step), timing, ended.is_some(), &mut pipe).await?;
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pipe {
    Open,
    Closed,
}

async fn escalate(
    process: &dyn Process,
    step: Option<Step>,
    timing: &Timing,
    has_ended: bool,
    pipe: &mut Pipe,
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
            *pipe = Pipe::Closed;
            Ok(None)
        }
        Some(Step::GiveUp) | None => Err(SandboxError::Gone),
    }
}

fn pipe() -> Result<(pipe::Receiver, Stdio), SandboxError> {
    let failed = |source| SandboxError::Io { what: "make a pipe for a step's output".to_owned(), source };
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    let stderr = OwnedFd::from(writer.try_clone().map_err(failed)?);
    let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(failed)?;
    Ok((reader, Stdio { stdout: OwnedFd::from(writer), stderr }))
}

/// Runs a small command of the engine's own; its exit and what it said on standard output and error, at most 1 MiB.
pub(crate) async fn capture(
    sandbox: &dyn Sandbox,
    argv: Vec<String>,
    env: Vec<(String, String)>,
    cwd: PathBuf,
) -> Result<(ExecEnd, Vec<u8>), SandboxError> {
    let (mut reader, stdio) = pipe()?;
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
