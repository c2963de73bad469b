//! A place for logs, and rows for them.

use domain::{LogBatch, LogEnd, LogRow, TaskId, Timestamp};
use server::logs::{LogError, LogObjects, LogSettings, LogStore, Sharing};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One task.
pub(crate) const TASK: TaskId = TaskId(300);

pub(crate) fn open(folder: &Path) -> LogStore {
    let objects = LogObjects::folder(&folder.join("objects")).unwrap();
    let settings = LogSettings { folder: folder.join("open"), sharing: Sharing::Alone, objects };
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        match LogStore::open(settings.clone()) {
            // A process that another test starts has all that is open here, its locks too, until it becomes its program.
            Err(LogError::Used { .. }) if Instant::now() < end => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

/// The row of that number: about `size` bytes, never the same twice.
pub(crate) fn row(number: u64, size: usize) -> LogRow {
    let mut content = format!("row {number} ");
    while content.len() < size {
        content.push_str("some words é ");
    }
    LogRow { at: Timestamp(1_790_000_000_000 + number * 7), content }
}

pub(crate) fn rows(numbers: std::ops::Range<u64>, size: usize) -> Vec<LogRow> {
    numbers.map(|number| row(number, size)).collect()
}

pub(crate) fn batch(index: u64, rows: Vec<LogRow>, end: LogEnd) -> LogBatch {
    LogBatch { task: TASK, index, rows, end }
}

/// A line as the reference stores it, without its newline.
pub(crate) fn line(row: &LogRow) -> String {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(row.at.0).unwrap()).unwrap();
    format!("{} {}", at.strftime("%Y-%m-%dT%H:%M:%S.%3f0000Z"), row.content)
}

pub(crate) async fn text(store: &LogStore, task: TaskId) -> String {
    let mut text = store.text(task).await.unwrap();
    let facts = text.facts();
    let mut all = Vec::new();
    while let Some(lines) = text.next().await.unwrap() {
        all.extend_from_slice(&lines);
    }
    assert_eq!(all.len() as u64, facts.bytes);
    String::from_utf8(all).unwrap()
}

/// The files below a folder, in order.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.file_name().is_some_and(|name| name != "lock") {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
