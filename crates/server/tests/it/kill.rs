//! What was acknowledged outlives a process that is killed.

use crate::support::{TASK, batch, open, row, rows, runtime};
use domain::LogEnd;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// Says that this process writes a log, and where.
const FOLDER: &str = "EKIDEN_TEST_LOG_FOLDER";

#[test]
fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = open(folder.as_ref());
    runtime().block_on(async {
        let mut next = store.watch(TASK).await.unwrap().borrow().rows;
        while next < 1_000_000 {
            next = store.append(batch(next, rows(next..next + 50, 900), LogEnd::Open)).await.unwrap();
            let mut out = std::io::stdout().lock();
            writeln!(out, "acked {next}").unwrap();
            out.flush().unwrap();
        }
    });
}

#[test]
fn what_was_acknowledged_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut acked = 0;
    for life in 0..5_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::writes_until_it_is_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        // Enough for some parts to be sealed in each life.
        let mut enough = 90 + life * 17;
        while enough > 0 {
            let line = out.next().unwrap().unwrap();
            if let Some(rows) = line.strip_prefix("acked ") {
                acked = rows.parse::<u64>().unwrap();
                enough -= 1;
            }
        }
        child.kill().unwrap();
        acked = out
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("acked ")?.parse().ok())
            .fold(acked, u64::max);
        child.wait().unwrap();
        let store = open(folder.path());
        runtime().block_on(async {
            let page = store.tail(TASK, u64::MAX).await.unwrap();
            assert!(page.facts.rows >= acked, "{} of {acked} acknowledged rows are there", page.facts.rows);
            let mut from = 0;
            while from < page.facts.rows {
                let page = store.read(TASK, from, 5000).await.unwrap();
                assert!(page.rows.iter().zip(from..).all(|(got, number)| *got == row(number, 900)));
                from += page.rows.len() as u64;
            }
        });
    }
    assert!(acked > 20_000);
}
