//! Questions of runners, and what answers them: what is open stays open, and an answer is no longer than a runner takes.

use crate::plane::World;
use domain::control::RunnerChange;
use domain::{Conclusion, TasksVersion};
use protocol::{Fetch, Want};
use std::time::Duration;
use store::StoredRunner;

const PATH: &str = ".gitea/workflows/w.yml";

#[tokio::test(flavor = "multi_thread")]
async fn a_question_outlives_that_its_runner_seemed_silent() {
    let world =
        World::with(&[(PATH, "on: workflow_dispatch\njobs:\n  a: {runs-on: lab, steps: [{run: 'true'}]}\n")]).await;
    let hand = world.runner(&["lab"]).await;
    let (held, key) = (hand.client.held(Duration::from_secs(40)), hand.key.clone());
    let fetch = Fetch { version: TasksVersion::UNKNOWN, want: Want::One, key: None };
    let asked = tokio::spawn(async move { held.fetch(&key, fetch).await });
    let plane = &world.server.plane;
    // Its question is known when a job is said to be ready for it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let runner = plane.store.runners(None).await.unwrap().remove(0);
    for change in [RunnerChange::Silent(plane.now()), RunnerChange::Heard(plane.now())] {
        let phase = plane.store.change_runner(runner.id, change, plane.now(), None).await.unwrap();
        plane.queue.runner(StoredRunner { phase, ..runner.clone() });
    }
    let run = world.dispatch(PATH).await;
    let fetched = tokio::time::timeout(Duration::from_secs(15), asked).await.expect("it is asked still");
    let task = fetched.unwrap().unwrap().tasks.remove(0);
    hand.end(task.id, Conclusion::Success, &[]).await;
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_answer_cannot_hold_waits_for_the_next() {
    let file = "on: workflow_dispatch\njobs:\n  a: {runs-on: lab, steps: [{run: 'true'}]}\n  b: {needs: a, runs-on: lab, steps: [{run: 'true'}]}\n  \
                c: {needs: a, runs-on: lab, steps: [{run: 'true'}]}\n";
    let world = World::with(&[(PATH, file)]).await;
    let hand = world.runner(&["lab"]).await;
    let run = world.dispatch(PATH).await;
    let (first, text) = (hand.take().await, "x".repeat(1 << 20));
    let names: Vec<String> = (0..40).map(|number| format!("o{number}")).collect();
    let outputs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), text.as_str())).collect();
    hand.end(first.id, Conclusion::Success, &outputs).await;
    world.until(&run, |_, jobs| jobs.iter().filter(|job| job.phase.word() == "queued").count() == 2).await;
    let mut taken = Vec::new();
    while taken.len() < 2 {
        let tasks = hand.fetch(2).await;
        assert!(tasks.len() <= 1, "both are longer than a message may be");
        for task in tasks {
            assert_eq!(task.needs["a"].outputs.len(), 40);
            hand.start(task.id).await;
            taken.push(task.id);
        }
    }
    for task in taken {
        hand.end(task, Conclusion::Success, &[]).await;
    }
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    world.server.stop().await;
}
