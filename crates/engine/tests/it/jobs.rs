//! Jobs of a run: outputs, needs, matrices, reusable workflows, labels, set-up.

use crate::play::Play;
use domain::Conclusion::{Cancelled, Failure, Skipped, Success};
use domain::JobEventKind;
use engine::job::CheckoutTime;

#[tokio::test]
async fn outputs_reach_the_jobs_that_need_them_and_secrets_do_not() {
    let played = Play::new(
        r#"
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    outputs: {word: '${{ steps.s.outputs.word }}', leak: '${{ steps.s.outputs.leak }}', none: '${{ steps.s.outputs.none }}'}
    steps:
      - id: s
        env: {T: '${{ secrets.T }}'}
        run: printf 'word=w\nleak=x%sx\n' "$T" >> "$GITHUB_OUTPUT"; exit 1
        continue-on-error: true
  b:
    needs: a
    runs-on: ubuntu-latest
    steps: [{run: 'echo "got [${{ needs.a.outputs.word }}] [${{ needs.a.outputs.leak }}] ${{ needs.a.result }}"'}]
"#,
    )
    .secret("T", "hidden-value")
    .run()
    .await;
    played.has(&["\ngot [w] [] success\n", "##[warning]Skip output 'leak' since it may contain secret."]);
    let outputs = played.report.jobs.iter().find(|job| job.name == "a").unwrap().outputs.clone();
    assert_eq!(outputs.into_iter().collect::<Vec<_>>(), [("word".to_owned(), "w".to_owned())]);
}

#[tokio::test]
async fn outputs_of_a_failed_job_are_there_too() {
    let played = Play::new(
        r#"
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    outputs: {word: '${{ steps.s.outputs.word }}'}
    steps: [{id: s, run: 'echo word=w >> "$GITHUB_OUTPUT"; exit 1'}]
  b:
    needs: a
    if: always()
    runs-on: ubuntu-latest
    steps: [{run: 'echo "got ${{ needs.a.outputs.word }} ${{ needs.a.result }}"'}]
"#,
    )
    .run()
    .await;
    played.has(&["\ngot w failure\n"]);
}

#[tokio::test]
async fn a_matrix_from_an_output_with_fail_fast() {
    let played = Play::new(
        r#"
on: push
jobs:
  plan:
    runs-on: ubuntu-latest
    outputs: {cells: '${{ steps.p.outputs.cells }}'}
    steps: [{id: p, run: 'echo ''cells=[{"n":1,"wait":0},{"n":2,"wait":60}]'' >> "$GITHUB_OUTPUT"'}]
  run:
    needs: plan
    runs-on: ubuntu-latest
    strategy: {max-parallel: 2, matrix: {cell: '${{ fromJSON(needs.plan.outputs.cells) }}'}}
    name: run-${{ matrix.cell.n }}
    steps:
      - run: test ${{ matrix.cell.wait }} = 0 && sleep 0.5 && exit 1 || sleep ${{ matrix.cell.wait }}
      - {if: cancelled(), run: 'printf "cl%s-%s\n" eaned ${{ matrix.cell.n }}'}
      - run: echo never
"#,
    )
    .run()
    .await;
    let jobs = played.jobs();
    assert_eq!((jobs["plan"], jobs["run-1"], jobs["run-2"]), (Success, Failure, Cancelled));
    played.has(&["\ncleaned-2\n", "##[error]The operation was canceled."]);
    played.lacks(&["cleaned-1", "\nnever\n"]);
    assert_eq!(played.report.conclusion, Failure);
}

#[tokio::test]
async fn a_matrix_of_no_json_fails_its_job_with_a_message() {
    let played = Play::new(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    strategy: {matrix: {x: '${{ fromJSON(github.actor) }}'}}\n    steps: [{run: echo never}]\n",
    )
    .run()
    .await;
    assert_eq!(played.report.conclusion, Failure);
    assert!(played.log().contains("##[error]"), "{}", played.log());
    let finished = played.events.iter().filter(|event| matches!(event.kind, JobEventKind::JobFinished { .. })).count();
    assert_eq!(finished, 1);
}

#[tokio::test]
async fn reusable_workflows_give_inputs_secrets_and_outputs() {
    let played = Play::new(
        r#"
on: push
env: {OUTER: caller}
jobs:
  call:
    uses: ./.github/workflows/lib.yml
    with: {who: world, count: 3}
    secrets: {S: '${{ secrets.REAL }}'}
  after:
    needs: call
    runs-on: ubuntu-latest
    steps: [{run: 'echo "after ${{ needs.call.outputs.said }}"'}]
"#,
    )
    .file(
        ".github/workflows/lib.yml",
        r#"
on:
  workflow_call:
    inputs: {who: {type: string, required: true}, count: {type: number, default: 1}, loud: {type: boolean, default: false}}
    outputs: {said: {value: '${{ jobs.say.outputs.said }}'}}
    secrets: {S: {required: true}}
jobs:
  say:
    runs-on: ubuntu-latest
    outputs: {said: '${{ steps.x.outputs.said }}'}
    steps:
      - id: x
        env: {S: '${{ secrets.S }}', R: '${{ secrets.REAL }}'}
        run: |
          test "$S" = topsecretvalue && test -z "$R" && test -z "$OUTER" && printf 'all-%s\n' right
          echo "said=hi-${{ inputs.who }}-${{ inputs.count }}-${{ inputs.loud == false }}-${{ github.job }}" >> "$GITHUB_OUTPUT"
          echo "file ${{ job.workflow_file_path }}"
"#,
    )
    .secret("REAL", "topsecretvalue")
    .run()
    .await;
    played.has(&["\nall-right\n", "\nafter hi-world-3-true-say\n", "\nfile .github/workflows/lib.yml\n"]);
    assert_eq!(played.jobs()["call / say"], Success);
}

#[tokio::test]
async fn a_label_that_nobody_serves_skips_the_job_and_its_dependants() {
    let played = Play::new(
        r#"
on: push
jobs:
  w: {runs-on: windows-latest, steps: [{run: echo never}]}
  after: {needs: w, runs-on: ubuntu-latest, steps: [{run: echo never}]}
  alone: {runs-on: [UBUNTU-latest], steps: [{run: echo alone}]}
"#,
    )
    .run()
    .await;
    let jobs = played.jobs();
    assert_eq!((jobs["w"], jobs["after"], jobs["alone"]), (Skipped, Skipped, Success));
    let reason = played.events.iter().find_map(|event| match &event.kind {
        JobEventKind::JobSkipped { name, reason } if name == "w" => Some(reason.clone()),
        _ => None,
    });
    assert!(reason.is_some_and(
        |reason| reason.contains("'windows-latest'") && reason.contains("--platform windows-latest=local")
    ));
}

#[tokio::test]
async fn containers_and_services_get_a_clear_error() {
    for (key, named) in [("container: node:20", "'node:20'"), ("services: {db: {image: postgres}}", "the service 'db'")]
    {
        let played = Play::new(&format!(
            "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    {key}\n    steps: [{{run: echo never}}]\n"
        ))
        .run()
        .await;
        assert_eq!(played.report.conclusion, Failure);
        played.has(&[named, "container backend"]);
        played.lacks(&["\nnever\n"]);
    }
    let played = Play::new(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    container: ${{ github.no_image }}\n    services: {db: {image: '${{ github.no_image }}'}}\n    steps: [{run: echo runs}]\n",
    )
    .run()
    .await;
    played.has(&["\nruns\n", "The service 'db' will not be started"]);
}

#[tokio::test]
async fn the_workspace_is_empty_until_checkout() {
    let steps = "- run: test -z \"$(ls -A)\" && echo empty\n- {id: c, uses: actions/checkout@v4}\n- run: cat committed.txt; echo ${{ steps.c.outputs.ref }} ${{ steps.c.outputs.commit }}\n- {uses: actions/checkout@v4, with: {path: sub/dir}}\n- run: cat sub/dir/committed.txt\n- run: touch made-up\n- uses: actions/checkout@v4\n- run: test ! -e made-up && echo clean-again";
    let played = Play::steps(steps).file("committed.txt", "content-of-the-checkout\n").run().await;
    played.has(&[
        "\nempty\n",
        "content-of-the-checkout\nrefs/heads/main c0ffee\n",
        "\nclean-again\n",
        "Deleting the contents of",
    ]);
    assert_eq!(played.log().matches("\ncontent-of-the-checkout\n").count(), 2);
    assert_eq!(played.report.conclusion, Success);
}

#[tokio::test]
async fn a_checkout_before_the_first_step_stays() {
    let played = Play::steps("- run: cat committed.txt\n- run: touch made-up\n- uses: actions/checkout@v4\n- run: ls")
        .file("committed.txt", "content\n")
        .checkout(CheckoutTime::First)
        .run()
        .await;
    played.has(&["\ncontent\n", "\nmade-up\n", "lies in the workspace already"]);
}

#[tokio::test]
async fn a_checkout_that_cannot_be_says_why() {
    let played =
        Play::steps("- {uses: actions/checkout@v4, with: {repository: other/one}}\n- run: echo never").run().await;
    played.has(&["##[error]actions/checkout: no other repository here"]);
    assert_eq!(played.report.conclusion, Failure);
    let played = Play::steps("- {uses: actions/checkout@v4, with: {path: ../out}}").run().await;
    played.has(&["is not under the workspace"]);
    let played = Play::steps("- {uses: actions/checkout@v4, with: {Path: x, depth: 1}}").run().await;
    played.has(&["##[warning]Unexpected input(s) 'depth', valid inputs are ['repository', 'ref', 'token'"]);
}

#[tokio::test]
async fn a_platform_fault_is_told_apart() {
    let played = Play::steps("- run: echo fine").run().await;
    assert!(played.report.jobs.iter().all(|job| job.fault.is_none() && job.receipt.is_some()));
}

#[tokio::test]
async fn one_job_of_a_concurrency_group_runs_and_the_newest_waits() {
    let played = Play::new(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    strategy: {fail-fast: false, matrix: {n: [1, 2, 3]}}\n    concurrency: only-one\n    steps: [{run: 'echo in-${{ matrix.n }}; sleep 0.3; echo out-${{ matrix.n }}'}]\n",
    )
    .run()
    .await;
    let jobs = played.jobs();
    assert_eq!((jobs["a (1)"], jobs["a (2)"], jobs["a (3)"]), (Success, Cancelled, Success));
    let log = played.log();
    assert!(log.find("\nout-1\n") < log.find("\nin-3\n"), "{log}");
}

#[tokio::test]
async fn a_newer_job_of_a_group_may_end_the_one_that_runs() {
    let played = Play::new(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    strategy: {fail-fast: false, matrix: {n: [1, 2]}}\n    concurrency: {group: only-one, cancel-in-progress: true}\n    steps: [{run: 'test ${{ matrix.n }} = 2 || sleep 300'}]\n",
    )
    .run()
    .await;
    let jobs = played.jobs();
    assert_eq!((jobs["a (1)"], jobs["a (2)"]), (Cancelled, Success));
}

const CALLED: (&str, &str) = (
    ".github/workflows/called.yml",
    "on:\n  workflow_call:\n    inputs: {n: {type: string}}\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps: [{run: 'echo one-${{ inputs.n }}; sleep 0.3'}]\n  two:\n    needs: one\n    runs-on: ubuntu-latest\n    steps: [{run: 'echo two-${{ inputs.n }}'}]\n",
);

fn calling(concurrency: &str) -> Play {
    let text = format!(
        "on: push\njobs:\n  a:\n    uses: ./{}\n    with: {{n: a}}\n    concurrency: {concurrency}\n  b:\n    uses: ./{}\n    with: {{n: b}}\n    concurrency: {concurrency}\n",
        CALLED.0, CALLED.0
    );
    Play::new(&text).file(CALLED.0, CALLED.1)
}

#[tokio::test]
async fn a_call_holds_its_group_until_its_last_job_has_ended() {
    let played = calling("only-one").run().await;
    assert_eq!(played.report.conclusion, Success);
    let log = played.log();
    assert!(log.find("\ntwo-a\n") < log.find("\none-b\n"), "{log}");
}

#[tokio::test]
async fn a_newer_call_may_end_the_one_that_runs() {
    let played = calling("{group: only-one, cancel-in-progress: true}").run().await;
    let jobs = played.jobs();
    assert_eq!((jobs["a / one"], jobs["b / one"], jobs["b / two"]), (Cancelled, Success, Success));
    assert!(!played.log().contains("\ntwo-a\n"));
}

#[tokio::test]
async fn a_job_that_would_wait_for_its_own_workflow_fails() {
    let played = Play::new(
        "on: push\nconcurrency: same\njobs:\n  a:\n    runs-on: ubuntu-latest\n    concurrency: SAME\n    steps: [{run: echo never}]\n",
    )
    .run()
    .await;
    assert_eq!(played.report.conclusion, domain::Conclusion::Failure);
    assert!(played.report.jobs[0].reason.as_deref().is_some_and(|why| why.contains("would wait for itself")));
}
