//! Ends before their time: timeouts, cancellations, children that stay, steps beside each other.

use crate::play::Play;
use domain::Conclusion::{Cancelled, Failure, Success};
use domain::JobEventKind;
use engine::cancel::{Cancel, Canceller};
use std::time::{Duration, Instant};

fn when_said(event: &domain::JobEvent, said: &str) -> bool {
    // The head shows the script; what counts is the line that it prints.
    matches!(&event.kind, JobEventKind::Output { text, .. } if text.lines().any(|line| line == said))
}

fn cancel(canceller: &Canceller) {
    canceller.ask(Cancel::Gracefully { reason: "somebody asked".into() });
}

#[tokio::test]
async fn a_step_that_takes_too_long_fails_with_its_children() {
    let began = Instant::now();
    let played = Play::steps(
        "- {id: slow, timeout-minutes: 1, continue-on-error: true, run: sleep 300 & sleep 300}\n- run: echo timeout ${{ steps.slow.outcome }}",
    )
    .run()
    .await;
    assert!(began.elapsed() < Duration::from_secs(20));
    played.has(&[
        "##[error]The action 'Run sleep 300 & sleep 300' has timed out after 1 minutes.",
        "\ntimeout failure\n",
    ]);
    assert_eq!(played.report.conclusion, Success);
}

#[tokio::test]
async fn a_child_that_keeps_the_output_open_does_not_hang_the_step() {
    let began = Instant::now();
    let played = Play::steps("- run: sleep 300 & echo started\n- run: echo next").run().await;
    assert!(began.elapsed() < Duration::from_secs(20));
    played.has(&["\nstarted\n", "\nnext\n"]);
    assert_eq!(played.report.conclusion, Success);
}

// While bash waits for a command of the foreground it may take an interrupt for that command's own and forget its trap.
#[tokio::test]
async fn cancelling_interrupts_then_terminates_then_kills() {
    let played = Play::steps(
        r#"
- run: |
    trap 'echo got-int' INT; trap 'echo got-term' TERM
    echo ready
    while true; do sleep 300 & wait $! || true; done
- run: echo never
- if: always()
  run: echo always ${{ job.status }} ${{ steps.none.outcome == null }}
- {if: cancelled(), run: echo cancelled}
- {if: failure(), run: echo never}
"#,
    )
    .patience(Duration::from_secs(3))
    .watched(|event, canceller| {
        if when_said(event, "ready") {
            cancel(canceller);
        }
    })
    .await;
    played.has(&[
        "\ngot-int\n",
        "\ngot-term\n",
        "##[error]The operation was canceled.",
        "\nalways cancelled true\n",
        "\ncancelled\n",
    ]);
    played.lacks(&["\nnever\n"]);
    assert_eq!(played.ends()[0].2, Cancelled);
    assert_eq!(played.jobs()["a"], Cancelled);
    assert_eq!(played.report.conclusion, Cancelled);
}

#[tokio::test]
async fn a_running_step_that_is_still_wanted_keeps_running() {
    let played = Play::steps(
        "- {if: always(), run: echo ready; sleep 1; echo kept-running}\n- {if: cancelled(), run: echo then}\n- run: echo never",
    )
    .watched(|event, canceller| {
        if when_said(event, "ready") {
            cancel(canceller);
        }
    })
    .await;
    played.has(&["\nkept-running\n", "\nthen\n"]);
    played.lacks(&["\nnever\n"]);
    assert_eq!(played.ends()[0].2, Success);
    assert_eq!(played.report.conclusion, Cancelled);
}

#[tokio::test]
async fn the_second_request_kills_and_nothing_else_runs() {
    let began = Instant::now();
    let played = Play::steps(
        "- run: trap '' INT TERM; echo ready; while true; do sleep 0.05; done\n- {if: always(), run: echo never}",
    )
    .watched(|event, canceller| {
        if when_said(event, "ready") {
            cancel(canceller);
            canceller.ask(Cancel::Now);
        }
    })
    .await;
    played.lacks(&["\nnever\n"]);
    assert!(began.elapsed() < Duration::from_secs(10));
    let finished = played.events.iter().filter(|event| matches!(event.kind, JobEventKind::JobFinished { .. })).count();
    assert_eq!((finished, played.report.conclusion), (1, Cancelled));
}

#[tokio::test]
async fn jobs_that_wait_for_a_turn_end_with_the_run() {
    let played = Play::new(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    strategy: {matrix: {n: [1, 2, 3, 4, 5, 6]}}\n    steps: [{run: echo ready; sleep 300}]\n",
    )
    .jobs(1)
    .watched(|event, canceller| {
        if when_said(event, "ready") {
            cancel(canceller);
        }
    })
    .await;
    assert_eq!(played.jobs().len(), 6);
    assert!(played.jobs().values().all(|conclusion| *conclusion == Cancelled), "{:?}", played.jobs());
    assert_eq!(played.log().matches("\nready\n").count(), 1);
}

#[tokio::test]
async fn a_job_that_takes_too_long_is_cancelled() {
    let played = Play::new(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    timeout-minutes: 0.01\n    steps:\n      - run: sleep 300\n      - {if: always(), run: \"echo always ${{ job.status }}\"}\n",
    )
    .run()
    .await;
    played.has(&["\nalways cancelled\n", "##[error]The job has exceeded the maximum execution time of 0h0m0s."]);
    assert_eq!(played.jobs()["a"], Cancelled);
}

#[tokio::test]
async fn background_steps_run_beside_and_show_what_they_did_when_waited_for() {
    let played = Play::steps(
        r#"
- {id: one, background: true, run: 'while [ ! -e go ]; do sleep 0.02; done; echo out=1 >> "$GITHUB_OUTPUT"; echo FROM=one >> "$GITHUB_ENV"; echo one-done'}
- {id: two, background: true, run: 'trap "echo interrupted; exit 1" INT; echo two-ready; while true; do sleep 0.02; done'}
- run: echo before [${{ steps.one.outputs.out }}] [$FROM]; touch go
- wait: one
- run: echo after [${{ steps.one.outputs.out }}] [$FROM] ${{ steps.one.outcome }}
- cancel: two
- run: echo two ${{ steps.two.outcome }} ${{ job.status }}
- {id: three, background: true, run: exit 1}
"#,
    )
    .run()
    .await;
    played.has(&["\nbefore [] []\n", "\none-done\n", "\nafter [1] [one] success\n", "\ntwo cancelled success\n"]);
    played.has(&["Waiting for all background step(s) to complete: Run exit 1"]);
    assert_eq!(played.end("Wait for all background steps"), (Failure, Failure));
    assert_eq!(played.report.conclusion, Failure);
}

#[tokio::test]
async fn parallel_steps_run_beside_each_other_and_then_it_goes_on() {
    let played = Play::steps(
        r#"
- parallel:
    - {id: a, run: 'touch a; while [ ! -e b ]; do sleep 0.02; done; echo v=a >> "$GITHUB_OUTPUT"'}
    - {id: b, run: 'touch b; while [ ! -e a ]; do sleep 0.02; done; exit 1', continue-on-error: true}
- run: echo both ${{ steps.a.outputs.v }} ${{ steps.b.outcome }}
"#,
    )
    .run()
    .await;
    played.has(&["\nboth a failure\n"]);
    assert_eq!(played.report.conclusion, Success);
}
