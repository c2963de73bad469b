//! `cargo xtask bench`: every bench of the workspace, one after the other; each prints its medians and ratios. With `--ekiden BIN` the whole server
//! instead: a program that is started, with runners of the bench's own (`waiting`, `queue`) or an agent of ours (`begin`).

mod begin;
mod figures;
mod inits;
mod queue;
mod runner;
mod served;
mod waiting;

use crate::workspace::{Workspace, cargo};
use crate::{Outcome, run as run_command, say};
use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;

pub(crate) fn run(words: &[String]) -> Result<Outcome> {
    if let Some(at) = words.iter().position(|word| word == "--ekiden") {
        return of_server(&words[..at], &words[at + 1..]);
    }
    let names = words;
    let workspace = Workspace::load()?;
    warn_of_load();
    let mut found = false;
    for package in &workspace.packages {
        for target in package.targets.iter().filter(|target| target.kind.iter().any(|kind| kind == "bench")) {
            let name = format!("{}/{}", package.short_name(), target.name);
            if names.is_empty() || names.iter().any(|wanted| name.contains(wanted.as_str())) {
                found = true;
                say(&format!("\n== {name}"));
                run_command(cargo().args(["bench", "--quiet", "--package", &package.name, "--bench", &target.name]))?;
            }
        }
    }
    anyhow::ensure!(found, "no bench of such a name");
    Ok(Outcome::Good)
}

/// Measures one thing of the whole server.
type Room = fn(&Wanted) -> Result<()>;

/// The rooms of the whole server: all, or those that are named before `--ekiden`.
fn of_server(names: &[String], words: &[String]) -> Result<Outcome> {
    let (program, rest) = words.split_first().context("--ekiden needs the program")?;
    let wanted = Wanted::of(program, rest)?;
    warn_of_load();
    let known: [(&str, Room); 3] = [("waiting", waiting::run), ("begin", begin::run), ("queue", queue::run)];
    for name in names {
        anyhow::ensure!(known.iter().any(|(known, _)| known == name), "'{name}' is none of waiting, begin, queue");
    }
    for (name, room) in known {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            say(&format!("\n== the whole server: {name}"));
            room(&wanted)?;
        }
    }
    Ok(Outcome::Good)
}

/// What the rooms of the whole server are told.
#[derive(Debug)]
struct Wanted {
    ekiden: PathBuf,
    /// How many runners wait.
    runners: usize,
    /// How many jobs are queued: one figure after the other, ascending.
    queued: Vec<usize>,
    /// How many are measured.
    times: usize,
    /// For how long it is looked at.
    seconds: u64,
}

impl Wanted {
    fn of(program: &str, rest: &[String]) -> Result<Self> {
        let ekiden = std::fs::canonicalize(program).with_context(|| format!("{program} is not there"))?;
        let mut wanted =
            Self { ekiden, runners: 10_000, queued: vec![1_000, 10_000, 100_000], times: 200, seconds: 60 };
        for pair in rest.chunks(2) {
            let [name, value] = pair else { bail!("{} needs a value", pair[0]) };
            match name.as_str() {
                "--runners" => wanted.runners = value.parse()?,
                "--queued" => wanted.queued = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
                "--times" => wanted.times = value.parse()?,
                "--seconds" => wanted.seconds = value.parse()?,
                other => bail!("'{other}' is none of --runners, --queued, --times, --seconds"),
            }
        }
        Ok(wanted)
    }
}

fn warn_of_load() {
    if let Ok(load) = std::fs::read_to_string("/proc/loadavg") {
        let now: f64 = load.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default();
        if now > 0.5 {
            say(&format!("note: the machine is busy (load {now}); figures will be worse than they are"));
        }
    }
}
