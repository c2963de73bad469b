//! The stream itself: what comes, in which order, how often.

use crate::play::Play;
use domain::JobEventKind as K;

#[tokio::test]
async fn a_job_tells_its_steps_in_order_and_ends_once() {
    let played = Play::steps("- run: echo one\n- {if: false, run: echo two}\n- uses: actions/checkout@v4").run().await;
    let told: Vec<String> = played
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            K::JobStarted { name } => Some(format!("job {name}")),
            K::StepStarted { step, name, phase, .. } => Some(format!("{} {name} {phase:?}", step.0)),
            K::StepFinished { step, conclusion, .. } => Some(format!("{} {conclusion}", step.0)),
            K::Receipt { .. } => Some("receipt".to_owned()),
            K::JobFinished { conclusion, .. } => Some(format!("end {conclusion}")),
            _ => None,
        })
        .collect();
    assert_eq!(
        told,
        [
            "job a",
            "0 Set up job SetUp",
            "0 success",
            "1 Run echo one Main",
            "1 success",
            "2 skipped",
            "3 Run actions/checkout@v4 Main",
            "3 success",
            "4 Complete job Complete",
            "4 success",
            "receipt",
            "end success"
        ]
    );
}

#[tokio::test]
async fn a_great_deal_of_output_is_all_there() {
    let played = Play::steps("- run: seq 1 100000").run().await;
    let log = played.step("Run seq 1 100000");
    let lines: Vec<&str> = log.lines().skip_while(|line| *line != "##[endgroup]").skip(1).collect();
    assert_eq!((lines.len(), lines[0], lines[99_999]), (100_000, "1", "100000"));
}
