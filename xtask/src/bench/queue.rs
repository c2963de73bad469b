//! Assignment behind many queued jobs: a runner that has ended its job and takes the next of the line, and a job that is dispatched for a runner that
//! waits. With the server's memory, and how long its start takes that reads the queue.

use super::Wanted;
use super::figures::tell;
use super::runner::Runner;
use super::served::{Plot, Served, dispatch};
use crate::say;
use anyhow::{Context as _, Result};
use std::time::{Duration, Instant};

const HOLD: Duration = Duration::from_secs(50);
/// Jobs that one dispatch makes.
const MATRIX: usize = 256;
const ONE: &str = "on: workflow_dispatch\njobs: {a: {runs-on: one, steps: [{run: 'true'}]}}\n";

pub(super) fn run(wanted: &Wanted) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(measure(wanted))
}

fn many(label: &str) -> String {
    let values: Vec<String> = (0..16).map(|value: u8| value.to_string()).collect();
    let values = values.join(", ");
    format!(
        "on: workflow_dispatch\njobs:\n  a:\n    runs-on: {label}\n    strategy: {{matrix: {{a: [{values}], b: [{values}]}}}}\n    steps: [{{run: 'true'}}]\n"
    )
}

async fn measure(wanted: &Wanted) -> Result<()> {
    let plot =
        Plot::new(&wanted.ekiden, &[(".gitea/workflows/one.yml", ONE), (".gitea/workflows/many.yml", &many("line"))]);
    let mut served = plot.start()?;
    let token = served.registration()?;
    let address = served.rest.address.clone();
    let mut one = Runner::register(&address, &token, "one", &["one"]).await?;
    let mut line = Runner::register(&address, &token, "line", &["line"]).await?;
    let mut queued = 0;
    for goal in &wanted.queued {
        let (begin, before) = (Instant::now(), queued);
        while queued < *goal {
            served.dispatch("many.yml")?;
            queued += MATRIX;
        }
        let made = (queued - before) as f64 / begin.elapsed().as_secs_f64();
        let after_filling = served.memory()?;
        served.stop()?;
        served = plot.start()?;
        for runner in [&mut one, &mut line] {
            runner.moved(&served.rest.address);
        }
        say(&format!(
            "{queued} queued ({made:.0} a second): start {:.0} ms, memory {:.0} MB (before the start {after_filling:.0})",
            served.started_in.as_secs_f64() * 1000.0,
            served.memory()?
        ));
        let taken = next_of_the_line(&mut line, wanted.times).await?;
        // The first one it had before anything was measured.
        queued -= taken.len() + 1;
        tell("  end of a job -> the next of the line", taken);
        tell("  dispatch -> the runner that waits for it", for_who_waits(&served, &mut one, wanted.times).await?);
    }
    served.stop()
}

/// From the report of an end to the next task, question and answer included.
async fn next_of_the_line(runner: &mut Runner, times: usize) -> Result<Vec<Duration>> {
    let mut task = runner.fetch(HOLD).await?.context("nothing in the line")?;
    let mut all = Vec::with_capacity(times);
    for _ in 0..times {
        let begin = Instant::now();
        runner.end(&task).await?;
        task = runner.fetch(HOLD).await?.context("the line is at its end")?;
        all.push(begin.elapsed());
    }
    runner.end(&task).await?;
    Ok(all)
}

/// From a dispatch to the task at a runner that has asked before.
async fn for_who_waits(served: &Served, runner: &mut Runner, times: usize) -> Result<Vec<Duration>> {
    let mut all = Vec::with_capacity(times);
    for _ in 0..times {
        let rest = served.rest.clone();
        let dispatched = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let begin = Instant::now();
            tokio::task::spawn_blocking(move || dispatch(&rest, "one.yml")).await??;
            anyhow::Ok(begin)
        };
        let asked = async { anyhow::Ok((runner.fetch(HOLD).await?.context("no task came")?, Instant::now())) };
        let (begin, answered) = tokio::join!(dispatched, asked);
        let (task, at) = answered?;
        all.push(at - begin?);
        runner.end(&task).await?;
    }
    Ok(all)
}
