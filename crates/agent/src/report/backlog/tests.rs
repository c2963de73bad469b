use super::{Backlog, Limits};
use crate::report::rows::Chunk;
use crate::report::spool::Spool;
use domain::{TaskId, Timestamp};
use proptest::prelude::*;
use std::ops::ControlFlow;

const NOW: Timestamp = Timestamp(1);

/// What happens to a call.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Answered,
    ReplyLost,
    RequestLost,
}

#[derive(Debug, Clone)]
enum Act {
    /// The job says so many rows at once.
    Say(usize),
    /// A call with so many rows.
    Call(usize, Fate),
    /// The forge forgets all but so many tenths of its rows.
    Forget(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let fate = prop::sample::select(vec![Fate::Answered, Fate::Answered, Fate::ReplyLost, Fate::RequestLost]);
    let act = prop_oneof![
        5 => (1_usize..30).prop_map(Act::Say),
        6 => (1_usize..40, fate).prop_map(|(rows, fate)| Act::Call(rows, fate)),
        1 => (0_usize..10).prop_map(Act::Forget),
    ];
    prop::collection::vec(act, 0..60)
}

/// The forge's rule: a gap is refused, what it has is trimmed.
fn update_log(log: &mut Vec<String>, index: u64, rows: &[String]) -> u64 {
    let have = log.len() as u64;
    if index <= have {
        log.extend(rows.iter().skip((have - index) as usize).cloned());
    }
    log.len() as u64
}

/// Sends so many rows; answers whether the forge moved on.
fn call(backlog: &mut Backlog, log: &mut Vec<String>, most: usize, fate: Fate) {
    backlog.load(most * 16, NOW);
    let mut rows = Vec::new();
    backlog.offer(|_, row| {
        rows.push(row.to_owned());
        if rows.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    if let Fate::RequestLost = fate {
        return;
    }
    let acked = update_log(log, backlog.acked(), &rows);
    if let Fate::Answered = fate {
        backlog.ack(acked, NOW);
    }
}

proptest! {
    #[test]
    fn the_forge_gets_every_row_once_in_order_or_a_mark(acts in acts(), window in 1_usize..2000, kept in 0_usize..500) {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { window, kept, spool: u64::MAX, late: 500 };
        let mut backlog = Backlog::after(0, Spool::new(folder.path().join("rows")), limits);
        let (mut log, mut said) = (Vec::new(), 0_usize);
        // Where each row was put, as the board keeps it.
        let mut numbers: Vec<(String, u64)> = Vec::new();
        let mut forgot = false;
        let renumber = |backlog: &mut Backlog, numbers: &mut Vec<(String, u64)>| {
            for shift in backlog.shifts() {
                numbers.retain(|(_, number)| *number < shift.from || *number >= shift.to);
                numbers.iter_mut().for_each(|(_, number)| *number = shift.moved(*number));
            }
        };
        for act in acts {
            match act {
                Act::Say(rows) => {
                    let lines: Vec<String> = (said..said + rows).map(|row| format!("row {row}")).collect();
                    said += rows;
                    let from = backlog.end();
                    backlog.push(Chunk::new(NOW, (lines.join("\n") + "\n").into()).unwrap());
                    numbers.extend(lines.into_iter().zip(from..));
                }
                Act::Call(most, fate) => call(&mut backlog, &mut log, most, fate),
                Act::Forget(tenths) => {
                    log.truncate(log.len() * tenths / 10);
                    forgot = true;
                }
            }
            renumber(&mut backlog, &mut numbers);
        }
        let mut calls = 0;
        while !backlog.is_empty() || (backlog.end() != log.len() as u64) {
            call(&mut backlog, &mut log, 50, Fate::Answered);
            renumber(&mut backlog, &mut numbers);
            calls += 1;
            prop_assert!(calls < 1000, "it does not come to an end");
        }
        prop_assert_eq!(backlog.end(), log.len() as u64);
        for (text, number) in &numbers {
            prop_assert_eq!(text, &log[usize::try_from(*number).unwrap()]);
        }
        let of_job: Vec<usize> = log.iter().filter_map(|row| row.strip_prefix("row ")?.parse().ok()).collect();
        prop_assert!(of_job.windows(2).all(|two| two[0] < two[1]), "{of_job:?}");
        if !forgot {
            prop_assert!(of_job.into_iter().eq(0..said));
        }
    }

    #[test]
    fn a_body_keeps_to_its_size(lines in prop::collection::vec("[a-z]{0,300}", 1..60), most in 200_usize..3000) {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { window: 4000, kept: 0, spool: u64::MAX, late: 500 };
        let mut backlog = Backlog::after(0, Spool::new(folder.path().join("rows")), limits);
        for line in &lines {
            backlog.push(Chunk::new(NOW, format!("{line}\n").into()).unwrap());
        }
        let mut sent = 0;
        while !backlog.is_empty() {
            let writer = backlog.pack(TaskId(1), most, NOW);
            prop_assert!(writer.rows() > 0);
            prop_assert!(writer.len() <= most || writer.rows() == 1);
            sent += writer.rows();
            backlog.ack(sent, NOW);
        }
        prop_assert_eq!(sent, lines.len() as u64);
    }
}

#[test]
fn where_rows_were_left_out_the_log_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { window: 1, kept: 0, spool: 100, late: 0 };
    let mut backlog = Backlog::after(0, Spool::new(folder.path().join("rows")), limits);
    backlog.push(Chunk::new(NOW, "a\n".into()).unwrap());
    backlog.leave_out(3);
    backlog.leave_out(4);
    backlog.push(Chunk::new(NOW, "b\n".into()).unwrap());
    backlog.leave_out(1);
    backlog.close(NOW);
    let mut rows = Vec::new();
    backlog.load(1000, NOW);
    backlog.offer(|_, row| {
        rows.push(row.to_owned());
        ControlFlow::Continue(())
    });
    let missing = |rows| format!("##[warning]{rows} rows are missing here: there was no room to keep them.");
    assert_eq!(rows, ["a".to_owned(), missing(7), "b".to_owned(), missing(1), String::new()]);
}

#[test]
fn a_disk_that_takes_nothing_loses_no_row_of_a_job_that_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (place, limits) = (folder.path().join("rows"), Limits { window: 500, kept: 0, spool: u64::MAX, late: 500 });
    // No folder can be made there, and so no file in it.
    std::fs::write(&place, "").unwrap();
    let mut backlog = Backlog::after(0, Spool::new(place.join("rows")), limits);
    let (mut log, mut said) = (Vec::new(), 0);
    for round in 0..200 {
        // In the end the disk takes everything.
        for _ in 0..if round < 150 { usize::MAX } else { 50 } {
            if backlog.is_stuck() {
                break;
            }
            let rows: Vec<String> = (said..said + 5).map(|row| row.to_string()).collect();
            said += 5;
            backlog.push(Chunk::new(NOW, (rows.join("\n") + "\n").into()).unwrap());
        }
        assert!(round >= 150 || backlog.bytes() < 2 * limits.window + 100, "{}", backlog.bytes());
        if round == 149 {
            std::fs::remove_file(&place).unwrap();
        }
        call(&mut backlog, &mut log, 7, Fate::Answered);
    }
    while !backlog.is_empty() {
        call(&mut backlog, &mut log, 100, Fate::Answered);
    }
    assert!(log.into_iter().eq((0..said).map(|row| row.to_string())));
}

#[test]
fn a_disk_that_takes_nothing_costs_rows_of_a_job_that_does_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("rows");
    std::fs::write(&place, "").unwrap();
    let mut backlog =
        Backlog::after(0, Spool::new(place.join("rows")), Limits { window: 500, kept: 0, spool: u64::MAX, late: 500 });
    let row = |backlog: &mut Backlog| backlog.push(Chunk::new(NOW, "0123456789\n".into()).unwrap());
    (0..1000).for_each(|_| row(&mut backlog));
    let kept = backlog.rows();
    assert!(backlog.is_stuck() && (20..200).contains(&kept), "{kept}");
    // When it has room again, rows go there.
    std::fs::remove_file(&place).unwrap();
    row(&mut backlog);
    assert!(!backlog.is_stuck());
    let mut log = Vec::new();
    while !backlog.is_empty() {
        call(&mut backlog, &mut log, 1000, Fate::Answered);
    }
    assert_eq!(log.len() as u64, kept + 2);
    assert_eq!(
        log[usize::try_from(kept).unwrap()],
        format!("##[warning]{} rows are missing here: there was no room to keep them.", 1000 - kept)
    );
}
