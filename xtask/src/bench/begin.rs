//! From the moment at which a job is queued in the store to the first instruction that its sandbox's init has for it, and to that of its first step's shell,
//! with an idle agent of ours. With it: from the dispatch. Each job is to find a process that waits for it, and with it an init; how many did is told.

use super::Wanted;
use super::figures::tell;
use super::inits::Inits;
use super::served::{PROJECT, Plot};
use crate::moment::since_1970;
use crate::processes::jobs;
use crate::say;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use testkit::Rest;

const ONE: &str =
    "on: workflow_dispatch\njobs: {a: {runs-on: lab, steps: [{run: 'echo \"began ${EPOCHREALTIME/./}\"'}]}}\n";
/// The agent readies the next job's process a quarter of a second after a job began, and that takes a moment; so long after a job's end it is ready.
const REST: Duration = Duration::from_millis(600);
/// So long a job may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The agent; killed when dropped.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn run(wanted: &Wanted) -> Result<()> {
    let plot = Plot::new(&wanted.ekiden, &[(".gitea/workflows/one.yml", ONE)]);
    let served = plot.start()?;
    let (data, url) = (plot.folder("agent"), format!("http://{}", served.rest.address));
    let token = served.registration()?;
    let mut register = plot.command();
    register.args(["agent", "register", "--instance", &url, "--token", &token, "--name", "bench", "--labels", "lab"]);
    let registered = register.arg("--data").arg(&data).output()?;
    ensure!(registered.status.success(), "no agent: {}", String::from_utf8_lossy(&registered.stderr));
    let said = std::fs::File::create(plot.folder("agent.log"))?;
    let mut start = plot.command();
    start.args(["agent", "start", "--capacity", "1", "--data"]).arg(&data).stdout(Stdio::null()).stderr(said);
    let agent = Agent(start.spawn()?);
    let (mut to_init, mut of_queue, mut of_dispatch, mut ready) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let mut inits = Inits::listen().inspect_err(|error| say(&format!("inits are not seen: {error:#}"))).ok();
    for number in 0..=wanted.times {
        let is_ready = !jobs(agent.0.id()).is_empty();
        let dispatched = SystemTime::now().duration_since(UNIX_EPOCH)?;
        served.dispatch("one.yml")?;
        let (queued, began) = of_last(&served.rest, number + 1)?;
        // The first job finds an agent that is still beginning.
        if number > 0 {
            of_queue.push(began.saturating_sub(queued));
            of_dispatch.push(began.saturating_sub(dispatched));
            ready += usize::from(is_ready);
        }
        if let Some(inits) = &mut inits {
            // The one that waited is the first that goes on.
            let first = inits.take()?.into_iter().filter(|at| (queued..began).contains(at)).min();
            to_init.extend(first.filter(|_| number > 0).map(|first| first.saturating_sub(queued)));
        }
        std::thread::sleep(REST);
    }
    tell("queued in the store -> first instruction of the sandbox's init for it", to_init);
    tell("queued in the store -> first step's shell", of_queue);
    tell("dispatch -> first step's shell", of_dispatch);
    say("(the store's moments are whole milliseconds)");
    say(&format!("{ready} of {} jobs found a process that waited for them", wanted.times));
    drop(agent);
    served.stop()
}

/// When the job of the last run was queued, and when it began, since 1970.
fn of_last(rest: &Rest, runs: usize) -> Result<(Duration, Duration)> {
    let end = Instant::now() + PATIENCE;
    loop {
        let list = rest.call("GET", &format!("/repos/{PROJECT}/actions/runs?limit=1"), None)?;
        let run = &list["workflow_runs"][0];
        if list["total_count"].as_u64() == u64::try_from(runs).ok() && run["status"] == "completed" {
            let id = run["id"].as_i64().context("a run without a number")?;
            let jobs = rest.call("GET", &format!("/repos/{PROJECT}/actions/runs/{id}/jobs"), None)?;
            let job = &jobs["jobs"][0];
            ensure!(job["conclusion"] == "success", "a job failed: {job}");
            let log = rest.log(PROJECT, job["id"].as_i64().context("a job without a number")?)?;
            let began = log.lines().filter_map(|line| line.rsplit_once(" began ")).find_map(|(_, at)| at.parse().ok());
            return Ok((
                moment(&job["created_at"])?,
                Duration::from_micros(began.context("the log does not say when")?),
            ));
        }
        ensure!(Instant::now() < end, "a job did not end: {run}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn moment(text: &Value) -> Result<Duration> {
    text.as_str().and_then(since_1970).context("no moment")
}
