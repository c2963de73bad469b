//! Being told to stop, and how far.

use super::stand::{Running, Stand, begins, good, waits};
use agent::{AgentEnd, AgentError, Stop};
use domain::{Conclusion, RunnerLife, TaskId};
use protocol::Dialect;
use std::time::Duration;
use testkit::Mischief;

#[tokio::test]
async fn a_drain_lets_jobs_end_and_takes_no_more() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add([1]);
    let agent = Running::start(stand.settings(1, &waits()));
    stand.running(1).await;
    let data = stand.data.path().to_owned();
    let draining = tokio::task::spawn_blocking(move || agent::drain(&data)).await.unwrap().unwrap();
    assert_eq!(draining.jobs, 1);
    stand.add([2]);
    let data = stand.data.path().to_owned();
    let status = tokio::task::spawn_blocking(move || agent::ask(&data)).await.unwrap().unwrap();
    assert_eq!((status.stop, status.work.attempts[0].job.as_str()), (Stop::Drain, "build"));
    stand.forge.cancel(TaskId(1));
    assert_eq!(agent.end().await.unwrap(), AgentEnd::Stopped);
    assert_eq!((stand.forge.handed_out(TaskId(2)), stand.runs()), (0, vec![1]));
    let error = agent::ask(stand.data.path()).unwrap_err();
    assert!(error.to_string().contains("no agent runs"), "{error}");
    stand.assert_one_end(1, Conclusion::Cancelled);
}

#[tokio::test]
async fn a_second_signal_cancels_what_runs() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add([1]);
    let agent = Running::start(stand.settings(1, &waits()));
    stand.running(1).await;
    assert_eq!((agent.stop.further(), agent.stop.further()), (Stop::Drain, Stop::Cancel));
    assert_eq!(agent.end().await.unwrap(), AgentEnd::Stopped);
    stand.assert_one_end(1, Conclusion::Cancelled);
}

#[tokio::test]
async fn a_drain_that_lasts_too_long_cancels_what_runs() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add([1]);
    let mut settings = stand.settings(1, &waits());
    settings.drain_timeout = Some(Duration::from_millis(50));
    let agent = Running::start(settings);
    stand.running(1).await;
    agent.stop.ask(Stop::Drain);
    assert_eq!(agent.end().await.unwrap(), AgentEnd::Stopped);
    stand.assert_one_end(1, Conclusion::Cancelled);
}

#[tokio::test]
async fn a_third_signal_kills_and_the_next_start_says_so_once() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add([1]);
    let deaf = format!("{}exec sleep 1000\n", begins());
    let mut settings = stand.settings(1, &deaf);
    settings.grace = Duration::from_secs(1000);
    let agent = Running::start(settings);
    stand.running(1).await;
    agent.stop.ask(Stop::Kill);
    assert_eq!(agent.end().await.unwrap(), AgentEnd::Killed(1));
    assert_eq!(stand.forge.result(TaskId(1)), None);
    let agent = Running::start(stand.settings(1, &good()));
    assert_eq!(stand.ended(1).await, Conclusion::Failure);
    agent.stop.ask(Stop::Drain);
    assert_eq!(agent.end().await.unwrap(), AgentEnd::Stopped);
    stand.assert_one_end(1, Conclusion::Failure);
    assert_eq!(stand.runs(), [1]);
    assert!(stand.log(1).contains("the agent was killed while the job ran"), "{}", stand.log(1));
    // It is not said again.
    let reports = stand.forge.reports(TaskId(1)).len();
    let agent = Running::start(stand.settings(1, &good()));
    stand.add([2]);
    stand.ended(2).await;
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
    assert_eq!(stand.forge.reports(TaskId(1)).len(), reports);
}

#[tokio::test]
async fn a_process_that_does_not_stop_is_killed() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add(1..=2);
    let agent = Running::start(stand.settings(1, &format!("{}exec sleep 1000\n", begins())));
    stand.running(1).await;
    stand.forge.cancel(TaskId(1));
    stand.running(2).await;
    assert!(stand.log(1).contains("did not stop in time"), "{}", stand.log(1));
    stand.forge.cancel(TaskId(2));
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
}

#[tokio::test]
async fn a_folder_has_one_agent() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add([1]);
    let agent = Running::start(stand.settings(1, &good()));
    stand.ended(1).await;
    let error = Running::start(stand.settings(1, &good())).end().await.unwrap_err();
    assert!(matches!(error, AgentError::Taken { .. }), "{error}");
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
}

#[tokio::test]
async fn a_drain_does_not_wait_long_for_a_forge_that_does_not_answer() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.forge.misbehave("FetchTask", Mischief::Slow(Duration::from_secs(300)), 1);
    let mut settings = stand.settings(1, &good());
    (settings.fetch_timeout, settings.last_fetch) = (Duration::from_secs(200), Duration::from_millis(20));
    let agent = Running::start(settings);
    stand.until(|forge| forge.calls().iter().any(|call| call == "FetchTask")).await;
    agent.stop.ask(Stop::Drain);
    assert_eq!(agent.end().await.unwrap(), AgentEnd::Stopped);
}

#[tokio::test]
async fn what_a_late_answer_brings_to_a_drain_is_run() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.forge.misbehave("FetchTask", Mischief::Slow(Duration::from_millis(300)), 1);
    stand.add([1]);
    let agent = Running::start(stand.settings(1, &good()));
    stand.until(|forge| forge.handed_out(TaskId(1)) > 0).await;
    agent.stop.ask(Stop::Drain);
    assert_eq!(agent.end().await.unwrap(), AgentEnd::Stopped);
    stand.assert_one_end(1, Conclusion::Success);
}
