//! Reusable workflows in a run.

use super::driver::{Driven, MAIN};
use domain::Conclusion::{Failure, Success};
use domain::Secret;

const CALLED: &str = ".github/workflows/called.yml";

fn caller(keys: &str, more: &str) -> String {
    format!("on: push\nenv: {{A: b}}\njobs:\n  call:\n    uses: ./{CALLED}\n{keys}{more}")
}

const TWO: &str = "on:\n  workflow_call:\n    inputs:\n      s: {type: string, default: 'd-${{ github.event_name }}'}\n      b: {type: boolean}\n      n: {type: number, default: 4}\n    outputs:\n      o: {value: 'got ${{ jobs.two.outputs.x }}'}\n    secrets: {given: {required: false}}\njobs:\n  one:\n    runs-on: x\n    steps: [{run: x}]\n  two:\n    needs: one\n    runs-on: ${{ inputs.s }}\n    name: Two ${{ inputs.n }}\n    outputs: {x: y}\n    steps: [{run: x}]\n";

#[test]
fn inner_jobs_run_under_the_callers_name() {
    let after = "  after:\n    needs: call\n    runs-on: x\n    steps: [{run: x}]\n";
    let mut run = Driven::start(&[(MAIN, &caller("    with: {s: 5, b: true}\n", after)), (CALLED, TWO)]);
    assert_eq!(run.log, ["ready call / one"]);
    assert_eq!(run.ready[0].inputs.to_json(), serde_json::json!({"s": "5", "b": true, "n": 4}));
    assert_eq!(run.ready[0].workflow.path, CALLED);
    assert!(run.ready[0].workflow.env.is_none(), "the caller's env is not passed");
    run.end("call / one", Success);
    assert_eq!((run.ready[0].name.as_str(), run.ready[0].labels[0].as_str()), ("call / Two 4", "5"));
    run.end_with("call / two", Success, &[("x", "y")]);
    assert_eq!(
        run.ready[0].needs.to_json(),
        serde_json::json!({"call": {"result": "success", "outputs": {"o": "got y"}}})
    );
    assert_eq!(run.succeed(), "finished success");
}

#[test]
fn defaults_are_evaluated_and_typed() {
    let run = Driven::start(&[(MAIN, &caller("", "")), (CALLED, TWO)]);
    assert_eq!(run.ready[0].inputs.to_json(), serde_json::json!({"s": "d-push", "b": false, "n": 4}));
}

#[test]
fn an_input_of_the_wrong_type_fails_the_call() {
    let mut run = Driven::start(&[(MAIN, &caller("    with: {b: \"${{ github.ref }}\"}\n", "")), (CALLED, TWO)]);
    assert!(run.has("failed call [call]: .github/workflows/main.yml (Line: 6"), "{:?}", run.log);
    assert!(run.log[0].contains("the input is a boolean, the value is a string"), "{:?}", run.log);
    assert_eq!(run.succeed(), "finished failure");
}

/// go-gitea/gitea#32439.
#[test]
fn a_caller_that_is_skipped_skips_all_as_one() {
    let mut run = Driven::start(&[
        (MAIN, &caller("    if: false\n", "  after:\n    needs: call\n    runs-on: x\n    steps: [{run: x}]\n")),
        (CALLED, TWO),
    ]);
    assert_eq!(run.log.len(), 3, "{:?}", run.log);
    assert!(run.has("skipped call [call]") && run.has("skipped after"));
    assert_eq!(run.succeed(), "finished skipped");
}

#[test]
fn a_failed_inner_job_fails_the_call() {
    let after = "  after:\n    needs: call\n    if: failure()\n    runs-on: x\n    steps: [{run: x}]\n";
    let mut run = Driven::start(&[(MAIN, &caller("", after)), (CALLED, TWO)]);
    run.end("call / one", Failure);
    assert!(run.has("skipped call / two [call / Two ${{ inputs.n }}]: it needs 'one', which failed"), "{:?}", run.log);
    assert_eq!(run.ready_ids(), ["after"]);
    assert_eq!(run.succeed(), "finished failure");
}

#[test]
fn a_strategy_makes_one_graph_per_configuration() {
    let keys = "    strategy: {matrix: {v: [1, 2]}, max-parallel: 1}\n    with: {n: \"${{ matrix.v }}\"}\n";
    let mut run = Driven::start(&[(MAIN, &caller(keys, "")), (CALLED, TWO)]);
    assert_eq!(run.ready_ids(), ["call (1) / one"]);
    run.end("call (1) / one", Success);
    assert_eq!(run.ready[0].name, "call (1) / Two 1");
    run.end("call (1) / two", Success);
    assert_eq!(run.ready_ids(), ["call (2) / one"]);
    run.end("call (2) / one", Failure);
    assert_eq!(run.succeed(), "finished failure");
}

#[test]
fn fail_fast_reaches_into_called_graphs() {
    let keys = "    strategy: {matrix: {v: [1, 2]}}\n";
    let called = "on: workflow_call\njobs:\n  one:\n    runs-on: x\n    steps: [{run: x}]\n  tidy:\n    needs: one\n    if: always()\n    runs-on: x\n    steps: [{run: x}]\n";
    let mut run = Driven::start(&[(MAIN, &caller(keys, "")), (CALLED, called)]);
    run.end("call (1) / one", Failure);
    run.end("call (1) / tidy", Success);
    assert!(run.has("cancel call (2) / one"), "{:?}", run.log);
    run.end("call (2) / one", domain::Conclusion::Cancelled);
    assert_eq!(run.ready_ids(), ["call (2) / tidy"]);
    assert_eq!(run.succeed(), "finished failure");
}

#[test]
fn an_output_that_cannot_be_evaluated_fails_the_call() {
    let called = TWO.replace("'got ${{ jobs.two.outputs.x }}'", "\"${{ fromJSON(jobs.two.outputs.x) }}\"");
    let mut run = Driven::start(&[(MAIN, &caller("", "")), (CALLED, &called)]);
    assert_eq!(run.succeed(), "finished failure");
    assert!(run.has("failed call [call]: .github/workflows/called.yml (Line: 8"), "{:?}", run.log);
}

#[test]
fn secrets_are_given_inherited_or_kept() {
    let all = [("TOKEN_X".to_owned(), Secret::new("tx")), ("GITHUB_TOKEN".to_owned(), Secret::new("gt"))];
    let seen = |keys: &str| {
        let run = Driven::start(&[(MAIN, &caller(keys, "")), (CALLED, TWO)]);
        let mut seen: Vec<(String, String)> = run.ready[0]
            .secrets
            .resolve(&all)
            .unwrap()
            .into_iter()
            .map(|(name, value)| (name, value.expose().to_owned()))
            .collect();
        seen.sort();
        seen
    };
    let token = ("GITHUB_TOKEN".to_owned(), "gt".to_owned());
    assert_eq!(seen(""), std::slice::from_ref(&token));
    assert_eq!(seen("    secrets: inherit\n"), [token.clone(), ("TOKEN_X".to_owned(), "tx".to_owned())]);
    let given = "    secrets: {given: \"${{ secrets.TOKEN_X }}-${{ github.event_name }}\"}\n";
    assert_eq!(seen(given), [token, ("given".to_owned(), "tx-push".to_owned())]);
}

#[test]
fn nested_calls_and_groups() {
    let middle = ".github/workflows/middle.yml";
    let root = format!("on: push\njobs:\n  top:\n    uses: ./{middle}\n    concurrency: outer\n");
    let middle_text = format!("on: workflow_call\nconcurrency: own\njobs:\n  mid:\n    uses: ./{CALLED}\n");
    let mut run = Driven::start(&[(MAIN, &root), (middle, &middle_text), (CALLED, TWO)]);
    assert_eq!(run.ready_ids(), ["top / mid / one"]);
    let groups: Vec<&str> = run.ready[0].concurrency.iter().map(|group| group.group.as_str()).collect();
    assert_eq!(groups, ["outer", "own"]);
    let holders: Vec<_> =
        run.ready[0].concurrency.iter().map(|group| group.held_by.as_ref().map(ToString::to_string)).collect();
    assert_eq!(holders, [Some("top".to_owned()), Some("top".to_owned())]);
    assert_eq!(run.succeed(), "finished success");
    assert_eq!(run.log.iter().filter(|line| line.as_str() == "left top").count(), 1, "{:?}", run.log);
    let same = middle_text.replace("concurrency: own", "concurrency: OUTER");
    let run = Driven::start(&[(MAIN, &root), (middle, &same), (CALLED, TWO)]);
    assert!(run.log[0].contains("the workflow would wait for itself"), "{:?}", run.log);
}
