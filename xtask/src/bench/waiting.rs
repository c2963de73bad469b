//! Thousands of runners with a question open: what the server holds of the machine's memory and uses of a core, and how soon a job finds the one
//! runner that may have it.

use super::Wanted;
use super::figures::{milliseconds, tell};
use super::runner::Runner;
use super::served::{Plot, dispatch};
use crate::say;
use anyhow::{Context as _, Result, ensure};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use testkit::Rest;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// What our agents ask for.
const HOLD: Duration = Duration::from_secs(50);
/// So long after the last question the server has calmed down.
const CALM: Duration = Duration::from_secs(5);
const ONE: &str = "on: workflow_dispatch\njobs: {a: {runs-on: one, steps: [{run: 'true'}]}}\n";

pub(super) fn run(wanted: &Wanted) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(measure(wanted))
}

async fn measure(wanted: &Wanted) -> Result<()> {
    let plot = Plot::new(&wanted.ekiden, &[(".gitea/workflows/one.yml", ONE)]);
    let served = plot.start()?;
    let (empty, token) = (served.memory()?, served.registration()?);
    let address = served.rest.address.clone();
    let begin = Instant::now();
    let one = Runner::register(&address, &token, "one", &["one"]).await?;
    let mut runners = Vec::with_capacity(wanted.runners);
    for number in 1..wanted.runners {
        runners.push(Runner::register(&address, &token, &format!("r{number}"), &["lab"]).await?);
    }
    say(&format!("{} runners registered in {:.1} s", wanted.runners, begin.elapsed().as_secs_f64()));
    let asked = Arc::new(AtomicUsize::new(0));
    // A runner whose question is not answered is done.
    let mut waiting = JoinSet::new();
    for mut runner in runners {
        runner.connect().await.context("the limit of open files (ulimit -n) must be above the runners")?;
        let asked = Arc::clone(&asked);
        waiting.spawn(async move {
            loop {
                asked.fetch_add(1, Ordering::Relaxed);
                if let Err(error) = runner.fetch(HOLD).await {
                    return error;
                }
            }
        });
    }
    // The one gets every job there is, and says when.
    let (answered, mut answers) = mpsc::unbounded_channel();
    tokio::spawn(take_all(one, answered));
    tokio::time::sleep(CALM).await;
    let (used, before) = (served.used(), asked.load(Ordering::Relaxed));
    ensure!(before + 1 >= wanted.runners, "only {before} runners have asked after {CALM:?}");
    let time = Duration::from_secs(wanted.seconds);
    tokio::time::sleep(time).await;
    let share = (served.used() - used).as_secs_f64() / time.as_secs_f64() * 100.0;
    let questions = asked.load(Ordering::Relaxed) - before;
    none_is_gone(&mut waiting)?;
    say(&format!(
        "{} runners wait: {:.0} MB (empty {empty:.0}), {share:.1} % of a core over {} s, in which {questions} questions were asked anew",
        wanted.runners,
        served.memory()?,
        wanted.seconds
    ));
    let rest = served.rest.clone();
    let mut times = Vec::new();
    for _ in 0..wanted.times {
        times.push(one_job(&rest, &mut answers).await?);
    }
    none_is_gone(&mut waiting)?;
    tell("dispatch -> answer to the one runner", times);
    say(&format!("stopped in {:.0} ms", milliseconds(timed(|| served.stop())?)));
    Ok(())
}

/// What was measured is of runners that all waited.
fn none_is_gone(waiting: &mut JoinSet<anyhow::Error>) -> Result<()> {
    let all = waiting.len();
    let Some(first) = waiting.try_join_next() else { return Ok(()) };
    let error = first?;
    // Whoever is gone besides is only counted.
    let more = std::iter::from_fn(|| waiting.try_join_next()).count();
    Err(error.context(format!("{} of {all} runners do not wait any more", more + 1)))
}

async fn take_all(mut one: Runner, answered: mpsc::UnboundedSender<Instant>) -> Result<()> {
    loop {
        if let Some(task) = one.fetch(HOLD).await? {
            answered.send(Instant::now())?;
            one.end(&task).await?;
        }
    }
}

async fn one_job(rest: &Rest, answers: &mut mpsc::UnboundedReceiver<Instant>) -> Result<Duration> {
    // The runner has ended its last job and asks again.
    tokio::time::sleep(Duration::from_millis(10)).await;
    let rest = rest.clone();
    let begin = Instant::now();
    tokio::task::spawn_blocking(move || dispatch(&rest, "one.yml")).await??;
    let at = tokio::time::timeout(HOLD, answers.recv()).await?.context("the one runner is gone")?;
    Ok(at - begin)
}

fn timed(what: impl FnOnce() -> Result<()>) -> Result<Duration> {
    let begin = Instant::now();
    what()?;
    Ok(begin.elapsed())
}
