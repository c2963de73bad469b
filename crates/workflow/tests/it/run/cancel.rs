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
