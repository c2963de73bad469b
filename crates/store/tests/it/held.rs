//! Another program holds the file of a SQLite database: who writes is told so, nobody waits behind those that wait, and what comes later is written.

use super::runs::new_project;
use sqlx::Connection as _;
use std::time::{Duration, Instant};
use store::{Store, StoreError};

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
