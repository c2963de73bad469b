//! Runs, calls and jobs that give way to newer ones of their concurrency group.

use crate::plane::{Hand, World};
use domain::Conclusion;
use domain::control::RunPhase;
use store::StoredRun;

const PATH: &str = ".gitea/workflows/w.yml";

/// A job, and one that runs however that ended.
const TWO: &str = "jobs:
  a: {runs-on: lab, steps: [{run: 'true'}]}
  b: {needs: a, if: always(), runs-on: lab, steps: [{run: 'true'}]}
";

/// Ends the only task that is to be had; gives the job's name.
async fn end_next(runner: &Hand) -> String {
    let mut tasks = runner.fetch(9).await;
    while tasks.is_empty() {
        tasks = runner.fetch(9).await;
    }
    assert_eq!(tasks.len(), 1, "one of the group at a time: {tasks:?}");
    runner.end(tasks[0].id, Conclusion::Success, &[]).await;
    tasks[0].context["job"].as_str().unwrap().to_owned()
}

async fn sorted(world: &World, run: &StoredRun) -> Vec<String> {
    let mut states = world.states(run).await;
    states.sort();
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_gave_way_ends_whole() {
    let text = format!("on: workflow_dispatch\nconcurrency: G\n{TWO}");
    let world = World::with(&[(PATH, &text)]).await;
    let runner = world.runner(&["lab"]).await;
    let first = world.dispatch("w.yml").await;
    let task = runner.take().await;
    let second = world.dispatch("w.yml").await;
    let third = world.dispatch("w.yml").await;
    assert_eq!(world.finished(&second).await, Conclusion::Cancelled);
    assert_eq!(sorted(&world, &second).await, ["a: cancelled", "b: cancelled"]);
    runner.end(task.id, Conclusion::Success, &[]).await;
    assert_eq!(end_next(&runner).await, "b");
    assert_eq!(world.finished(&first).await, Conclusion::Success);
    assert_eq!(end_next(&runner).await, "a");
    assert_eq!(end_next(&runner).await, "b");
    assert_eq!(world.finished(&third).await, Conclusion::Success);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_for_a_newer_one_keeps_its_group_until_what_always_runs_has_run() {
    let text = format!("on: workflow_dispatch\nconcurrency: {{group: G, cancel-in-progress: true}}\n{TWO}");
    let world = World::with(&[(PATH, &text)]).await;
    let runner = world.runner(&["lab"]).await;
    let first = world.dispatch("w.yml").await;
    let task = runner.take().await;
    runner.start(task.id).await;
    let second = world.dispatch("w.yml").await;
    world.until(&first, |run, _| run.phase == RunPhase::Cancelling).await;
    let third = world.dispatch("w.yml").await;
    let fourth = world.dispatch("w.yml").await;
    for between in [&second, &third] {
        assert_eq!(world.finished(between).await, Conclusion::Cancelled);
        assert_eq!(sorted(&world, between).await, ["a: cancelled", "b: cancelled"]);
    }
    runner.end(task.id, Conclusion::Cancelled, &[]).await;
    assert_eq!(end_next(&runner).await, "b");
    assert_eq!(world.finished(&first).await, Conclusion::Cancelled);
    assert_eq!(sorted(&world, &first).await, ["a: cancelled", "b: success"]);
    assert_eq!(end_next(&runner).await, "a");
    assert_eq!(end_next(&runner).await, "b");
    assert_eq!(world.finished(&fourth).await, Conclusion::Success);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_gave_way_ends_whole_and_what_is_after_it_goes_on() {
    let called = format!("on: workflow_call\nconcurrency: G\n{TWO}");
    let text = "on: workflow_dispatch\njobs:
  call: {uses: ./.gitea/workflows/called.yml}
  after: {needs: call, if: always(), runs-on: other, steps: [{run: 'true'}]}
";
    let world = World::with(&[(PATH, text), (".gitea/workflows/called.yml", &called)]).await;
    let runner = world.runner(&["lab"]).await;
    let other = world.runner(&["other"]).await;
    let first = world.dispatch("w.yml").await;
    let task = runner.take().await;
    let second = world.dispatch("w.yml").await;
    let third = world.dispatch("w.yml").await;
    assert_eq!(end_next(&other).await, "after");
    assert_eq!(world.finished(&second).await, Conclusion::Cancelled);
    assert_eq!(sorted(&world, &second).await, ["after: success", "call / a: cancelled", "call / b: cancelled"]);
    let detail = world.jobs(&second).await.into_iter().find(|job| job.id.as_str() == "call / b").unwrap().phase;
    let gave_way = domain::control::CancelCause::GaveWay("G".to_owned());
    let never = domain::control::JobEnd::NeverRan(domain::control::NeverRan::Cancelled(gave_way));
    assert_eq!(detail.end(), Some(&never));
    runner.end(task.id, Conclusion::Success, &[]).await;
    assert_eq!(end_next(&runner).await, "b");
    for job in ["a", "b"] {
        assert_eq!(end_next(&runner).await, job);
    }
    // Of no group: both may be there at once.
    for _ in 0..2 {
        let task = other.take().await;
        assert_eq!(task.context["job"], "after");
        other.end(task.id, Conclusion::Success, &[]).await;
    }
    for run in [&first, &third] {
        assert_eq!(world.finished(run).await, Conclusion::Success);
    }
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gave_way_is_over_also_for_a_server_that_starts_again() {
    let text = format!("on: workflow_dispatch\nconcurrency: G\n{TWO}");
    let world = World::with(&[(PATH, &text)]).await;
    let runner = world.runner(&["lab"]).await;
    let first = world.dispatch("w.yml").await;
    let task = runner.take().await;
    // As an earlier version left it: cancelled for the group, and what always runs waits.
    let stuck = world.dispatch("w.yml").await;
    let by = domain::control::CancelCause::Concurrency("G".to_owned());
    server::run::cancel(&world.server.plane, stuck.id, by, store::Ending::Again, None).await.unwrap();
    world.until(&stuck, |_, jobs| jobs.iter().any(|job| job.id.as_str() == "b" && job.phase.word() == "queued")).await;
    let world = world.again().await;
    let runner = Hand::at(&world, runner.key);
    let third = world.dispatch("w.yml").await;
    assert_eq!(world.finished(&stuck).await, Conclusion::Cancelled);
    assert_eq!(sorted(&world, &stuck).await, ["a: cancelled", "b: cancelled"]);
    runner.end(task.id, Conclusion::Success, &[]).await;
    for job in ["b", "a", "b"] {
        assert_eq!(end_next(&runner).await, job);
    }
    assert_eq!(world.finished(&first).await, Conclusion::Success);
    assert_eq!(world.finished(&third).await, Conclusion::Success);
    world.server.stop().await;
}
