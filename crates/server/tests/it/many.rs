//! A thousand logs at a time.

use crate::support::{files, line, open, row, rows, text};
use domain::{LogBatch, LogEnd, TaskId};

fn open_files(folder: &std::path::Path) -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap();
    links.filter_map(|link| std::fs::read_link(link.unwrap().path()).ok()).filter(|to| to.starts_with(folder)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_logs_are_open_and_few_files_are() {
    const TASKS: i64 = 1000;
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut watches = Vec::new();
    for round in 0..4 {
        for task in 1..=TASKS {
            let end = if round == 3 { LogEnd::Last } else { LogEnd::Open };
            let batch =
                LogBatch { task: TaskId(task), index: round * 3, rows: rows(round * 3..round * 3 + 3, 90), end };
            assert_eq!(store.append(batch).await.unwrap(), round * 3 + 3);
            if round == 0 {
                watches.push(store.watch(TaskId(task)).await.unwrap());
            }
        }
        let open = open_files(folder.path());
        assert!(open <= 300, "{open} files are open");
    }
    let expected: String = (0..12).map(|number| line(&row(number, 90)) + "\n").collect();
    for (task, watch) in (1..=TASKS).zip(&mut watches) {
        let facts = *watch.borrow_and_update();
        assert_eq!((facts.rows, facts.end), (12, LogEnd::Last));
        assert_eq!(text(&store, TaskId(task)).await, expected);
    }
    store.settle().await.unwrap();
    assert_eq!(files(&folder.path().join("open")).len(), 0);
    assert_eq!(text(&store, TaskId(77)).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_hears_of_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut watch = store.watch(TaskId(-5)).await.unwrap();
    let reader = tokio::spawn({
        let store = store.clone();
        async move {
            let mut seen = Vec::new();
            loop {
                let facts = *watch.borrow_and_update();
                let page = store.read(TaskId(-5), seen.len() as u64, 1000).await.unwrap();
                seen.extend(page.rows);
                if facts.end == LogEnd::Last && seen.len() as u64 == facts.rows {
                    return seen;
                }
                if page.facts == facts {
                    watch.changed().await.unwrap();
                }
            }
        }
    });
    // Enough to be sealed while it is read.
    for number in 0..600 {
        let batch =
            LogBatch { task: TaskId(-5), index: number, rows: rows(number..number + 1, 20_000), end: LogEnd::Open };
        store.append(batch).await.unwrap();
    }
    assert_eq!(store.finish(TaskId(-5), rows(600..601, 10)).await.unwrap(), 601);
    assert_eq!(store.finish(TaskId(-5), rows(601..602, 10)).await.unwrap(), 601, "it has ended");
    let mut expected = rows(0..600, 20_000);
    expected.extend(rows(600..601, 10));
    assert!(reader.await.unwrap() == expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_forgotten_is_found_again_and_one_that_is_watched_is_not_forgotten() {
    const TASKS: i64 = 5000;
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut watch = store.watch(TaskId(1)).await.unwrap();
    let append = async |task, index: u64| {
        let batch = LogBatch { task: TaskId(task), index, rows: rows(index..index + 1, 10), end: LogEnd::Open };
        store.append(batch).await.unwrap()
    };
    for index in 0..2 {
        for task in 1..=TASKS {
            assert_eq!(append(task, index).await, index + 1);
        }
    }
    assert_eq!(watch.borrow_and_update().rows, 2);
    append(1, 2).await;
    watch.changed().await.unwrap();
    assert_eq!(watch.borrow().rows, 3);
    assert_eq!(store.read(TaskId(2), 0, 10).await.unwrap().rows, rows(0..2, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_rows_sent_by_many_at_once_are_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let senders = (0..4_u64).map(|sender| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut acked = 0;
            while acked < 5000 {
                let until = (acked + 100 + sender * 7).min(5000);
                let batch =
                    LogBatch { task: TaskId(9), index: acked, rows: rows(acked..until, 500), end: LogEnd::Open };
                let ack = store.append(batch).await.unwrap();
                assert!(ack >= until);
                acked = ack.min(5000);
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.unwrap();
    }
    let page = store.tail(TaskId(9), 10_000).await.unwrap();
    assert!(page.rows == rows(0..5000, 500));
}
