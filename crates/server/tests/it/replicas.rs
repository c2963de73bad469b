//! Several servers on one PostgreSQL, with one folder: what one is told, the others know.

use crate::plane::{Hand, World, audit, settings};
use crate::status;
use crate::support::text;
use domain::control::{RunId, RunPhase};
use domain::{Conclusion, LogEnd, RunnerLife, TaskId};
use protocol::{Client, ClientSettings};
use server::serve::{Running, ServerSettings, start};
use server::status::{TellSettings, Teller, Told};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::Postgres;

/// Two servers; the world is that of the first.
struct Pair {
    world: World,
    second: Running,
    _postgres: Arc<Postgres>,
}

/// `None` where there is no PostgreSQL; in CI there is one.
#[expect(clippy::print_stdout, reason = "a test says that it is left out, and why")]
async fn pair(jobs: &str) -> Option<Pair> {
    let Some(postgres) = Postgres::shared().unwrap() else {
        assert!(std::env::var_os("CI").is_none(), "PostgreSQL is not installed; `cargo xtask test` installs it");
        println!("SKIP: PostgreSQL is not installed");
        return None;
    };
    let database = Some(postgres.database().unwrap());
    let workflow = format!("on: workflow_dispatch\njobs:\n{jobs}");
    let on = database.clone();
    let world = World::with_settings(&[(".gitea/workflows/w.yml", workflow.as_str())], |data| ServerSettings {
        database: on,
        ..settings(data)
    })
    .await;
    let second = start(ServerSettings { database, ..settings(world.data.path()) }).await.unwrap();
    Some(Pair { world, second, _postgres: postgres })
}

impl Pair {
    /// The same runner at the second server.
    fn at_second(&self, hand: &Hand) -> Hand {
        let client = Client::new(&ClientSettings::new(format!("http://{}", self.second.address), "0")).unwrap();
        Hand::of(client, hand.key.clone())
    }

    async fn stop(self) {
        self.world.server.stop().await;
        self.second.stop().await;
    }
}

/// Waits until a server says that a run is a success.
async fn succeeds(server: &Running, run: RunId) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let phase = server.plane.store.run(run).await.unwrap().phase;
        if phase == RunPhase::Finished(Conclusion::Success) {
            return;
        }
        assert!(Instant::now() < end, "{phase:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

const JOB: &str = "    runs-on: lab\n    steps: [{run: 'true'}]\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_job_made_at_one_server_runs_at_another_and_its_log_is_seen_at_both() {
    let Some(pair) = pair(&format!("  a:\n{JOB}")).await else { return };
    let first = pair.world.runner(&["lab"]).await;
    let second = pair.at_second(&first);
    let run = pair.world.dispatch("w.yml").await;
    let task = second.take().await;
    second.start(task.id).await;
    // A reader at the first server, rows that come to the second, and then to the first.
    let mut watch = pair.world.server.plane.logs.watch(task.id).await.unwrap();
    assert_eq!(second.log(task.id, 0, &["one", "two"], LogEnd::Open).await.unwrap(), 2);
    watch.wait_for(|facts| facts.rows == 2).await.unwrap();
    assert_eq!(first.log(task.id, 1, &["two", "three"], LogEnd::Open).await.unwrap(), 3);
    assert_eq!(second.log(task.id, 3, &["four"], LogEnd::Last).await.unwrap(), 4);
    watch.wait_for(|facts| facts.end == LogEnd::Last).await.unwrap();
    first.end(task.id, Conclusion::Success, &[]).await;
    for server in [&pair.world.server, &pair.second] {
        let log = text(&server.plane.logs, task.id).await;
        let rows: Vec<&str> = log.lines().filter_map(|line| line.split_once(' ')).map(|(_, row)| row).collect();
        assert_eq!(rows, ["one", "two", "three", "four"]);
        succeeds(server, run.id).await;
    }
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_leaves_its_logs_and_its_jobs_to_the_other() {
    let Some(pair) = pair(&format!("  a:\n{JOB}")).await else { return };
    let first = pair.world.runner(&["lab"]).await;
    let run = pair.world.dispatch("w.yml").await;
    let task = first.take().await;
    first.start(task.id).await;
    first.log(task.id, 0, &["one"], LogEnd::Open).await.unwrap();
    let second = pair.at_second(&first);
    let Pair { world, second: server, _postgres } = pair;
    // Nothing of it is said to the other one.
    drop(world.server);
    assert_eq!(second.log(task.id, 1, &["two"], LogEnd::Last).await.unwrap(), 2);
    second.end(task.id, Conclusion::Success, &[]).await;
    assert!(text(&server.plane.logs, task.id).await.ends_with(" two\n"));
    succeeds(&server, run.id).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_one_group_at_all_servers() {
    let jobs = format!("  a:\n    concurrency: one\n{JOB}");
    let Some(pair) = pair(&jobs).await else { return };
    let (first, other) = (pair.world.runner(&["lab"]).await, pair.world.runner(&["lab"]).await);
    let second = pair.at_second(&other);
    for round in 0..8 {
        // Both servers hear of two runs at about the same time, each its own first.
        let own = pair.world.dispatch("w.yml");
        let project = pair.world.project.clone();
        let inputs = serde_json::Map::new();
        let others = server::event::dispatch(&pair.second.plane, &project, "w.yml", "main", inputs, "somebody");
        let (own, others) = tokio::join!(own, others);
        let runs = [own.id, others.unwrap().id];
        let mut seen: Vec<TaskId> = Vec::new();
        while seen.len() < 2 {
            let (here, there) = tokio::join!(first.fetch(1), second.fetch(1));
            let given: Vec<(&Hand, TaskId)> =
                here.iter().map(|task| (&first, task.id)).chain(there.iter().map(|task| (&second, task.id))).collect();
            assert!(given.len() < 2, "round {round}: both were let in");
            for (hand, task) in given {
                seen.push(task);
                hand.start(task).await;
                let (here, there) = tokio::join!(first.fetch(1), second.fetch(1));
                assert!(here.is_empty() && there.is_empty(), "round {round}: one is in already");
                hand.end(task, Conclusion::Success, &[]).await;
            }
        }
        for run in runs {
            succeeds(&pair.second, run).await;
        }
    }
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_at_one_server_opens_nothing_at_another_within_five_seconds() {
    let Some(pair) = pair(&format!("  a:\n{JOB}")).await else { return };
    let first = pair.world.runner_for(&["lab"], RunnerLife::Lasting).await;
    let second = pair.at_second(&first);
    assert!(second.fetch(1).await.is_empty(), "it is known at once");
    let plane = &pair.world.server.plane;
    let runner = plane.store.runners(None).await.unwrap().remove(0);
    plane.store.remove_runner(runner.id, plane.now(), &audit()).await.unwrap();
    let removed = Instant::now();
    while second.try_fetch().await.is_ok() {
        assert!(removed.elapsed() < Duration::from_secs(5), "its key opens still");
    }
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_servers_tells_a_forge_and_the_other_takes_its_place() {
    let Some(pair) = pair(&format!("  a:\n{JOB}")).await else { return };
    // Somebody else has the lead.
    let lead = pair.second.plane.store.lead("status").await.unwrap().unwrap();
    let (url, heard) = status::forge().await;
    status::set(&pair.world, &url, status::TOKEN).await.unwrap();
    let first = pair.world.dispatch("w.yml").await;
    for server in [&pair.world.server, &pair.second] {
        let mut teller = Teller::new(server.plane.clone(), TellSettings::default());
        assert_eq!(teller.tick().await.unwrap(), Told::default());
    }
    assert!(status::states(&heard).is_empty());
    lead.release().await;
    let told = async |commits: usize| {
        let end = Instant::now() + Duration::from_secs(20);
        while status::count(&heard) < commits {
            assert!(Instant::now() < end);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    told(1).await;
    let Pair { world, second, _postgres } = pair;
    world.server.stop().await;
    server::event::dispatch(&second.plane, &world.project, "w.yml", "main", serde_json::Map::new(), "x").await.unwrap();
    told(2).await;
    assert_eq!(second.plane.store.said(first.id).await.unwrap().len(), 1);
    second.stop().await;
}
