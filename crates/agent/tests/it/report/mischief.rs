//! What goes wrong on the way: one result arrives, and the whole log in its order.

use super::Stand;
use super::stand::{TASK, concluded, event, finished, job, lines_of, output, started};
use agent::report::{Delivered, Halt, Reporter};
use domain::{Conclusion, JobEvent, JobEventKind, RunnerLife, StepPhase, TaskResult};
use protocol::Dialect;
use std::time::Duration;
use testkit::Mischief;

const BOTH: [Dialect; 2] = [Dialect::Gitea, Dialect::Forgejo];

/// A job that goes on while its calls go wrong: each event waits until the forge was called again.
async fn slowly(stand: &Stand, events: &tokio::sync::mpsc::Sender<JobEvent>, job: &[JobEvent]) {
    for event in job {
        let calls = stand.forge.calls().len();
        events.send(event.clone()).await.unwrap();
        stand.forge.until(|forge| forge.calls().len() > calls).await;
    }
}

async fn survives(dialect: Dialect, mischief: Mischief) {
    let stand = Stand::new(dialect).await;
    for method in ["UpdateLog", "UpdateTask"] {
        stand.forge.misbehave(method, mischief.clone(), 6);
    }
    let (events, handle) = Reporter::start(stand.settings(3));
    let job = job(3, 40);
    slowly(&stand, &events, &job).await;
    // The end is not spared.
    for method in ["UpdateLog", "UpdateTask"] {
        stand.forge.misbehave(method, mischief.clone(), 2);
    }
    let outputs = [("a".to_owned(), "1".to_owned())].into();
    let finish = JobEventKind::JobFinished { conclusion: Conclusion::Success, outputs, micros: 1 };
    events.send(event(2000, finish)).await.unwrap();
    let delivered = handle.finish(concluded(Conclusion::Success)).await;
    assert_eq!(delivered, Delivered::Whole, "{mischief:?}");
    stand.assert_ended(Conclusion::Success);
    assert_eq!(stand.lines(), lines_of(&job), "{mischief:?}");
    assert_eq!(stand.forge.outputs(TASK).len(), 1);
    assert!(!stand.folder.path().join("spool").exists());
}

#[tokio::test]
async fn answers_that_are_lost_cut_or_strange() {
    for dialect in BOTH {
        for mischief in [
            Mischief::LoseReply,
            Mischief::LoseRequest,
            Mischief::DoubleReply,
            Mischief::DoubleRequest,
            Mischief::Truncate,
            Mischief::UnknownField,
            Mischief::Page,
        ] {
            survives(dialect, mischief).await;
        }
    }
}

#[tokio::test]
async fn a_forge_that_fails_or_is_slow() {
    for dialect in BOTH {
        for status in [500, 502, 503, 504, 429, 404] {
            survives(dialect, Mischief::Status(status)).await;
        }
        survives(dialect, Mischief::Slow(Duration::from_millis(120))).await;
    }
}

#[tokio::test]
async fn a_proxy_that_takes_small_bodies() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.forge.take_bodies_up_to(64 * 1024);
    let (events, handle) = Reporter::start(stand.settings(1));
    let line = "x".repeat(98);
    let text = format!("{line}\n").repeat(600);
    events.send(started(1, 1, StepPhase::Main)).await.unwrap();
    for at in 0..30 {
        events.send(output(1, at, &text)).await.unwrap();
    }
    events.send(finished(1, 50, StepPhase::Main, Conclusion::Success)).await.unwrap();
    assert_eq!(handle.finish(concluded(Conclusion::Success)).await, Delivered::Whole);
    stand.assert_ended(Conclusion::Success);
    let lines = stand.lines();
    assert_eq!(lines.len(), 18_000);
    assert!(lines.iter().all(|got| *got == line));
}

#[tokio::test]
async fn outputs_of_many_megabytes_pass_a_proxy() {
    let stand = Stand::new(Dialect::Forgejo).await;
    stand.forge.take_bodies_up_to(1024 * 1024 + 4096);
    let (events, handle) = Reporter::start(stand.settings(0));
    let outputs: std::collections::BTreeMap<_, _> =
        (0..12).map(|name| (format!("o{name}"), "v".repeat(300_000 + name))).collect();
    let finish = JobEventKind::JobFinished { conclusion: Conclusion::Success, outputs: outputs.clone(), micros: 1 };
    events.send(event(1, finish)).await.unwrap();
    assert_eq!(handle.finish(concluded(Conclusion::Success)).await, Delivered::Whole);
    assert_eq!(stand.forge.outputs(TASK), outputs);
    // The result came with the last of them.
    let reports = stand.forge.reports(TASK);
    let first = reports.iter().position(|state| state.phase.result().is_some()).unwrap();
    assert_eq!(first + 1, reports.len());
}

#[tokio::test]
async fn a_runner_that_was_removed_stops_its_job() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        let (events, handle) = Reporter::start(stand.settings(1));
        events.send(started(1, 1, StepPhase::Main)).await.unwrap();
        stand.forge.until(|forge| !forge.reports(TASK).is_empty()).await;
        stand.forge.remove_runner(&stand.key.uuid);
        assert!(matches!(handle.cancelled().await, Halt::Refused { .. }));
        let delivered = handle.finish(concluded(Conclusion::Cancelled)).await;
        assert!(matches!(delivered, Delivered::Refused { .. }), "{delivered:?}");
        assert_eq!(stand.results(), []);
    }
}

#[tokio::test]
async fn a_task_that_the_forge_swept_stops_its_job() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        let (events, handle) = Reporter::start(stand.settings(1));
        events.send(started(1, 1, StepPhase::Main)).await.unwrap();
        events.send(output(1, 1, "before\n")).await.unwrap();
        stand.forge.until(|forge| !forge.reports(TASK).is_empty() && forge.log(TASK).len() == 1).await;
        stand.forge.sweep(TASK);
        let result = TaskResult::Concluded(Conclusion::Failure);
        assert_eq!(handle.cancelled().await, Halt::Ended { result });
        events.send(output(1, 2, "after\n")).await.unwrap();
        let delivered = handle.finish(concluded(Conclusion::Success)).await;
        assert!(matches!(delivered, Delivered::Cut { .. }), "{delivered:?}");
        // The forge keeps to its own result.
        assert_eq!((stand.forge.result(TASK), stand.results().len()), (Some(result), 1));
        assert_eq!(stand.lines(), ["before"]);
    }
}

#[tokio::test]
async fn an_answer_from_before_the_end_is_no_answer_to_the_result() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        let (events, handle) = Reporter::start(stand.settings(1));
        events.send(started(1, 1, StepPhase::Main)).await.unwrap();
        stand.forge.until(|forge| !forge.reports(TASK).is_empty()).await;
        stand.forge.cancel(TASK);
        assert_eq!(handle.cancelled().await, Halt::Cancelled);
        // A report that says no more than "still here" is under way while the job ends; a forge that waits for the end answers "cancelled".
        stand.forge.misbehave("UpdateTask", Mischief::Slow(Duration::from_millis(300)), 1);
        let calls = stand.forge.calls().len();
        let asks = |forge: &testkit::FakeForge| forge.calls()[calls..].iter().any(|call| call == "UpdateTask");
        stand.forge.until(asks).await;
        assert_eq!(handle.finish(concluded(Conclusion::Cancelled)).await, Delivered::Whole);
        stand.assert_ended(Conclusion::Cancelled);
    }
}

#[tokio::test]
async fn a_log_that_the_forge_closed_does_not_hold_the_job_up() {
    let stand = Stand::new(Dialect::Forgejo).await;
    let mut settings = stand.settings(1);
    settings.timing.window_bytes = 100_000;
    settings.timing.spool_bytes = 100_000;
    let (events, handle) = Reporter::start(settings);
    stand.forge.sweep(TASK);
    for at in 0..100 {
        events.send(output(1, at, &"line\n".repeat(10_000))).await.unwrap();
    }
    let delivered = handle.finish(concluded(Conclusion::Success)).await;
    assert!(matches!(delivered, Delivered::Cut { .. }), "{delivered:?}");
}

#[tokio::test]
async fn rows_that_the_forge_forgets_are_sent_again() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        let (events, handle) = Reporter::start(stand.settings(3));
        let job = job(3, 50);
        for event in &job[..6] {
            events.send(event.clone()).await.unwrap();
        }
        stand.forge.until(|forge| forge.log(TASK).len() == 51).await;
        stand.forge.lose_rows(TASK, 7);
        for event in &job[6..] {
            events.send(event.clone()).await.unwrap();
        }
        assert_eq!(handle.finish(concluded(Conclusion::Success)).await, Delivered::Whole);
        stand.assert_ended(Conclusion::Success);
        assert_eq!(stand.lines(), lines_of(&job));
    }
}

#[tokio::test]
async fn rows_that_are_nowhere_any_more_are_marked_and_steps_keep_theirs() {
    let stand = Stand::new(Dialect::Gitea).await;
    let mut settings = stand.settings(2);
    settings.timing.body_bytes = 100_000;
    let (events, handle) = Reporter::start(settings);
    events.send(started(1, 1, StepPhase::Main)).await.unwrap();
    let text = format!("{}\n", "x".repeat(99)).repeat(600);
    for at in 0..40 {
        events.send(output(1, at, &text)).await.unwrap();
    }
    stand.forge.until(|forge| forge.log(TASK).len() == 24_000).await;
    stand.forge.lose_rows(TASK, 1000);
    events.send(finished(1, 50, StepPhase::Main, Conclusion::Success)).await.unwrap();
    events.send(started(2, 60, StepPhase::Main)).await.unwrap();
    events.send(output(2, 61, "second\n")).await.unwrap();
    events.send(finished(2, 62, StepPhase::Main, Conclusion::Success)).await.unwrap();
    assert_eq!(handle.finish(concluded(Conclusion::Success)).await, Delivered::Whole);
    stand.assert_ended(Conclusion::Success);
    let lines = stand.lines();
    let missing = lines[1000].strip_prefix("##[warning]").and_then(|rest| rest.split_once(" rows are missing here"));
    let missing: usize = missing.unwrap().0.parse().unwrap();
    assert_eq!(lines.len(), 24_002 - missing);
    let steps = &stand.results()[0].steps;
    assert_eq!((steps[0].log_index, steps[0].log_length), (0, lines.len() as u64 - 1));
    assert_eq!((steps[1].log_index, steps[1].log_length), (lines.len() as u64 - 1, 1));
    assert_eq!(lines.last().unwrap(), "second");
}

#[tokio::test]
async fn an_ephemeral_runner_that_is_forgotten_with_its_result_did_its_work() {
    for dialect in BOTH {
        let stand = Stand::of(dialect, RunnerLife::Ephemeral).await;
        let (_events, handle) = Reporter::start(stand.settings(0));
        stand.forge.until(|forge| !forge.reports(TASK).is_empty()).await;
        let calls = stand.forge.calls().len();
        stand.forge.misbehave("UpdateLog", Mischief::Slow(Duration::from_millis(60)), 1);
        let finish = tokio::spawn(handle.finish(concluded(Conclusion::Success)));
        stand.forge.until(|forge| forge.is_log_filed(TASK)).await;
        stand.forge.misbehave("UpdateTask", Mischief::LoseReply, 2);
        assert_eq!(finish.await.unwrap(), Delivered::Whole, "{:?}", &stand.forge.calls()[calls..]);
        stand.assert_ended(Conclusion::Success);
    }
}
