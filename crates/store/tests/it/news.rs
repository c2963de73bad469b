//! What changed is told to whoever waits for it.

use super::projects::project;
use super::runs::{job, new_runner, run_of, started, taker};
use crate::support::{Setting, at, contract, empty_postgres, entry};
use domain::Conclusion;
use domain::control::{JobChange, RunnerChange};
use std::collections::BTreeMap;
use std::time::Duration;
use store::{Advance, By, Candidate, Change, Changes, Report, Store};

contract!(each_change_is_told_when_it_is_there, a_closed_store_ends_the_news, what_one_cannot_hold_is_missed);

async fn next(news: &mut Changes) -> Change {
    tokio::time::timeout(Duration::from_secs(20), news.next()).await.unwrap().unwrap()
}

async fn each_change_is_told_when_it_is_there(Setting { store, .. }: Setting) {
    let mut news = store.changes().await.unwrap();
    let project = store.add_project(&project("a/b"), at(1), &entry("project.add", "a/b")).await.unwrap().id;
    assert_eq!(next(&mut news).await, Change::Project(project));
    assert!(store.run(domain::control::RunId(99)).await.is_err());
    let (run, jobs) = store.create_run(&run_of(project, vec![job("a"), job("b")]), at(10)).await.unwrap();
    assert_eq!(next(&mut news).await, Change::Run(run.id));
    let runner = new_runner(&store, 1, Some(2)).await;
    let mut seen = Vec::new();
    while seen.len() < 4 {
        seen.push(next(&mut news).await);
    }
    assert!(matches!(seen[0], Change::Token(_)) && seen[3] == Change::Runner(runner), "{seen:?}");
    // Once more is no news.
    store.change_runner(runner, RunnerChange::Heard(at(9)), at(9), None).await.unwrap();
    let task = started(&store, jobs[0], runner).await;
    let of_task = |runner| Change::Task { job: jobs[0], run: run.id, runner, by: By::Here };
    assert_eq!(next(&mut news).await, of_task(Some(runner)));
    assert_eq!(next(&mut news).await, Change::Job { job: jobs[0], run: run.id });
    let ended = JobChange::Ended { task, conclusion: Conclusion::Success, at: at(40) };
    let (steps, outputs) = (serde_json::json!([1]), BTreeMap::new());
    let report = Report { runner, task, run: None, steps: &steps, change: None, outputs: &outputs };
    store.report(&report, at(30)).await.unwrap();
    assert_eq!(next(&mut news).await, of_task(None));
    // Nothing new, and what is refused.
    store.report(&report, at(31)).await.unwrap();
    store.report(&Report { change: Some(&ended), ..report }, at(40)).await.unwrap();
    store.report(&Report { change: Some(&ended), ..report }, at(41)).await.unwrap();
    assert_eq!(next(&mut news).await, of_task(Some(runner)));
    let seen = store.run(run.id).await.unwrap();
    let advance = Advance { jobs: vec![job("c")], ..Advance::default() };
    let made = store.advance(&seen, &advance, at(50)).await.unwrap().unwrap().made;
    assert_eq!(next(&mut news).await, Change::Job { job: made[0], run: run.id });
    assert_eq!(store.advance(&seen, &Advance::default(), at(50)).await.unwrap(), None);
    store.remove_project(project, at(60), &entry("project.remove", "a/b")).await.unwrap();
    assert_eq!(next(&mut news).await, Change::Project(project));
}

async fn a_closed_store_ends_the_news(Setting { store, .. }: Setting) {
    let mut news = store.changes().await.unwrap();
    let other = store.clone();
    other.close().await;
    assert_eq!(tokio::time::timeout(Duration::from_secs(20), news.next()).await.unwrap(), None);
    assert!(store.changes().await.is_err());
}

async fn what_one_cannot_hold_is_missed(Setting { store, .. }: Setting) {
    let mut news = store.changes().await.unwrap();
    let mut last = None;
    for number in 0..5000_u32 {
        let name = [("refs/heads/main".to_owned(), number.to_string())];
        let project = match last {
            Some(project) => project,
            None => store.add_project(&project("a/b"), at(1), &entry("project.add", "a/b")).await.unwrap().id,
        };
        store.note_refs(project, &name).await.unwrap();
        last = Some(project);
    }
    assert_eq!(next(&mut news).await, Change::Missed);
    assert_eq!(next(&mut news).await, Change::Project(last.unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_one_database_hear_each_other_and_listen_again() {
    let Some((url, _server)) = empty_postgres() else { return };
    let (one, other) = (Store::open(&url).await.unwrap(), Store::open(&url).await.unwrap());
    let mut news = other.changes().await.unwrap();
    let project = one.add_project(&project("a/b"), at(1), &entry("project.add", "a/b")).await.unwrap().id;
    assert_eq!(next(&mut news).await, Change::Project(project));
    // Whose a lease is, each server knows.
    let mut own = one.changes().await.unwrap();
    let (run, jobs) = one.create_run(&run_of(project, vec![job("a")]), at(2)).await.unwrap();
    let runner = new_runner(&one, 1, None).await;
    one.lease(jobs[0], &taker(runner, None), at(20)).await.unwrap().unwrap();
    for (news, by) in [(&mut own, By::Here), (&mut news, By::Elsewhere)] {
        let of_task = Change::Task { job: jobs[0], run: run.id, runner: Some(runner), by };
        while next(news).await != of_task {}
    }
    // Somebody ends the connection that listens.
    let mut admin = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE query LIKE 'LISTEN%' AND datname = current_database() AND pid <> pg_backend_pid()";
    sqlx::raw_sql(end).execute(&mut admin).await.unwrap();
    assert_eq!(next(&mut news).await, Change::Missed);
    one.remove_project(project, at(2), &entry("project.remove", "a/b")).await.unwrap();
    assert_eq!(next(&mut news).await, Change::Project(project));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_of_a_database_leads() {
    let Some((url, _server)) = empty_postgres() else { return };
    let (one, other) = (Store::open(&url).await.unwrap(), Store::open(&url).await.unwrap());
    let mut lead = one.lead("queue").await.unwrap().unwrap();
    assert!(other.lead("queue").await.unwrap().is_none() && lead.stands().await);
    assert!(other.lead("sweep").await.unwrap().is_some());
    lead.release().await;
    let mut lead = other.lead("queue").await.unwrap().unwrap();
    let mut admin = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    sqlx::raw_sql(end).execute(&mut admin).await.unwrap();
    assert!(!lead.stands().await);
    // Its client hears of the end of a session before the session gives its locks back.
    let again = async { while one.lead("queue").await.unwrap().is_none() {} };
    tokio::time::timeout(Duration::from_secs(20), again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_lead_keeps_its_connection() {
    let Some((url, _server)) = empty_postgres() else { return };
    let store = Store::open(&url).await.unwrap();
    let lead = store.lead("queue").await.unwrap().unwrap();
    let mut candidate = Candidate::new("queue");
    assert!(candidate.ask(&store).await.unwrap().is_none());
    let mut admin = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    let mut sessions = async |end: bool| -> Vec<i32> {
        let of =
            "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_try_advisory_lock%'";
        // That of the leader comes first.
        let query = sqlx::AssertSqlSafe(format!("SELECT pid {of} ORDER BY backend_start"));
        let pids: Vec<i32> = sqlx::query_scalar(query).fetch_all(&mut admin).await.unwrap();
        if end {
            // It waits until the session is gone.
            let query = "SELECT pg_terminate_backend($1, 10000)";
            sqlx::query(query).bind(pids[1]).execute(&mut admin).await.unwrap();
        }
        pids
    };
    let first = sessions(false).await;
    assert_eq!(first.len(), 2);
    for _ in 0..3 {
        assert!(candidate.ask(&store).await.unwrap().is_none());
    }
    assert_eq!(sessions(true).await, first);
    // One whose connection died makes another.
    assert!(candidate.ask(&store).await.unwrap().is_none());
    let second = sessions(false).await;
    assert!(second.len() == 2 && second[0] == first[0] && second[1] != first[1], "{first:?} {second:?}");
    lead.release().await;
    let got = async {
        loop {
            // Its session goes a moment after its client.
            if let Some(lead) = candidate.ask(&store).await.unwrap() {
                return lead;
            }
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), got).await.unwrap().stands().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_died_are_replaced() {
    let Some((url, _server)) = empty_postgres() else { return };
    let store = Store::open(&url).await.unwrap();
    let project = store.add_project(&project("a/b"), at(1), &entry("project.add", "a/b")).await.unwrap().id;
    let mut admin = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    for round in 0..10 {
        // Several connections are open, and all die at once.
        let mut readers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let store = store.clone();
            readers.spawn(async move { store.project_by_id(project).await.unwrap() });
        }
        assert_eq!(readers.join_all().await.len(), 8);
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sqlx::raw_sql(end).execute(&mut admin).await.unwrap();
        if round % 2 == 0 {
            store.create_run(&run_of(project, vec![job("a")]), at(10)).await.unwrap();
        } else {
            assert_eq!(store.project_by_id(project).await.unwrap().id, project);
        }
    }
    let runs = store.count_runs(&store::RunFilter::default()).await.unwrap();
    assert_eq!(runs, 5, "each was made once");
}
