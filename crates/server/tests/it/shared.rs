//! Several servers with one folder of logs: any of them takes the next rows of a log, shows it, and ends what another one left.

use crate::support::{TASK, batch, files, line, row, rows, runtime, text};
use domain::{LogBatch, LogEnd, TaskId};
use server::logs::{LogError, LogObjects, LogSettings, LogStore, Sharing};
use std::path::Path;
use std::time::Duration;

fn open(folder: &Path) -> LogStore {
    let objects = LogObjects::folder(&folder.join("objects")).unwrap();
    LogStore::open(LogSettings { folder: folder.join("open"), sharing: Sharing::Shared, objects }).unwrap()
}

fn whole(rows: u64, size: usize) -> String {
    (0..rows).map(|number| line(&row(number, size)) + "\n").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_come_to_one_server_and_to_another_are_one_log() {
    // Small logs, and some of which parts are sealed on the way.
    for (size, count) in [(50, 24), (60_000, 90)] {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (open(folder.path()), open(folder.path()));
        for number in 0..count {
            let store = if number % 3 == 0 { &other } else { &one };
            let acked = store.append(batch(number, rows(number..number + 1, size), LogEnd::Open)).await.unwrap();
            assert_eq!(acked, number + 1);
            // What is known already is known everywhere.
            let again = batch(number, rows(number..number + 1, size), LogEnd::Open);
            assert_eq!(if number % 3 == 0 { &one } else { &other }.append(again).await.unwrap(), number + 1);
            if number % 10 == 5 {
                other.settle().await.unwrap();
                for store in [&one, &other] {
                    let text = text(store, TASK).await;
                    assert!(text == whole(number + 1, size), "{} rows of {}", text.lines().count(), number + 1);
                }
            }
        }
        assert_eq!(other.append(batch(count, rows(count..count + 1, size), LogEnd::Last)).await.unwrap(), count + 1);
        let late = one.append(batch(count + 1, rows(count + 1..count + 2, size), LogEnd::Open)).await;
        assert!(matches!(late, Err(LogError::Ended { rows, .. }) if rows == count + 1), "{late:?}");
        let (first, second) = tokio::join!(one.settle(), other.settle());
        first.and(second).unwrap();
        for store in [&one, &other, &open(folder.path())] {
            assert!(text(store, TASK).await == whole(count + 1, size));
            assert_eq!(store.finish(TASK, rows(0..1, 1)).await.unwrap(), count + 1);
        }
        assert_eq!(files(&folder.path().join("open")), [] as [&Path; 0]);
    }
}

#[test]
fn the_same_rows_sent_to_many_servers_at_once_are_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let stores: Vec<LogStore> = (0..3).map(|_| open(folder.path())).collect();
    runtime().block_on(async {
        let senders = stores.iter().zip(0_u64..).map(|(store, sender)| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut acked = 0;
                while acked < 3000 {
                    let until = (acked + 60 + sender * 7).min(3000);
                    let batch =
                        LogBatch { task: TaskId(9), index: acked, rows: rows(acked..until, 3000), end: LogEnd::Open };
                    let ack = store.append(batch).await.unwrap();
                    assert!(ack >= until);
                    acked = ack.min(3000);
                }
            })
        });
        for sender in senders.collect::<Vec<_>>() {
            sender.await.unwrap();
        }
        for store in &stores {
            assert!(text(store, TaskId(9)).await == whole(3000, 3000));
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_at_one_server_hears_of_rows_at_another() {
    let folder = tempfile::tempdir().unwrap();
    let (writes, shows) = (open(folder.path()), open(folder.path()));
    let mut watch = shows.watch(TASK).await.unwrap();
    let follow = tokio::spawn({
        let shows = shows.clone();
        async move { shows.follow(Duration::from_millis(1)).await }
    });
    for number in 0..5 {
        writes.append(batch(number, rows(number..number + 1, 90), LogEnd::Open)).await.unwrap();
        let facts = *watch.wait_for(|facts| facts.rows > number).await.unwrap();
        assert_eq!((facts.rows, facts.end), (number + 1, LogEnd::Open));
        assert_eq!(shows.read(TASK, number, 10).await.unwrap().rows, rows(number..number + 1, 90));
    }
    writes.append(batch(5, Vec::new(), LogEnd::Last)).await.unwrap();
    watch.wait_for(|facts| facts.end == LogEnd::Last).await.unwrap();
    assert!(text(&shows, TASK).await == whole(5, 90));
    follow.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_hears_of_a_log_that_was_written_and_sealed_between_two_looks() {
    let folder = tempfile::tempdir().unwrap();
    let (writes, shows) = (open(folder.path()), open(folder.path()));
    let mut watch = shows.watch(TASK).await.unwrap();
    writes.append(batch(0, rows(0..3, 90), LogEnd::Last)).await.unwrap();
    writes.settle().await.unwrap();
    assert_eq!(files(&folder.path().join("open")), [] as [&Path; 0]);
    let follow = tokio::spawn(async move { shows.follow(Duration::from_millis(1)).await });
    let facts = *watch.wait_for(|facts| facts.end == LogEnd::Last).await.unwrap();
    assert_eq!(facts.rows, 3);
    follow.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_without_rows_is_watched_without_its_lock() {
    let folder = tempfile::tempdir().unwrap();
    let (writes, shows) = (open(folder.path()), open(folder.path()));
    let other = TaskId(TASK.0 + 1);
    let (_empty, mut watch) = (shows.watch(TASK).await.unwrap(), shows.watch(other).await.unwrap());
    let locks = folder.path().join("open").join(format!("{:x}", TASK.0 % 16)).join("lock");
    let held = std::fs::File::options().write(true).open(locks).unwrap();
    held.lock().unwrap();
    writes.append(LogBatch { task: other, ..batch(0, rows(0..1, 90), LogEnd::Open) }).await.unwrap();
    let follow = tokio::spawn(async move { shows.follow(Duration::from_millis(1)).await });
    watch.wait_for(|facts| facts.rows == 1).await.unwrap();
    follow.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_left_another_one_seals_and_removes() {
    let folder = tempfile::tempdir().unwrap();
    let (dies, lives) = (open(folder.path()), open(folder.path()));
    assert_eq!(text(&lives, TASK).await, "");
    for number in 0..50 {
        dies.append(batch(number, rows(number..number + 1, 60_000), LogEnd::Open)).await.unwrap();
    }
    // Half a frame is what a kill leaves.
    drop(dies);
    let newest = files(&folder.path().join("open")).pop().unwrap();
    let mut torn = std::fs::read(&newest).unwrap();
    torn.extend_from_slice(&[7; 40]);
    std::fs::write(&newest, torn).unwrap();
    assert_eq!(lives.append(batch(50, rows(50..51, 90), LogEnd::Open)).await.unwrap(), 51);
    assert_eq!(lives.finish(TASK, rows(51..52, 90)).await.unwrap(), 52);
    lives.settle().await.unwrap();
    assert_eq!(files(&folder.path().join("open")), [] as [&Path; 0]);
    let other = open(folder.path());
    assert_eq!(other.tail(TASK, 2).await.unwrap().rows, rows(50..52, 90));
    other.remove(TASK).await.unwrap();
    assert_eq!(files(&folder.path().join("objects")), [] as [&Path; 0]);
}

#[test]
fn a_server_that_is_alone_and_one_that_shares_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let shares = open(folder.path());
    let used = |error: LogError| assert!(matches!(error, LogError::Used { .. }), "{error}");
    let alone = || {
        let objects = LogObjects::folder(&folder.path().join("objects")).unwrap();
        LogStore::open(LogSettings { folder: folder.path().join("open"), sharing: Sharing::Alone, objects })
    };
    used(alone().unwrap_err());
    drop(shares);
    let _alone = alone().unwrap();
    let objects = LogObjects::folder(&folder.path().join("objects")).unwrap();
    let shared = LogSettings { folder: folder.path().join("open"), sharing: Sharing::Shared, objects };
    used(LogStore::open(shared).unwrap_err());
}
