use super::{Board, Owner, Shift};
use domain::{Conclusion, JobEventKind, StepPhase, StepRef, TaskId, TaskPhase, TaskResult, Timestamp};

fn board(steps: u32) -> Board {
    Board::new(TaskId(1), steps, Timestamp(1))
}

fn starts(board: &mut Board, step: u32, index: Option<u32>, at: u64, rows: u64) -> bool {
    let kind = JobEventKind::StepStarted { step: StepRef(step), name: "s".to_owned(), phase: StepPhase::Main, index };
    board.note(Timestamp(at), &kind, rows)
}

fn ends(board: &mut Board, step: u32, index: Option<u32>, at: u64, conclusion: Conclusion, rows: u64) {
    let (outcome, name) = (conclusion, "s".to_owned());
    let step = StepRef(step);
    let kind =
        JobEventKind::StepFinished { step, name, phase: StepPhase::Main, index, outcome, conclusion, micros: 2000 };
    board.note(Timestamp(at), &kind, rows);
}

fn ended(conclusion: Conclusion, started: Option<u64>, stopped: u64) -> TaskPhase {
    let result = TaskResult::Concluded(conclusion);
    TaskPhase::Ended { result, started: started.map(Timestamp), stopped: Timestamp(stopped) }
}

#[test]
fn what_is_no_step_of_the_file_is_the_jobs() {
    let mut board = board(1);
    assert!(!starts(&mut board, 0, None, 1, 0));
    assert!(!starts(&mut board, 4, Some(1), 1, 0), "the forge knows one step");
    assert_eq!((board.owner(StepRef(0)), board.owner(StepRef(4))), (Owner::Job, Owner::Job));
    assert!(starts(&mut board, 5, Some(0), 1, 0));
    assert_eq!(board.owner(StepRef(5)), Owner::Step(0));
}

#[test]
fn the_parts_of_a_parallel_are_one_step() {
    let mut board = board(1);
    starts(&mut board, 1, Some(0), 10, 3);
    starts(&mut board, 2, Some(0), 11, 3);
    ends(&mut board, 1, Some(0), 12, Conclusion::Failure, 3);
    assert_eq!(board.running().steps[0].phase, TaskPhase::Running { started: Timestamp(10) });
    board.said(Owner::Step(0), 3, 5);
    ends(&mut board, 3, Some(0), 13, Conclusion::Skipped, 8);
    ends(&mut board, 2, Some(0), 14, Conclusion::Success, 8);
    let step = board.running().steps[0];
    assert_eq!((step.phase, step.log_index, step.log_length), (ended(Conclusion::Failure, Some(10), 14), 3, 5));
}

#[test]
fn a_part_may_end_before_the_next_begins() {
    let mut board = board(1);
    ends(&mut board, 1, Some(0), 9, Conclusion::Skipped, 0);
    assert_eq!(board.running().steps[0].phase, ended(Conclusion::Skipped, None, 9));
    starts(&mut board, 2, Some(0), 10, 0);
    ends(&mut board, 2, Some(0), 11, Conclusion::Success, 0);
    starts(&mut board, 3, Some(0), 12, 0);
    assert_eq!(board.running().steps[0].phase, TaskPhase::Running { started: Timestamp(10) });
    ends(&mut board, 3, Some(0), 13, Conclusion::Success, 0);
    assert_eq!(board.running().steps[0].phase, ended(Conclusion::Success, Some(10), 13));
}

#[test]
fn a_step_that_only_ends_began_before() {
    let mut board = board(2);
    ends(&mut board, 1, Some(0), 100, Conclusion::Failure, 4);
    let step = board.running().steps[0];
    assert_eq!((step.phase, step.log_index), (ended(Conclusion::Failure, Some(98), 100), 4));
}

#[test]
fn at_the_end_nothing_is_open() {
    for (conclusion, running, waiting) in [
        (Conclusion::Failure, Conclusion::Failure, Conclusion::Skipped),
        (Conclusion::Cancelled, Conclusion::Cancelled, Conclusion::Cancelled),
        (Conclusion::Success, Conclusion::Success, Conclusion::Skipped),
    ] {
        let mut board = board(2);
        starts(&mut board, 1, Some(0), 5, 0);
        let state = board.ended(Timestamp(9), conclusion);
        assert_eq!(state.phase, ended(conclusion, Some(1), 9));
        assert_eq!(state.steps[0].phase, ended(running, Some(5), 9));
        assert_eq!(state.steps[1].phase, ended(waiting, None, 9));
    }
}

#[test]
fn lost_rows_leave_every_step_its_own() {
    let mut board = board(3);
    for (step, from) in [(0, 2), (1, 50), (2, 70)] {
        starts(&mut board, step, Some(step), 1, from);
        board.said(Owner::Step(step as usize), from, 20 + 28 * u64::from(step == 0));
    }
    // Rows 40 to 59 became one.
    board.shift(Shift { from: 40, to: 60 });
    let ranges: Vec<(u64, u64)> = board.running().steps.iter().map(|step| (step.log_index, step.log_length)).collect();
    assert_eq!(ranges, [(2, 39), (41, 10), (51, 20)]);
}

#[test]
fn a_record_is_the_board_again() {
    let mut board = board(3);
    starts(&mut board, 1, Some(0), 5, 0);
    board.said(Owner::Step(0), 0, 7);
    ends(&mut board, 1, Some(0), 6, Conclusion::Failure, 7);
    starts(&mut board, 2, Some(1), 8, 7);
    let again = Board::of_record(TaskId(1), &board.record(7));
    assert_eq!(again.running(), board.running());
}
