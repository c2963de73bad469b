//! Cancellation of a run.

use super::driver::{Driven, MAIN};
use domain::Conclusion::{Cancelled, Success};

fn run(text: &str) -> Driven {
    Driven::start(&[(MAIN, &format!("on: push\njobs:\n{text}"))])
}

fn job(id: &str, keys: &str) -> String {
    format!(
        "  {id}:\n    runs-on: x\n    steps: [{{run: x}}]\n{}",
        keys.lines().map(|line| format!("    {line}\n")).collect::<String>()
    )
}

#[test]
fn only_conditions_that_still_hold_go_on() {
    let text = job("a", "")
        + &job("b", "if: always()")
        + &job("c", "needs: a")
        + &job("d", "needs: a\nif: cancelled()")
        + &job("e", "needs: a\nif: always()");
    let mut run = run(&text);
    run.cancel();
    assert_eq!(&run.log[2..], ["cancel a"]);
    run.end("a", Cancelled);
    assert!(run.has("skipped c [c]: it was cancelled"), "{:?}", run.log);
    assert_eq!(run.ready_ids(), ["b", "d", "e"]);
    assert_eq!(run.succeed(), "finished cancelled");
}

#[test]
fn held_cells_end_and_the_rest_is_told_once() {
    let mut run = run(&job("m", "strategy: {matrix: {v: [1, 2, 3]}, max-parallel: 1}"));
    run.cancel();
    run.cancel();
    assert_eq!(&run.log[1..], ["cancel m (1)", "cancelled m (2)", "cancelled m (3)"]);
    run.end("m (1)", Success);
    assert_eq!(run.log.last().unwrap(), "finished cancelled");
    run.cancel();
    assert_eq!(run.log.iter().filter(|line| line.starts_with("finished")).count(), 1);
}

#[test]
fn held_cells_of_an_always_job_still_run() {
    let mut run = run(&job("m", "if: always()\nstrategy: {matrix: {v: [1, 2]}, max-parallel: 1}"));
    run.cancel();
    assert_eq!(run.log.len(), 1);
    run.end("m (1)", Success);
    assert_eq!(run.ready_ids(), ["m (2)"]);
    assert_eq!(run.succeed(), "finished cancelled");
}

#[test]
fn called_graphs_are_cancelled_too() {
    let called = ".github/workflows/called.yml";
    let inner = "on: workflow_call\njobs:\n".to_owned() + &job("one", "") + &job("two", "needs: one\nif: cancelled()");
    let main = format!("on: push\njobs:\n  call:\n    uses: ./{called}\n");
    let mut run = Driven::start(&[(MAIN, &main), (called, &inner)]);
    run.cancel();
    assert_eq!(&run.log[1..], ["cancel call / one"]);
    run.end("call / one", Cancelled);
    assert_eq!(run.ready_ids(), ["call / two"]);
    assert_eq!(run.succeed(), "finished cancelled");
}

#[test]
fn a_run_that_is_ended_asks_no_condition() {
    let text = job("a", "if: always()")
        + &job("b", "needs: a\nif: always()\nstrategy: {matrix: {v: [1, 2]}}")
        + &job("m", "if: always()\nstrategy: {matrix: {v: [1, 2]}, max-parallel: 1}");
    let mut run = run(&text);
    run.cancel();
    run.end_all();
    run.end_all();
    assert_eq!(&run.log[2..], ["cancel a", "cancelled b", "cancel m (1)", "cancelled m (2)"]);
    run.end("a", Cancelled);
    assert_eq!(run.succeed(), "finished cancelled");
    assert!(!run.log.iter().any(|line| line.starts_with("ready b")), "{:?}", run.log);
}

#[test]
fn a_call_that_gave_way_ends_whole_and_nothing_else_does() {
    let called = ".github/workflows/called.yml";
    let inner = "on: workflow_call\nconcurrency: Grp\njobs:\n".to_owned()
        + &job("one", "concurrency: own")
        + &job("two", "needs: one\nif: always()");
    let main = format!("on: push\njobs:\n  call:\n    uses: ./{called}\n") + &job("after", "needs: call\nif: always()");
    let mut own = Driven::start(&[(MAIN, &main), (called, &inner)]);
    own.give_way("call / one", "own");
    own.end("call / one", Cancelled);
    assert_eq!(own.ready_ids(), ["call / two"]);
    let mut run = Driven::start(&[(MAIN, &main), (called, &inner)]);
    run.give_way("call / one", "gRP");
    assert_eq!(&run.log[1..], ["cancel call / one", "cancelled call / two"]);
    run.end("call / one", Cancelled);
    assert_eq!(run.ready_ids(), ["after"]);
    assert!(run.log.contains(&"left call".to_owned()), "{:?}", run.log);
    run.succeed();
}
