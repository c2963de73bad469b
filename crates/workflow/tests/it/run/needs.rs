//! Needs, conditions, outputs, conclusions.

use super::driver::{Driven, MAIN};
use domain::Conclusion::{Cancelled, Failure, Skipped, Success};
use workflow::run::ConcurrencyQueue;

/// A workflow of jobs: `id`, then lines at the level of its keys.
fn jobs(jobs: &[(&str, &str)]) -> String {
    let mut text = "on: push\njobs:\n".to_owned();
    for (id, keys) in jobs {
        text.push_str(&format!("  {id}:\n    runs-on: ubuntu-latest\n    steps: [{{run: 'true'}}]\n"));
        for line in keys.lines() {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}

fn start(list: &[(&str, &str)]) -> Driven {
    Driven::start(&[(MAIN, &jobs(list))])
}

#[test]
fn jobs_start_when_their_needs_have_ended() {
    let mut run = start(&[("a", ""), ("b", ""), ("c", "needs: [a, b]")]);
    assert_eq!(run.log, ["ready a", "ready b"]);
    run.end("a", Success);
    assert_eq!(run.log.len(), 2);
    run.end("b", Success);
    assert_eq!(run.log.last().unwrap(), "ready c");
    assert_eq!(run.succeed(), "finished success");
}

#[test]
fn a_failure_skips_what_follows() {
    let mut run = start(&[("a", ""), ("b", "needs: a"), ("c", "needs: b"), ("d", "")]);
    run.end("a", Failure);
    assert!(run.has("skipped b [b]: it needs 'a', which failed"), "{:?}", run.log);
    assert!(run.has("skipped c [c]: it needs 'b', which was skipped"), "{:?}", run.log);
    assert_eq!(run.succeed(), "finished failure");
}

/// actions/runner#491 and #2205: a skipped ancestor is felt below a job that ran with `always()`.
#[test]
fn all_ancestors_count_not_only_direct_needs() {
    let list = [
        ("a", "if: false"),
        ("b", "needs: a\nif: always()"),
        ("c", "needs: b"),
        ("d", "needs: b\nif: '!failure() && !cancelled()'"),
    ];
    let mut run = start(&list);
    assert!(run.has("skipped a [a]: its condition is false: false"), "{:?}", run.log);
    run.end("b", Success);
    assert!(run.has("skipped c [c]: it needs 'b', and a job before that did not succeed"), "{:?}", run.log);
    assert_eq!(run.ready_ids(), ["d"]);
    assert_eq!(run.succeed(), "finished success");
}

/// GitHub's surprise: with a skipped need none of the three holds.
#[test]
fn neither_success_nor_failure_nor_cancelled_after_a_skipped_need() {
    let mut run = start(&[("a", "if: false"), ("b", "needs: a\nif: success() || failure() || cancelled()")]);
    assert!(run.has("skipped b"), "{:?}", run.log);
    assert_eq!(run.succeed(), "finished skipped");
}

#[test]
fn failure_looks_at_all_ancestors() {
    let mut run = start(&[
        ("a", ""),
        ("b", "needs: a\nif: always()"),
        ("c", "needs: b\nif: failure()"),
        ("d", "needs: b\nif: success()"),
    ]);
    run.end("a", Failure);
    run.end("b", Success);
    assert_eq!(run.ready_ids(), ["c"]);
    assert!(run.has("skipped d"));
    assert_eq!(run.succeed(), "finished failure");
}

#[test]
fn status_functions_may_name_jobs() {
    let list = [
        ("a", ""),
        ("b", ""),
        ("c", "needs: [a, b]\nif: success('a')"),
        ("d", "needs: [a, b]\nif: failure('a')"),
        ("e", "needs: a\nif: failure('b')"),
    ];
    let mut run = start(&list);
    run.end("b", Failure);
    run.end("a", Success);
    assert_eq!(run.ready_ids(), ["c"]);
    assert!(run.has("skipped d"), "{:?}", run.log);
    assert!(run.has("failed e [e]: .github/workflows/main.yml (Line:"), "{:?}", run.log);
    assert!(
        run.log.iter().any(|line| line.contains("failure('b') names a job that this job does not need")),
        "{:?}",
        run.log
    );
}

#[test]
fn conditions_see_contexts_and_needs() {
    let list = [
        ("a", "outputs: {x: 'unused'}"),
        ("b", "needs: a\nif: needs.a.outputs.x == 'go' && github.ref == 'refs/heads/main' && inputs.deep == true"),
        ("c", "needs: a\nif: needs.a.result == 'failure'"),
    ];
    let mut run = Driven::start_with(&[(MAIN, &jobs(&list))], r#"{"deep": true}"#);
    run.end_with("a", Success, &[("x", "go")]);
    assert_eq!(run.ready_ids(), ["b"]);
    assert!(run.has("skipped c [c]: its condition is false: needs.a.result == 'failure'"), "{:?}", run.log);
}

#[test]
fn a_condition_that_cannot_be_evaluated_fails_the_job() {
    let mut run = start(&[("a", "if: fromJSON('{') == 1"), ("b", "needs: a"), ("c", "needs: a\nif: failure()")]);
    assert!(run.has("failed a [a]: .github/workflows/main.yml (Line: 6, Col: 9): Error when evaluating 'if': Error parsing fromJSON"), "{:?}", run.log);
    assert!(run.has("skipped b"));
    assert_eq!(run.ready_ids(), ["c"]);
    assert_eq!(run.succeed(), "finished failure");
}

/// actions/toolkit#581: dependants read success.
#[test]
fn continue_on_error_counts_as_success() {
    let mut run = start(&[
        ("a", "continue-on-error: true"),
        ("b", "needs: a"),
        ("c", "needs: a\nif: needs.a.result == 'success'"),
    ]);
    assert!(run.ready[0].continue_on_error);
    run.end("a", Failure);
    assert_eq!(run.ready_ids(), ["b", "c"]);
    assert_eq!(run.succeed(), "finished success");
}

#[test]
fn conclusions() {
    let end = |a, b| {
        let mut run = start(&[("a", ""), ("b", "")]);
        run.end("a", a);
        run.end("b", b);
        run.log.last().unwrap().clone()
    };
    assert_eq!(end(Success, Success), "finished success");
    assert_eq!(end(Success, Failure), "finished failure");
    assert_eq!(end(Cancelled, Failure), "finished failure");
    assert_eq!(end(Cancelled, Success), "finished cancelled");
    assert_eq!(end(Skipped, Success), "finished success");
    assert_eq!(end(Skipped, Skipped), "finished skipped");
}

#[test]
fn needs_holds_direct_needs_with_their_outputs() {
    let mut run = start(&[("a", ""), ("b", "needs: a"), ("c", "needs: b")]);
    run.end_with("a", Success, &[("k", "v")]);
    assert_eq!(run.ready[0].needs.to_json(), serde_json::json!({"a": {"result": "success", "outputs": {"k": "v"}}}));
    run.end("b", Success);
    assert_eq!(run.ready[0].needs.to_json(), serde_json::json!({"b": {"result": "success", "outputs": {}}}));
}

/// actions/runner#1215: the name of a job that is skipped stays as written.
#[test]
fn the_name_of_a_skipped_job_is_not_evaluated() {
    let name = "name: 'It''s {x} ${{ github.ref }} on ${{ matrix.os }}'\nstrategy: {matrix: {os: [l]}}";
    let mut run =
        start(&[("a", &format!("if: false\n{name}")), ("b", name), ("c", "if: false\nname: ${{ github.ref }}")]);
    assert!(run.has("skipped a [It's {x} ${{ github.ref }} on ${{ matrix.os }}]"), "{:?}", run.log);
    assert!(run.has("skipped c [${{ github.ref }}]"), "{:?}", run.log);
    assert_eq!(run.ready[0].name, "It's {x} refs/heads/main on l");
    assert_eq!(run.succeed(), "finished success");
}

#[test]
fn the_queue_of_a_group_is_handed_on() {
    let queue = |written: &str| {
        let run = start(&[("a", &format!("concurrency: {{group: g, queue: {written}}}"))]);
        run.ready[0].concurrency[0].queue
    };
    assert_eq!((queue("max"), queue("single")), (ConcurrencyQueue::Max, ConcurrencyQueue::Single));
    let unsaid = start(&[("a", "concurrency: g")]);
    assert_eq!(unsaid.ready[0].concurrency[0].queue, ConcurrencyQueue::Single);
}

#[test]
fn keys_of_a_ready_job_are_evaluated() {
    let keys = "environment: {name: \"env-${{ github.ref_name || 'x' }}\"}\ntimeout-minutes: ${{ inputs.t }}\ncancel-timeout-minutes: 2\nconcurrency: {group: \"g-${{ github.event_name }}\", cancel-in-progress: true}\ncontinue-on-error: ${{ inputs.t == 7 }}";
    let run = Driven::start_with(&[(MAIN, &jobs(&[("a", keys)]))], r#"{"t": 7}"#);
    let job = &run.ready[0];
    assert_eq!(job.environment.as_deref(), Some("env-x"));
    assert_eq!((job.timeout_minutes, job.cancel_timeout_minutes), (7.0, 2.0));
    assert_eq!((job.concurrency[0].group.as_str(), job.concurrency[0].cancel_in_progress), ("g-push", true));
    assert!(job.continue_on_error);
    assert_eq!(job.labels, ["ubuntu-latest"]);
    assert_eq!(
        job.strategy.to_json(),
        serde_json::json!({"fail-fast": true, "job-index": 0, "job-total": 1, "max-parallel": 1})
    );
    assert!(matches!(job.matrix, workflow::expr::Value::Null));
    assert!(job.normal().is_some());
}

#[test]
fn a_text_where_a_number_is_wanted_fails_the_job() {
    let mut run = Driven::start_with(&[(MAIN, &jobs(&[("a", "timeout-minutes: ${{ inputs.t }}")]))], r#"{"t": "7"}"#);
    assert!(run.has("failed a [a]:"), "{:?}", run.log);
    assert!(run.log[0].contains("Unexpected value '7'"), "{:?}", run.log);
    assert_eq!(run.succeed(), "finished failure");
}

#[test]
fn labels_and_groups() {
    let text = |runs_on: &str| format!("on: push\njobs:\n  a:\n    runs-on: {runs_on}\n    steps: [{{run: x}}]\n");
    let ready = |runs_on: &str| {
        let mut run = Driven::start(&[(MAIN, &text(runs_on))]);
        run.ready.pop_front().map(|job| (job.labels, job.group)).ok_or_else(|| run.log[0].clone())
    };
    let labels = |list: &[&str]| list.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>();
    assert_eq!(ready("[self-hosted, \"${{ 'gpu' }}\"]"), Ok((labels(&["self-hosted", "gpu"]), None)));
    assert_eq!(ready("${{ fromJSON('[\"a\",\"b\"]') }}"), Ok((labels(&["a", "b"]), None)));
    assert_eq!(ready("{group: big, labels: x}"), Ok((labels(&["x"]), Some("big".to_owned()))));
    assert_eq!(
        ready("${{ fromJSON('{\"group\":\"g\",\"labels\":[\"x\"]}') }}"),
        Ok((labels(&["x"]), Some("g".to_owned())))
    );
    assert!(ready("${{ github.nothing }}").unwrap_err().contains("a label is empty"));
}

#[test]
fn changes_that_do_not_fit_change_nothing() {
    let mut run = start(&[("a", ""), ("b", "needs: a")]);
    use workflow::run::RunChange::Ended;
    let ended = |job: &str| Ended { job: domain::JobId::new(job), conclusion: Success, outputs: Default::default() };
    assert!(run.run.apply(ended("b")).is_empty());
    assert!(run.run.apply(ended("nope")).is_empty());
    assert_eq!(run.run.apply(ended("a")).len(), 1);
    assert!(run.run.apply(ended("a")).is_empty());
}

#[test]
fn what_waits_for_its_needs_tells_the_labels_that_are_written() {
    let text = "on: push\njobs:\n  a: {runs-on: x, steps: [{run: a}]}\n  one: {needs: a, runs-on: lab, steps: [{run: a}]}\n  two: {needs: a, runs-on: [self-hosted, 9], steps: [{run: a}]}\n  grouped: {needs: a, runs-on: {group: g, labels: [big]}, steps: [{run: a}]}\n  group: {needs: a, runs-on: {group: g}, steps: [{run: a}]}\n  some: {needs: a, runs-on: [lab, '${{ needs.a.result }}'], steps: [{run: a}]}\n  all: {needs: a, runs-on: '${{ fromJSON(needs.a.outputs.on) }}', steps: [{run: a}]}\n  call: {needs: a, uses: ./.github/workflows/c.yml}\n";
    let called = "on: workflow_call\njobs: {in: {runs-on: x, steps: [{run: a}]}}\n";
    let run = Driven::start(&[(MAIN, text), (".github/workflows/c.yml", called)]);
    let told: Vec<(String, String)> =
        run.run.waiting().into_iter().map(|waiting| (waiting.id.to_string(), waiting.labels.join(","))).collect();
    let expected = [
        ("one", "lab"),
        ("two", "self-hosted,9"),
        ("grouped", "big"),
        ("group", ""),
        ("some", ""),
        ("all", ""),
        ("call", ""),
    ];
    assert_eq!(told, expected.map(|(id, labels)| (id.to_owned(), labels.to_owned())));
}
