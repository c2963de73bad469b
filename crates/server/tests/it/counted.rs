//! What `/metrics` counts, of a real server.

use crate::browse::Browser;
use crate::plane::World;
use domain::Conclusion;
use domain::control::CancelCause;
use std::time::{Duration, Instant};

const WORKFLOW: &str = "on: workflow_dispatch\njobs:\n  done: {runs-on: lab, steps: [{run: 'true'}]}\n  never: {if: false, runs-on: lab, steps: [{run: 'true'}]}\n  after: {needs: done, if: false, runs-on: lab, steps: [{run: 'true'}]}\n  waits: {runs-on: nobody, steps: [{run: 'true'}]}\n";

#[tokio::test(flavor = "multi_thread")]
async fn jobs_count_whatever_ended_them() {
    let world = World::with(&[(".github/workflows/w.yml", WORKFLOW)]).await;
    let run = world.dispatch("w").await;
    let hand = world.runner(&["lab"]).await;
    let task = hand.take().await.id;
    hand.end(task, Conclusion::Success, &[]).await;
    // Said twice it ended once.
    hand.end(task, Conclusion::Success, &[]).await;
    let by = CancelCause::Person("somebody".to_owned());
    server::run::cancel(&world.server.plane, run.id, by, store::Ending::ByConditions, None).await.unwrap();
    world.finished(&run).await;
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let text = Browser::new(&world).get("/metrics").await.text;
        let mut counts: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("ekiden_jobs_total{result=")).collect();
        counts.sort_unstable();
        if counts == ["\"cancelled\"} 1", "\"failure\"} 0", "\"fault\"} 0", "\"skipped\"} 2", "\"success\"} 1"] {
            break;
        }
        assert!(Instant::now() < end, "{counts:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.server.stop().await;
}
