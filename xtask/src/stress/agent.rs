//! The agent that is killed, and its journal.

use super::points::{Line, Point, Victim};
use crate::processes::{fork_server, jobs};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How often the journal is looked at.
const LOOK: Duration = Duration::from_micros(200);

/// How an agent is started.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) ekiden: PathBuf,
    pub(super) data: PathBuf,
    pub(super) witness: u16,
    /// Jobs at once.
    pub(super) capacity: usize,
}

/// An agent.
#[derive(Debug)]
pub(super) struct Agent(Child);

impl Program {
    /// Makes a runner of it.
    pub(super) fn register(&self, url: &str, token: &str, name: &str, label: &str) -> Result<()> {
        let registered = Command::new(&self.ekiden)
            .args(["agent", "register", "--data"])
            .arg(&self.data)
            .args(["--instance", url, "--token", token, "--name", name, "--labels", label])
            .stdout(Stdio::null())
            .status()?;
        ensure!(registered.success(), "the agent cannot be registered");
        Ok(())
    }

    /// Starts one and waits until it has read its journal.
    pub(super) fn start(&self) -> Result<Agent> {
        let journal = self.data.join("journal.jsonl");
        let number = || std::fs::metadata(&journal).map_or(0, |meta| meta.ino());
        let before = number();
        let log = File::options().create(true).append(true).open(self.data.join("stress.log"))?;
        let mut command = Command::new(&self.ekiden);
        command.args([
            "agent",
            "start",
            "--capacity",
            &self.capacity.to_string(),
            "--allow",
            &format!("127.0.0.1:{}", self.witness),
            "--data",
        ]);
        let child = command.arg(&self.data).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        let end = Instant::now() + Duration::from_secs(20);
        while number() == before {
            ensure!(Instant::now() < end, "the agent does not start; see {}", self.data.join("stress.log").display());
            std::thread::sleep(LOOK);
        }
        Ok(Agent(child))
    }

    /// The end of the journal as it is now.
    pub(super) fn tail(&self) -> Result<Tail> {
        let mut file = File::open(self.data.join("journal.jsonl"))?;
        file.seek(SeekFrom::End(0))?;
        Ok(Tail { file, rest: String::new() })
    }

    /// How many attempts stand where, by the journal.
    pub(super) fn states(&self) -> BTreeMap<&'static str, usize> {
        let text = std::fs::read_to_string(self.data.join("journal.jsonl")).unwrap_or_default();
        let mut tasks: BTreeMap<i64, &'static str> = BTreeMap::new();
        for line in text.lines() {
            let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else { continue };
            let Some(task) = line["task"].as_i64() else { continue };
            let state = match (line["line"].as_str(), line["change"]["change"].as_str()) {
                (Some("taken"), _) => "taken",
                (_, Some("started")) => "running",
                (_, Some("stop_asked")) => "stopping",
                (_, Some("ended")) => "ended",
                _ => "closed",
            };
            tasks.insert(task, state);
        }
        let mut states = BTreeMap::new();
        for state in tasks.into_values().filter(|state| *state != "closed") {
            *states.entry(state).or_default() += 1;
        }
        states
    }

    pub(super) fn has_open(&self) -> bool {
        !self.states().is_empty()
    }
}

/// The journal from a place on.
#[derive(Debug)]
pub(super) struct Tail {
    file: File,
    rest: String,
}

impl Tail {
    /// Waits until so many more lines of a kind were written.
    pub(super) fn wait(&mut self, line: Line, mut more: usize, patience: Duration) -> Result<bool> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            self.file.read_to_string(&mut self.rest)?;
            while let Some((whole, rest)) = self.rest.split_once('\n') {
                more -= usize::from(whole.contains(line.text()));
                self.rest = rest.to_owned();
                if more == 0 {
                    return Ok(true);
                }
            }
            std::thread::sleep(LOOK);
        }
        Ok(false)
    }
}

impl Agent {
    /// Kills it and waits until it is gone.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }

    /// Kills the two newest processes of jobs, once there is one: the newest may be one that only waits for the next job. Answers how many it
    /// killed.
    pub(super) fn kill_a_job(&self) -> Result<usize> {
        let end = Instant::now() + Duration::from_millis(100);
        while Instant::now() < end {
            let mut jobs = jobs(self.0.id());
            jobs.sort_unstable();
            if !jobs.is_empty() {
                return jobs.into_iter().rev().take(2).map(|job| Ok(usize::from(kill(job)?))).sum();
            }
            std::thread::sleep(LOOK);
        }
        Ok(0)
    }

    /// Kills the process from which those of jobs are forked; false where there is none: the next job that needs one brings it.
    pub(super) fn kill_fork_server(&self) -> Result<bool> {
        fork_server(self.0.id()).map_or(Ok(false), kill)
    }

    /// Kills whom a point names.
    pub(super) fn kill_at(&mut self, point: &Point) -> Result<bool> {
        match point.victim {
            Victim::Agent => self.kill().map(|()| true),
            Victim::Job => self.kill_a_job().map(|killed| killed > 0),
        }
    }

    /// Tells it to drain.
    pub(super) fn drain(&self) -> Result<()> {
        let told = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
        ensure!(told.success(), "the agent is gone by itself");
        Ok(())
    }

    /// Whether it is gone by itself.
    pub(super) fn is_gone(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits for its end.
    pub(super) fn end(&mut self) -> Result<()> {
        let status = self.0.wait().context("the agent cannot be waited for")?;
        ensure!(status.success(), "the agent did not end well: {status}");
        Ok(())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether it was killed; it may be gone by itself.
fn kill(process: u32) -> Result<bool> {
    Ok(Command::new("kill").args(["-KILL", &process.to_string()]).stderr(Stdio::null()).status()?.success())
}
