//! Matrices in a run.

use super::driver::{Driven, MAIN};
use domain::Conclusion::{Cancelled, Failure, Success};

fn matrix(strategy: &str, more: &str) -> String {
    format!(
        "on: push\njobs:\n  first:\n    runs-on: x\n    steps: [{{run: x}}]\n  cell:\n    needs: first\n    runs-on: x\n    strategy: {strategy}\n    steps: [{{run: x}}]\n{more}"
    )
}

fn opened(strategy: &str, outputs: &[(&str, &str)]) -> Driven {
    let mut run = Driven::start(&[(
        MAIN,
        &matrix(strategy, "  last:\n    needs: cell\n    if: always()\n    runs-on: x\n    steps: [{run: x}]\n"),
    )]);
    run.end_with("first", Success, outputs);
    run
}

#[test]
fn cells_have_names_ids_and_contexts() {
    let run = opened("{matrix: {os: [l, w], v: [1]}, max-parallel: 5}", &[]);
    assert_eq!(run.ready_ids(), ["cell (l, 1)", "cell (w, 1)"]);
    assert_eq!(run.ready[1].name, "cell (w, 1)");
    assert_eq!(run.ready[1].matrix.to_json(), serde_json::json!({"os": "w", "v": 1}));
    assert_eq!(
        run.ready[1].strategy.to_json(),
        serde_json::json!({"fail-fast": true, "job-index": 1, "job-total": 2, "max-parallel": 5})
    );
}

/// go-gitea/gitea#25179: a matrix from the outputs of a need.
#[test]
fn a_matrix_may_come_from_needs() {
    let run = opened("{matrix: {v: '${{ fromJSON(needs.first.outputs.list) }}'}}", &[("list", "[1, {\"a\": \"x\"}]")]);
    assert_eq!(run.ready_ids(), ["cell (1)", "cell (x)"]);
    let whole =
        opened("{matrix: '${{ fromJSON(needs.first.outputs.m) }}'}", &[("m", "{\"include\":[{\"a\":1},{\"a\":1}]}")]);
    assert_eq!(whole.ready_ids(), ["cell (1)", "cell (1) #2"]);
    let strategy =
        opened("${{ fromJSON(needs.first.outputs.s) }}", &[("s", "{\"matrix\":{\"a\":[1,2]},\"max-parallel\":1}")]);
    assert_eq!(strategy.ready_ids(), ["cell (1)"]);
}

/// nektos/act#2313: it must not silently run nothing.
#[test]
fn a_matrix_that_cannot_be_evaluated_fails_the_job() {
    for (list, why) in [
        ("", "Error parsing fromJSON"),
        ("[]", "Matrix vector 'v' does not contain any values"),
        ("[1,", "Error parsing fromJSON"),
        ("{\"a\":1}", "Unexpected type"),
    ] {
        let mut run = opened("{matrix: {v: '${{ fromJSON(needs.first.outputs.list) }}'}}", &[("list", list)]);
        let failed = run
            .log
            .iter()
            .find(|line| line.starts_with("failed cell [cell]: "))
            .unwrap_or_else(|| panic!("{:?}", run.log));
        assert!(failed.contains(why) && failed.contains("(Line: 9, Col: "), "{failed}");
        assert_eq!(run.ready_ids(), ["last"]);
        assert_eq!(run.succeed(), "finished failure");
    }
}

/// nektos/act#1865.
#[test]
fn a_failed_configuration_cancels_its_siblings() {
    let mut run = opened("{matrix: {v: [1, 2, 3, 4]}, max-parallel: 2}", &[]);
    assert_eq!(run.ready_ids(), ["cell (1)", "cell (2)"]);
    run.end("cell (1)", Failure);
    assert_eq!(&run.log[3..], ["cancel cell (2)", "cancelled cell (3)", "cancelled cell (4)"], "{:?}", run.log);
    run.end("cell (2)", Cancelled);
    assert_eq!(
        run.ready[0].needs.get("cell").and_then(|cell| cell.get("result")).and_then(|r| r.as_str()),
        Some("failure")
    );
    assert_eq!(run.succeed(), "finished failure");
}

#[test]
fn without_fail_fast_all_run() {
    let mut run = opened("{matrix: {v: [1, 2, 3]}, fail-fast: false, max-parallel: 1}", &[]);
    run.end("cell (1)", Failure);
    run.end("cell (2)", Success);
    run.end("cell (3)", Success);
    assert!(run.log.iter().all(|line| !line.starts_with("cancel")), "{:?}", run.log);
    assert_eq!(run.succeed(), "finished failure");
}

#[test]
fn a_tolerated_failure_does_not_trip_fail_fast() {
    let text = matrix("{matrix: {v: [1, 2]}}", "")
        .replace("    strategy", "    continue-on-error: ${{ matrix.v == 1 }}\n    strategy");
    let mut run = Driven::start(&[(MAIN, &text)]);
    run.end("first", Success);
    run.end("cell (1)", Failure);
    assert_eq!(run.ready_ids(), ["cell (2)"]);
    assert_eq!(run.succeed(), "finished success");
}

#[test]
fn max_parallel_bounds_what_is_out() {
    let mut run = opened("{matrix: {v: [1, 2, 3, 4, 5]}, max-parallel: 2}", &[]);
    let mut most = 0;
    while run.ready_ids().iter().any(|id| id.starts_with("cell")) {
        most = most.max(run.ready.len());
        let id = run.ready_ids()[0].to_owned();
        run.end(&id, Success);
    }
    assert_eq!(most, 2);
    assert_eq!(run.succeed(), "finished success");
}

#[test]
fn what_waits_is_told_with_its_reason() {
    let mut run = opened("{matrix: {v: [1, 2, 3]}, max-parallel: 1}", &[]);
    let told = |run: &Driven| -> Vec<String> {
        run.run.waiting().into_iter().map(|waiting| format!("{}: {}", waiting.id, waiting.why)).collect()
    };
    assert_eq!(run.run.waiting()[0].labels, ["x"]);
    let turn = "max-parallel: 1, and 1 of its matrix go on";
    let needs = "last: it needs 'cell', which has not ended";
    assert_eq!(told(&run), [format!("cell (2): {turn}"), format!("cell (3): {turn}"), needs.to_owned()]);
    run.end("cell (1)", Success);
    assert_eq!(told(&run), [format!("cell (3): {turn}"), needs.to_owned()]);
    run.end("cell (2)", Success);
    assert_eq!(told(&run), [needs]);
    run.end("cell (3)", Success);
    assert_eq!(told(&run), [] as [&str; 0]);
}

/// go-gitea/gitea#32795: per output, the last configuration that has something to say.
#[test]
fn the_last_non_empty_output_wins() {
    let mut run = opened("{matrix: {v: [1, 2, 3]}}", &[]);
    run.end_with("cell (2)", Success, &[("a", "two"), ("b", "two")]);
    run.end_with("cell (1)", Success, &[("a", "one"), ("b", "")]);
    run.end_with("cell (3)", Success, &[("a", ""), ("c", "")]);
    let outputs = run.ready[0].needs.get("cell").and_then(|cell| cell.get("outputs")).unwrap().to_json();
    assert_eq!(outputs, serde_json::json!({"a": "one", "b": "two", "c": ""}));
}

#[test]
fn a_name_with_an_expression_replaces_the_whole() {
    let text = matrix("{matrix: {v: [1, 2]}}", "")
        .replace("    strategy", "    name: n${{ matrix.v == 1 && '-one' || '' }}\n    strategy");
    let mut run = Driven::start(&[(MAIN, &text)]);
    run.end("first", Success);
    assert_eq!(run.ready.iter().map(|job| job.name.as_str()).collect::<Vec<_>>(), ["n-one", "n"]);
    let literal = matrix("{matrix: {v: [1]}}", "").replace("    strategy", "    name: my cell\n    strategy");
    let mut run = Driven::start(&[(MAIN, &literal)]);
    run.end("first", Success);
    assert_eq!((run.ready[0].name.as_str(), run.ready[0].id.as_str()), ("my cell (1)", "cell (1)"));
}

#[test]
fn a_configuration_that_cannot_be_evaluated_fails_alone_and_trips_fail_fast() {
    let keys = "    name: ${{ matrix.v == 2 && fromJSON('x') || 'ok' }}\n    strategy";
    let text = matrix("{matrix: {v: [1, 2, 3]}, fail-fast: false}", "").replace("    strategy", keys);
    let mut run = Driven::start(&[(MAIN, &text)]);
    run.end("first", Success);
    assert_eq!(run.ready_ids(), ["cell (1)", "cell (3)"]);
    assert!(run.has("failed cell (2) [${{ matrix.v == 2 && fromJSON('x') || 'ok' }}]"), "{:?}", run.log);
    let text = matrix("{matrix: {v: [1, 2, 3]}}", "").replace("    strategy", keys);
    let mut run = Driven::start(&[(MAIN, &text)]);
    run.end("first", Success);
    assert!(run.ready.is_empty() && run.has("cancelled cell (1)") && run.has("cancelled cell (3)"), "{:?}", run.log);
    assert_eq!(run.log.last().unwrap(), "finished failure");
}

#[test]
fn a_matrix_that_excludes_everything_runs_once_without_one() {
    let run = opened("{matrix: {v: [1], exclude: [{v: 1}]}}", &[]);
    assert_eq!(run.ready_ids(), ["cell"]);
    assert!(matches!(run.ready[0].matrix, workflow::expr::Value::Null));
}

#[test]
fn only_the_configurations_that_were_asked_for_run() {
    let text = "on: push\njobs:\n  a:\n    strategy: {matrix: {os: [x, y], n: [1, 2, 3]}}\n    runs-on: z\n    steps: [{run: x}]\n  b:\n    runs-on: z\n    steps: [{run: x}]\n  c:\n    strategy: {matrix: {os: [z]}}\n    runs-on: z\n    steps: [{run: x}]\n";
    let driven = Driven::start_wanting(&[(MAIN, text)], "{}", &[("OS", "y"), ("n", "1"), ("n", "3")]);
    let ids: Vec<&str> = driven.ready.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(ids, ["a (y, 1)", "a (y, 3)", "b"]);
    assert!(
        driven.log.iter().any(|line| line.starts_with("skipped c [c]: none of its configurations")),
        "{:?}",
        driven.log
    );
}
