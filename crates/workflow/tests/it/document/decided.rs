//! What the machine decided stands in the document.

use crate::document::same::{checked, get};
use crate::run::driver::{Driven, MAIN};
use domain::Conclusion;
use workflow::document::{DocumentError, event_inputs, without_place, write};
use workflow::parse;
use workflow::run::{OneJob, RunInputs, one_job};
use workflow::yaml::{self, FileId, Limits, Node};

fn tree(text: &str) -> Node<'static> {
    yaml::read(FileId::default(), text, &Limits::default()).unwrap().root.into_owned()
}

/// The document of the only job that is ready.
fn document(driven: &Driven) -> String {
    assert_eq!(driven.ready.len(), 1, "{:?}", driven.log);
    checked(&driven.ready[0])
}

#[test]
fn a_document_has_gitea_s_form() {
    let driven = Driven::start(&[(
        MAIN,
        "name: CI\non: {push: {branches: [main]}, workflow_dispatch: {inputs: {n: {type: number, default: 3}}}}\nenv: &e {A: 1.10, B: yes}\npermissions: {contents: read}\njobs:\n  build:\n    name: on ${{ matrix.os }}\n    permissions: {}\n    runs-on: ['${{ matrix.os }}', x64]\n    concurrency: g\n    strategy:\n      fail-fast: false\n      matrix:\n        os: [linux]\n        v: [1.0]\n        o: [{a: [1, null]}]\n    env: *e\n    continue-on-error: ${{ matrix.v == 1 }}\n    environment: {name: 'prod-${{ matrix.os }}', url: '${{ steps.a.outputs.u }}', deployment: false}\n    steps:\n      - run: |\n          echo one\n            two\n\n      - uses: actions/checkout@v4\n        with: {fetch-depth: 0}\n",
    )]);
    let text = document(&driven);
    assert_eq!(
        text,
        r#"name: "CI"
"on":
  push: null
  workflow_dispatch:
    inputs:
      "n":
        type: "number"
        required: false
        default: 3
env:
  A: "1.1"
  B: "yes"
jobs:
  build:
    name: "on linux"
    runs-on:
      - "linux"
      - "x64"
    env:
      A: "1.1"
      B: "yes"
    steps:
      - run: "echo one\n  two\n"
      - uses: "actions/checkout@v4"
        with:
          fetch-depth: "0"
    continue-on-error: true
    strategy:
      fail-fast: false
      max-parallel: 1
      matrix:
        os:
          - "linux"
        v:
          - 1
        o:
          - a:
              - 1
              - null
      job-index: 0
      job-total: 1
    environment:
      name: "prod-linux"
      url: "${{ steps.a.outputs.u }}"
"#
    );
}

#[test]
fn a_condition_is_not_decided_twice() {
    let mut driven = Driven::start(&[(
        MAIN,
        "on: push\njobs:\n  a: {runs-on: x, steps: [{run: a}]}\n  b: {needs: a, if: failure(), runs-on: x, steps: [{run: b}]}\n  c: {needs: a, if: \"!cancelled()\", runs-on: x, steps: [{run: c, if: failure()}]}\n  d: {runs-on: x, if: \"github.ref != ''\", steps: [{run: c}]}\n",
    )]);
    assert!(!checked(&driven.ready[0]).contains("if:"));
    assert!(checked(&driven.ready[1]).contains("    if: \"always()\"\n"));
    driven.end("a", Conclusion::Failure);
    for ready in driven.ready.iter().filter(|ready| ready.id.as_str() != "d") {
        let text = checked(ready);
        assert!(text.contains("    if: \"always()\"\n"), "{text}");
        // Even of a runner that is told of no needs.
        let payload = parse::payload("d.yml", &text).value.unwrap();
        assert!(matches!(one_job(payload, RunInputs::default(), Vec::new()), OneJob::Ready(_)), "{text}");
    }
    let last = checked(driven.ready.back().unwrap());
    assert!(last.contains("        if: \"failure()\"\n") || last.contains("- if: \"failure()\"\n"), "{last}");
}

#[test]
fn a_called_job_has_its_own_file_and_its_inputs() {
    let called = "name: called\non:\n  push:\n  workflow_call:\n    inputs:\n      flag: {type: boolean, required: true}\n      n: {type: number, default: '${{ fromJSON(''7'') }}'}\n      word: {type: string}\n    secrets: {s: {required: false}}\nenv: {OF: called}\ndefaults: {run: {shell: sh}}\njobs:\n  inner:\n    runs-on: ${{ inputs.word }}\n    steps: [{run: 'echo ${{ inputs.n }}'}]\n";
    let driven = Driven::start(&[
        (
            MAIN,
            "name: main\non: push\nenv: {OF: caller}\ndefaults: {run: {shell: bash}}\njobs:\n  call:\n    uses: ./.github/workflows/called.yml\n    with: {flag: true, word: 'a b'}\n",
        ),
        (".github/workflows/called.yml", called),
    ]);
    let text = document(&driven);
    let root = tree(&text);
    assert!(text.contains("OF: \"called\"") && !text.contains("caller") && !text.contains("bash"), "{text}");
    let jobs = get(&root, "jobs").unwrap();
    assert_eq!(get(get(jobs, "inner").unwrap(), "name").unwrap().as_str(), Some("call / inner"));
    let on = "\"on\":\n  workflow_call:\n    inputs:\n      flag:\n        type: \"boolean\"\n        required: true\n        default: true\n      \"n\":\n        type: \"number\"\n        required: false\n        default: 7\n      word:\n        type: \"string\"\n        required: false\n        default: \"a b\"\nenv:";
    assert!(text.contains(on), "{text}");
    let handed = event_inputs(&driven.ready[0]).unwrap();
    assert_eq!(handed.to_json(), serde_json::json!({"flag": "true", "n": 7, "word": "a b"}));
    assert!(
        event_inputs(&Driven::start(&[(MAIN, "on: push\njobs: {a: {runs-on: x, steps: [{run: a}]}}\n")]).ready[0])
            .is_none()
    );
}

#[test]
fn a_runner_that_does_not_know_the_place_in_the_matrix_is_not_told_of_it() {
    let text = "on: push\njobs:\n  a:\n    runs-on: x\n    env: {strategy: s}\n    strategy: {fail-fast: false, matrix: {job-total: [7, 8], n: [1]}}\n    steps: [{run: \"echo\\n      job-index: 3\"}]\n";
    let driven = Driven::start(&[(MAIN, text)]);
    let second = checked(&driven.ready[1]);
    assert!(second.contains("      job-index: 1\n      job-total: 2\n"), "{second}");
    let without = without_place(&second);
    assert_eq!(without, second.replace("      job-index: 1\n      job-total: 2\n", ""));
    assert_eq!(without_place(&without), without);
    let plain = Driven::start(&[(MAIN, "on: push\njobs: {a: {runs-on: x, steps: [{run: a}]}}\n")]);
    let plain = checked(&plain.ready[0]);
    assert!(!plain.contains("job-") && without_place(&plain) == plain, "{plain}");
}

#[test]
fn the_first_of_a_matrix_may_leave_its_number_out() {
    let text = |place: &str| {
        format!(
            "jobs:\n  a:\n    runs-on: x\n    timeout-minutes: ${{{{ strategy.job-total }}}}\n    strategy: {{{place}matrix: {{n: [7]}}}}\n    steps: [{{run: a}}]\n"
        )
    };
    let strategy = |place: &str| {
        let payload = parse::payload("d.yml", &text(place)).value.unwrap();
        match one_job(payload, RunInputs::default(), Vec::new()) {
            OneJob::Ready(ready) => (ready.strategy.to_json(), ready.timeout_minutes),
            other => panic!("{other:?}"),
        }
    };
    let shown = |index: u32, total: u32| {
        let json =
            serde_json::json!({"fail-fast": true, "job-index": index, "job-total": total, "max-parallel": total});
        (json, f64::from(total))
    };
    assert_eq!(strategy("job-total: 3, "), shown(0, 3), "as Gitea writes the first");
    assert_eq!(strategy("job-index: 2, job-total: 3, "), shown(2, 3));
    assert_eq!(strategy("job-index: '2', job-total: '3', "), shown(2, 3));
    // Nothing that no forge writes.
    for odd in ["", "job-index: 3, job-total: 3, ", "job-index: 1, ", "job-total: -1, ", "job-total: x, "] {
        assert_eq!(strategy(odd), shown(0, 1), "{odd}");
    }
}

#[test]
fn what_was_evaluated_is_not_evaluated_again() {
    let attack = "x ${{ secrets.TOKEN }} it's";
    let mut driven = Driven::start(&[(
        MAIN,
        "on: push\njobs:\n  a: {runs-on: x, outputs: {o: x}, steps: [{run: a}]}\n  b:\n    needs: a\n    name: n ${{ needs.a.outputs.o }}\n    runs-on: ['${{ needs.a.outputs.o }}']\n    environment: ${{ needs.a.outputs.o }}\n    strategy: {matrix: {k: ['${{ needs.a.outputs.o }}']}}\n    steps: [{run: b}]\n",
    )]);
    driven.end_with("a", Conclusion::Success, &[("o", attack)]);
    let text = document(&driven);
    assert_eq!(text.matches("${{").count(), 2 * text.matches("${{ '").count(), "{text}");
    let payload = parse::payload("d.yml", &text).value.unwrap();
    let OneJob::Ready(back) = one_job(payload, RunInputs::default(), Vec::new()) else { panic!("{text}") };
    assert_eq!(back.matrix.get("k").unwrap().to_text(), attack);
    assert_eq!(back.environment.as_deref(), Some(attack));
}

#[test]
fn groups_and_steps_beside_each_other_are_kept() {
    let text = document(&Driven::start(&[(
        MAIN,
        "on: push\njobs:\n  a:\n    runs-on: {group: g, labels: [l]}\n    steps:\n      - {run: a, background: true, id: bg}\n      - {wait: bg}\n      - wait-all:\n      - parallel: [{run: b}, {uses: ./c, if: failure()}]\n      - {cancel: bg}\n",
    )]));
    assert!(text.contains("    runs-on:\n      group: \"g\"\n      labels: \"l\"\n"), "{text}");
}

#[test]
fn what_cannot_be_said_is_told() {
    let of = |file: &str, inputs: &str| write(&Driven::start_with(&[(MAIN, file)], inputs).ready[0]);
    let matrix = "on: workflow_dispatch\njobs: {a: {runs-on: x, strategy: {matrix: {include: [{exclude: 1}]}}, steps: [{run: a}]}}\n";
    assert_eq!(of(matrix, "{}"), Err(DocumentError::MatrixKey("exclude".to_owned())));
    let deep = "on: workflow_dispatch\njobs: {a: {runs-on: x, strategy: {matrix: {a: ['${{ fromJSON(inputs.j) }}']}}, steps: [{run: a}]}}\n";
    let nested = format!("{{\"j\": \"[{}{}]\"}}", "[".repeat(45), "]".repeat(45));
    let error = of(deep, &nested).unwrap_err().to_string();
    assert!(error.contains("50 deep"), "{error}");
}

#[test]
fn anchors_do_not_make_a_document_grow_past_what_a_runner_reads() {
    let mut text =
        String::from("on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: a\n        env: &e {A: &s \"");
    text.push_str(&"y".repeat(40_000));
    text.push_str("\"}\n");
    for _ in 0..60 {
        text.push_str("      - {run: b, env: *e}\n");
    }
    let error = write(&Driven::start(&[(MAIN, &text)]).ready[0]).unwrap_err().to_string();
    assert!(error.contains("1048576 characters"), "{error}");
}
