//! What goes after its time, what stands still, and copies of all.

use super::runs::{job, new_project, new_runner, run_of, started, taker};
use crate::support::{Setting, at, contract, entry};
use domain::Conclusion;
use domain::control::{CancelCause, JobChange, RunRefusal};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use store::{Advance, Report, Store, StoreError};

contract!(
    a_finished_run_goes_with_all_that_is_its_own,
    the_logs_of_a_removed_project_go,
    what_stands_still_is_found,
    a_copy_holds_all
);

async fn a_finished_run_goes_with_all_that_is_its_own(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let (run, jobs) = store.create_run(&run_of(project, vec![job("a")]), at(10)).await.unwrap();
    let runner = new_runner(&store, 1, Some(9)).await;
    let task = started(&store, jobs[0], runner).await;
    let early = store.remove_run(run.id, at(25), None).await;
    assert!(matches!(early, Err(StoreError::Run(RunRefusal::GoesOn))), "{early:?}");
    store.note_logs_gone(run.id).await.unwrap();
    let end = JobChange::Ended { task, conclusion: Conclusion::Success, at: at(30) };
    store.change_by_task(task, end, &BTreeMap::new(), at(30)).await.unwrap();
    let seen = store.run(run.id).await.unwrap();
    store.advance(&seen, &Advance::default(), at(31)).await.unwrap().unwrap();

    assert!(store.finished_before(at(31), 9).await.unwrap().is_empty());
    assert_eq!(store.finished_before(at(32), 9).await.unwrap(), [run.id]);
    assert_eq!(store.logs_before(at(32), 9).await.unwrap(), [run.id]);
    store.note_logs_gone(run.id).await.unwrap();
    assert!(store.logs_before(at(32), 9).await.unwrap().is_empty());
    // A new try has logs of its own.
    store.rerun(run.id, &jobs, None, at(40), None).await.unwrap();
    let seen = store.run(run.id).await.unwrap();
    store.advance(&seen, &Advance::default(), at(41)).await.unwrap().unwrap();
    assert_eq!(store.logs_before(at(99), 9).await.unwrap(), [run.id]);

    assert_eq!(store.run_tasks(run.id).await.unwrap(), [task]);
    let gone = store.remove_run(run.id, at(50), Some(&entry("run.remove", "1"))).await.unwrap();
    assert_eq!(gone, [task]);
    assert_eq!(store.gone_logs(9).await.unwrap(), [task]);
    store.forget_log(task).await.unwrap();
    assert!(store.gone_logs(9).await.unwrap().is_empty());
    assert!(store.run(run.id).await.is_err() && store.job(jobs[0]).await.is_err() && store.task(task).await.is_err());
    assert!(store.attempts(run.id).await.unwrap().is_empty());
}

async fn the_logs_of_a_removed_project_go(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let (_, jobs) = store.create_run(&run_of(project, vec![job("a"), job("b")]), at(10)).await.unwrap();
    let runner = new_runner(&store, 1, Some(9)).await;
    let tasks = [started(&store, jobs[0], runner).await, started(&store, jobs[1], runner).await];
    store.remove_project(project, at(20), &entry("project.remove", "a/b")).await.unwrap();
    assert_eq!(store.gone_logs(9).await.unwrap(), tasks);
    assert_eq!(store.gone_logs(1).await.unwrap(), tasks[..1]);
}

async fn what_stands_still_is_found(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let wanted = vec![job("a"), job("b"), job("c"), job("d")];
    let (_, jobs) = store.create_run(&run_of(project, wanted), at(10)).await.unwrap();
    let runner = new_runner(&store, 1, Some(9)).await;
    let mut tasks = Vec::new();
    for number in &jobs[..3] {
        tasks.push(store.lease(*number, &taker(runner, None), at(20)).await.unwrap().unwrap().0.id);
    }
    let asked = JobChange::CancelAsked { by: CancelCause::FailFast, at: at(30) };
    store.change_job(jobs[1], asked, at(30)).await.unwrap();
    let (steps, outputs) = (serde_json::json!([]), BTreeMap::new());
    let begun = JobChange::Started { task: tasks[2], at: at(40) };
    let report = Report { runner, task: tasks[2], run: None, steps: &steps, change: Some(&begun), outputs: &outputs };
    store.report(&report, at(40)).await.unwrap();

    let unsaid = async |now| -> Vec<_> {
        store.unsaid_before(at(now), 9).await.unwrap().iter().map(|(task, _)| task.id).collect()
    };
    assert!(unsaid(1000).await.is_empty());
    assert_eq!(unsaid(1001).await, tasks[..2]);
    assert!(store.started_before(at(20)).await.unwrap().is_empty());
    let out = store.started_before(at(21)).await.unwrap();
    assert_eq!(
        out.iter().map(|one| (one.task, one.job, one.started)).collect::<Vec<_>>(),
        [(tasks[2], jobs[2], at(20))]
    );
    assert_eq!(out[0].facts, job("c").facts);
    assert!(store.queued_before(at(10), 9).await.unwrap().is_empty());
    let queued = store.queued_before(at(11), 9).await.unwrap();
    assert_eq!(queued.iter().map(|job| job.number).collect::<Vec<_>>(), [jobs[3]]);
    let expired = JobChange::Expired { task: tasks[0], at: at(1001) };
    store.change_by_task(tasks[0], expired, &BTreeMap::new(), at(1001)).await.unwrap();
    assert_eq!(unsaid(1001).await, tasks[1..2]);
}

async fn a_copy_holds_all(Setting { store, url, .. }: Setting) {
    let project = new_project(&store).await;
    let (run, _) = store.create_run(&run_of(project, vec![job("a")]), at(10)).await.unwrap();
    // Both databases count their schemas alike.
    let held = store::Held { newest: None, schema: store::newest_schema() };
    let Some(from) = url.strip_prefix("sqlite:").map(std::path::PathBuf::from) else {
        assert_eq!(store::held_by_postgres(&url).await.unwrap(), held);
        assert!(!store::is_empty(&url).await.unwrap());
        store::ready_postgres(&url).await.unwrap();
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("it's a copy.db");
    assert_eq!(store::copy_sqlite(&from, &to, || true).await.unwrap(), held);
    assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let again = store::copy_sqlite(&from, &to, || true).await;
    assert!(matches!(again, Err(StoreError::Present { what: "file", .. })), "{again:?}");
    store.remove_project(project, at(20), &entry("project.remove", "a/b")).await.unwrap();
    store::ready_sqlite(&to).await.unwrap();
    let copy = Store::open(&format!("sqlite:{}", to.display())).await.unwrap();
    assert_eq!(copy.run(run.id).await.unwrap(), run);
    assert_eq!(copy.waiting_jobs(Some(project), domain::control::JobNumber(0), 9).await.unwrap().len(), 1);
    // It goes on from there.
    assert_eq!(copy.create_run(&run_of(project, vec![job("a")]), at(30)).await.unwrap().0.number, 2);
}
