//! Another program holds the file of a SQLite database: who writes is told so, nobody waits behind those that wait, and what comes later is written. Another
//! server holds a run's row in PostgreSQL: those who write the run wait, and take no connection from those who do something else.

use super::runs::{job, new_project, new_runner, run_of, taker};
use crate::support::{Setting, at, postgres};
use sqlx::Connection as _;
use std::time::{Duration, Instant};
use store::{Store, StoreError, Taker};

/// More than a store has connections.
const WRITERS: u8 = 24;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_program_holds_is_told_and_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("ekiden.db").display());
    let store = Store::open(&url).await.unwrap();
    let project = new_project(&store).await;
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let began = Instant::now();
    let writers: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.reserve_run(project).await })
        })
        .collect();
    assert_eq!(store.project_by_id(project).await.unwrap().id, project, "what is read goes on");
    for writer in writers {
        let error = writer.await.unwrap().unwrap_err();
        assert!(matches!(error, StoreError::Held(_)) && error.is_passing() && error.is_held(), "{error:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    held.rollback().await.unwrap();
    assert_eq!(store.reserve_run(project).await.unwrap().number, 1, "nothing was written before");
    // Who holds it for a moment alone is waited for again.
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let writer = tokio::spawn({
        let store = store.clone();
        async move { store.reserve_run(project).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    held.rollback().await.unwrap();
    assert_eq!(writer.await.unwrap().unwrap().number, 2);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_another_server_holds_takes_one_connection() {
    let Some(Setting { store, url, .. }) = &postgres().await else { return };
    let project = new_project(store).await;
    let ids: Vec<String> = (0..WRITERS).map(|number| format!("job {number}")).collect();
    let jobs = ids.iter().map(|id| job(id)).collect();
    let (run, numbers) = store.create_run(&run_of(project, jobs), at(10)).await.unwrap();
    let runner = new_runner(store, 1, Some(u32::from(WRITERS))).await;
    let mut other = sqlx::PgConnection::connect(url).await.unwrap();
    let mut held = other.begin().await.unwrap();
    sqlx::query("SELECT id FROM runs WHERE id = $1 FOR UPDATE").bind(run.id.0).execute(&mut *held).await.unwrap();
    let writers: Vec<_> = numbers
        .iter()
        .map(|number| {
            let (store, number) = (store.clone(), *number);
            let taker = Taker { run: Some(run.id), ..taker(runner, None) };
            tokio::spawn(async move { store.lease(number, &taker, at(20)).await })
        })
        .collect();
    let mut looker = sqlx::PgConnection::connect(url).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while waiting(&mut looker).await == 0 {
        assert!(Instant::now() < deadline, "nobody waits for the run");
    }
    let looked = tokio::time::timeout(Duration::from_secs(5), store.run(run.id)).await;
    assert_eq!(looked.expect("a connection is free").unwrap().id, run.id);
    assert_eq!(waiting(&mut looker).await, 1, "the others wait in the store");
    held.rollback().await.unwrap();
    for writer in writers {
        assert!(writer.await.unwrap().unwrap().is_some());
    }
}

/// How many connections wait for what another holds.
async fn waiting(conn: &mut sqlx::PgConnection) -> i64 {
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    sqlx::query_scalar(waits).fetch_one(conn).await.unwrap()
}
