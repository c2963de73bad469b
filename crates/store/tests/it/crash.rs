//! A server that is killed at any moment leaves what is true (`security` R81, R82): states that fit each other, no job twice with runners, no end twice.

use super::runs::{job, new_project, new_runner, run_of, taker};
use crate::support::{Setting, at, contract};
use domain::control::{CancelCause, Hold, JobChange, JobPhase, ProjectId, RunJob, RunPhase, RunTally, RunnerChange};
use domain::{Conclusion, JobId, RunnerId, TaskId};
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::Duration;
use store::{Advance, NewJob, Report, RunFilter, Store, StoreError};

contract!(whenever_it_is_killed_the_store_is_true);

/// Names the database for the process that is killed.
const DATABASE: &str = "EKIDEN_TEST_CRASH_DATABASE";
const ROUNDS: u64 = 12;

async fn whenever_it_is_killed_the_store_is_true(Setting { store, url, .. }: Setting) {
    let project = new_project(&store).await;
    for number in 0..3 {
        new_runner(&store, number, Some(50)).await;
    }
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::works_until_it_is_killed", "--nocapture"])
            .env(DATABASE, &url)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Not before it did something, then at any moment.
        let before = store.count_runs(&RunFilter::default()).await.unwrap();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while store.count_runs(&RunFilter::default()).await.unwrap() < before + 2 {
            assert!(tokio::time::Instant::now() < deadline, "the child does nothing");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(round * 3_701 % 40_000)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        is_true(&store, project).await;
    }
    settle(&store).await;
    is_true(&store, project).await;
    for run in store.runs(&RunFilter { limit: 10_000, ..RunFilter::default() }).await.unwrap() {
        assert!(matches!(run.phase, RunPhase::Finished(_)), "{run:?}");
    }
    assert!(store.out().await.unwrap().is_empty() && store.runs_behind(9).await.unwrap().is_empty());
}

/// What must hold at any moment. On PostgreSQL the end of a killed client's transaction may come a moment later: all of it is read until it stands still.
async fn is_true(store: &Store, project: ProjectId) {
    let mut out: BTreeMap<RunnerId, BTreeSet<TaskId>> = BTreeMap::new();
    let (tasks, runners) = still(async || (store.out().await.unwrap(), store.runners(None).await.unwrap())).await;
    for (task, job) in tasks {
        assert_eq!(job.phase.lease().map(|lease| (lease.task, lease.runner)), Some((task.id, task.runner)));
        assert!(out.entry(task.runner).or_default().insert(task.id));
    }
    for runner in runners {
        assert_eq!(runner.phase.tasks().collect::<BTreeSet<_>>(), out.remove(&runner.id).unwrap_or_default());
    }
    assert!(out.is_empty(), "{out:?}");
    let tasks = store.tasks_of_project(project, 0, 100_000).await.unwrap();
    let filter = RunFilter { project: Some(project), limit: 10_000, ..RunFilter::default() };
    for run in store.runs(&filter).await.unwrap() {
        let jobs = store.jobs(run.id, run.attempt).await.unwrap();
        let tally = RunTally::of(jobs.iter().map(|job| RunJob::of(&job.phase, job.tolerance)));
        let phase = match tally.phase() {
            RunPhase::Finished(_) if run.advanced < run.ends => RunPhase::Blocked,
            phase => phase,
        };
        assert_eq!(run.phase, phase, "{run:?} {jobs:?}");
        let mut places: Vec<i64> = jobs.iter().filter_map(|job| job.end_order).collect();
        places.extend(run.cancelled.iter().map(|asked| asked.place));
        places.sort_unstable();
        assert_eq!(places, (1..=run.ends).collect::<Vec<_>>(), "{run:?}");
        for job in &jobs {
            let leases = tasks.iter().filter(|(task, _)| task.job == job.number).count();
            assert_eq!(leases, job.phase.epoch().get() as usize, "{job:?}");
            assert_eq!(job.finished.is_some(), job.phase.end().is_some());
        }
    }
}

async fn still<T: PartialEq>(look: impl AsyncFn() -> T) -> T {
    let mut seen = look().await;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let now = look().await;
        if now == seen {
            break;
        }
        seen = now;
    }
    seen
}

/// Ends all that goes on, as the sweeps of a server do.
async fn settle(store: &Store) {
    for (task, job) in store.out().await.unwrap() {
        let (task, at) = (task.id, at(900));
        let change = match job.phase {
            JobPhase::Leased { .. } => JobChange::Expired { task, at },
            _ => JobChange::GivenUp { task, fault: "killed".to_owned(), at },
        };
        tolerant(store.change_by_task(task, change, &BTreeMap::new(), at).await);
    }
    loop {
        advance(store).await;
        let waiting = store.waiting_jobs(None, domain::control::JobNumber(0), 10_000).await.unwrap();
        if waiting.is_empty() && store.runs_behind(1).await.unwrap().is_empty() {
            return;
        }
        for job in waiting {
            let change = JobChange::CancelAsked { by: CancelCause::Abandoned, at: at(901) };
            tolerant(store.change_job(job.number, change, at(901)).await);
        }
    }
}

/// Others may have been faster.
fn tolerant<T>(done: Result<T, StoreError>) -> Option<T> {
    match done {
        Ok(done) => Some(done),
        Err(StoreError::Job(_) | StoreError::Run(_) | StoreError::Missing { .. }) => None,
        Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
    }
}

/// Draws what follows: the first end makes the placeholder a job, or takes it away.
async fn advance(store: &Store) {
    for id in store.runs_behind(100).await.unwrap() {
        let Some(run) = tolerant(store.run(id).await) else { continue };
        let jobs = store.jobs(id, run.attempt).await.unwrap();
        let held = jobs.iter().find(|job| matches!(job.phase, JobPhase::Held { .. }));
        let mut advance = Advance::default();
        match held {
            Some(held) if id.0 % 3 == 0 => advance.removed.push(held.number),
            Some(held) => advance.replaced.push((held.number, job(held.id.as_str()))),
            None => {}
        }
        if run.cancelled.is_some() {
            let cancel = JobChange::CancelAsked { by: CancelCause::Abandoned, at: at(60) };
            let open = jobs.iter().filter(|job| matches!(job.phase, JobPhase::Queued { .. }));
            advance.changes = open.map(|job| (job.number, cancel.clone())).collect();
        }
        tolerant(store.advance(&run, &advance, at(60)).await);
    }
}

/// The process that is killed; does nothing where no test started it.
#[tokio::test(flavor = "multi_thread")]
async fn works_until_it_is_killed() {
    let Ok(url) = std::env::var(DATABASE) else { return };
    let store = Store::open(&url).await.unwrap();
    let project = store.project("a", "b").await.unwrap().id;
    settle(&store).await;
    let mut workers = Vec::new();
    for runner in store.runners(None).await.unwrap() {
        store.change_runner(runner.id, RunnerChange::Heard(at(9)), at(9), None).await.unwrap();
        let store = store.clone();
        workers.push(tokio::spawn(async move { work(&store, project, runner.id).await }));
    }
    // Longer than any test lets it live.
    tokio::time::sleep(Duration::from_secs(60)).await;
    workers.into_iter().for_each(|worker| worker.abort());
}

async fn work(store: &Store, project: ProjectId, runner: RunnerId) {
    loop {
        let hold = Hold::Dependency("waits".to_owned());
        let held = NewJob { id: JobId::new("held"), phase: JobPhase::held(hold), ..job("held") };
        let (run, _) = store.create_run(&run_of(project, vec![job("a"), job("b"), held]), at(10)).await.unwrap();
        for queued in store.queued(domain::control::JobNumber(0), 6).await.unwrap() {
            let Some(Some((task, _))) = tolerant(store.lease(queued.number, &taker(runner, None), at(20)).await) else {
                continue;
            };
            let task = task.id;
            let (steps, outputs) = (serde_json::json!([task.0]), BTreeMap::new());
            let changes = [
                JobChange::Started { task, at: at(21) },
                JobChange::Ended { task, conclusion: Conclusion::Success, at: at(30) },
            ];
            for change in &changes {
                let report = Report { runner, task, run: None, steps: &steps, change: Some(change), outputs: &outputs };
                tolerant(store.report(&report, at(25)).await);
            }
        }
        if run.id.0 % 5 == 0 {
            tolerant(store.cancel_run(run.id, &CancelCause::Removed, store::Ending::ByConditions, at(40), None).await);
        }
        advance(store).await;
    }
}
