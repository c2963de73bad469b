//! The place of logs: rows in, pages out. `cargo bench -p ekiden-server --bench logs [-- MEGABYTES] [FOLDER]`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a bench prints its figures and may stop on a fault"
)]

use domain::{LogBatch, LogEnd, LogRow, TaskId, Timestamp};
use server::logs::{LogObjects, LogSettings, LogStore, Sharing};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A row with its newline.
const ROW: usize = 99;
const BATCH: usize = 256 * 1024;
const TASK: TaskId = TaskId(7);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let megabytes: usize = words.iter().find_map(|word| word.parse().ok()).unwrap_or(200);
    let place = words.iter().find(|word| word.parse::<usize>().is_err()).map_or_else(std::env::temp_dir, PathBuf::from);
    for round in 0..3 {
        let folder = tempfile::tempdir_in(&place).unwrap();
        let all = runtime().block_on(write(folder.path(), megabytes, round));
        runtime().block_on(read(folder.path(), all));
    }
    let folder = tempfile::tempdir_in(&place).unwrap();
    runtime().block_on(short(folder.path()));
    println!("memory at the peak: {} KiB", peak());
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn open(folder: &Path) -> LogStore {
    let objects = LogObjects::folder(&folder.join("objects")).unwrap();
    LogStore::open(LogSettings { folder: folder.join("open"), sharing: Sharing::Alone, objects }).unwrap()
}

/// Rows that differ as those of a build do.
fn rows(first: u64, count: u64) -> Vec<LogRow> {
    (first..first + count)
        .map(|number| {
            let hash = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mut content = format!("   Compiling part-{number} v0.{}.{} ({hash:016x}) ", hash % 90, hash % 7);
            while content.len() < ROW - 1 {
                content.push_str("src/lib.rs ");
            }
            content.truncate(ROW - 1);
            LogRow { at: Timestamp(1_800_000_000_000 + number / 50), content }
        })
        .collect()
}

async fn write(folder: &Path, megabytes: usize, round: u32) -> u64 {
    let store = open(folder);
    let count = (BATCH / ROW) as u64;
    let batches: Vec<Vec<LogRow>> =
        (0..(megabytes * 1_000_000 / BATCH) as u64).map(|batch| rows(batch * count, count)).collect();
    let all = count * batches.len() as u64;
    let bytes = all as f64 * ROW as f64;
    let (mut index, mut slowest) = (0, Duration::ZERO);
    let began = Instant::now();
    for rows in batches {
        let one = Instant::now();
        let end = if index + count == all { LogEnd::Last } else { LogEnd::Open };
        index = store.append(LogBatch { task: TASK, index, rows, end }).await.unwrap();
        slowest = slowest.max(one.elapsed());
    }
    let appended = began.elapsed();
    store.settle().await.unwrap();
    let sealed = began.elapsed();
    let rate = |took: Duration| bytes / 1e6 / took.as_secs_f64();
    println!(
        "{round}: {all} rows, {:.0} MB: acknowledged at {:.0} MB/s (slowest batch {slowest:.1?}), sealed at {:.0} MB/s",
        bytes / 1e6,
        rate(appended),
        rate(sealed)
    );
    all
}

async fn read(folder: &Path, all: u64) {
    let store = open(folder);
    let tail = timed(async || store.tail(TASK, 1000).await.unwrap().rows.len()).await;
    let middle = timed(async || store.read(TASK, all / 2, 1000).await.unwrap().rows.len()).await;
    let began = Instant::now();
    let (mut text, mut bytes) = (store.text(TASK).await.unwrap(), 0);
    while let Some(lines) = text.next().await.unwrap() {
        bytes += lines.len();
    }
    let took = began.elapsed();
    let rate = bytes as f64 / 1e6 / took.as_secs_f64();
    println!("   tail of 1000 rows {tail}; 1000 rows in the middle {middle}; whole text {took:.2?}, {rate:.0} MB/s");
}

/// The first time, and the median of many.
async fn timed(work: impl AsyncFn() -> usize) -> String {
    let mut times = Vec::new();
    for _ in 0..21 {
        let began = Instant::now();
        assert_eq!(work().await, 1000);
        times.push(began.elapsed());
    }
    let first = times[0];
    times.sort_unstable();
    format!("{first:.1?} cold, {:.1?} p50", times[times.len() / 2])
}

/// Jobs that say little: a row at a time, then all of them at once.
async fn short(folder: &Path) {
    const LOGS: i64 = 500;
    let store = open(folder);
    let mut times = Vec::new();
    for index in 0..2000 {
        let one = Instant::now();
        let batch = LogBatch { task: TaskId(-1), index, rows: rows(index, 1), end: LogEnd::Open };
        store.append(batch).await.unwrap();
        times.push(one.elapsed());
    }
    times.sort_unstable();
    println!("one row: p50 {:.1?}, p99 {:.1?}", times[1000], times[1980]);
    let began = Instant::now();
    for task in 1..=LOGS {
        let batch = LogBatch { task: TaskId(task), index: 0, rows: rows(0, 100), end: LogEnd::Last };
        store.append(batch).await.unwrap();
    }
    let appended = began.elapsed();
    store.settle().await.unwrap();
    let sealed = began.elapsed();
    let rate = |took: Duration| LOGS as f64 / took.as_secs_f64();
    println!("logs of 100 rows: {:.0} a second acknowledged, {:.0} a second sealed", rate(appended), rate(sealed));
}

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}
