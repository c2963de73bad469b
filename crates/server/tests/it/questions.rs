//! Questions of runners, and what answers them: what is open stays open, and an answer is no longer than a runner takes.

use crate::plane::World;
use domain::Conclusion;

const PATH: &str = ".gitea/workflows/w.yml";

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
