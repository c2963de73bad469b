//! The usual way of a task.

use super::Stand;
use super::stand::{TASK, concluded, event, finished, job, lines_of, output, started};
use agent::report::{Delivered, End, Halt, Reporter, Timing, abandon};
use domain::{Conclusion, JobEventKind, StepPhase, TaskPhase, TaskResult, TaskStep, Timestamp};
use protocol::Dialect;

const BOTH: [Dialect; 2] = [Dialect::Gitea, Dialect::Forgejo];

#[tokio::test]
async fn a_job_arrives_whole() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        let (events, handle) = Reporter::start(stand.settings(3));
        let job = job(3, 100);
        for event in job.clone() {
            events.send(event).await.unwrap();
        }
        let outputs = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "x".repeat(2 << 20))].into();
        let finish = JobEventKind::JobFinished { conclusion: Conclusion::Success, outputs, micros: 1 };
        events.send(event(2000, finish)).await.unwrap();
        assert_eq!(handle.finish(concluded(Conclusion::Success)).await, Delivered::Whole);
        stand.assert_ended(Conclusion::Success);
        let mut lines = lines_of(&job);
        lines.push(
            "##[warning]The output 'b' is not stored: the forge takes names up to 255 bytes and values up to 1 MiB."
                .into(),
        );
        assert_eq!(stand.lines(), lines);
        assert_eq!(stand.forge.outputs(TASK), [("a".to_owned(), "1".to_owned())].into());
        // The moments are those of the events.
        assert_eq!(stand.forge.log(TASK)[1].at, Timestamp(11));
        let end = &stand.results()[0];
        let step = |index: u32| {
            let at = u64::from(index + 1) * 10;
            let result = TaskResult::Concluded(Conclusion::Success);
            TaskStep {
                index,
                phase: TaskPhase::Ended { result, started: Some(Timestamp(at)), stopped: Timestamp(at + 2) },
                log_index: 1 + 100 * u64::from(index),
                log_length: 100,
            }
        };
        assert_eq!(end.steps, [step(0), step(1), step(2)]);
    }
}

#[tokio::test]
async fn a_fault_of_the_platform_is_a_failure_with_its_reason_in_the_log() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        let (events, handle) = Reporter::start(stand.settings(3));
        for event in [
            started(0, 1, StepPhase::SetUp),
            finished(0, 2, StepPhase::SetUp, Conclusion::Success),
            started(1, 3, StepPhase::Main),
            output(1, 4, "a\n"),
            finished(1, 5, StepPhase::Main, Conclusion::Success),
            started(2, 6, StepPhase::Main),
        ] {
            events.send(event).await.unwrap();
        }
        let end = End::Fault { text: "The job's process was killed (SIGKILL).\nMore.".to_owned() };
        assert_eq!(handle.finish(end).await, Delivered::Whole);
        stand.assert_ended(Conclusion::Failure);
        assert_eq!(stand.lines(), ["a", "##[error]The job's process was killed (SIGKILL).", "##[error]More."]);
        let results: Vec<_> = stand.results()[0].steps.iter().map(|step| step.phase.result()).collect();
        let expected = [Conclusion::Success, Conclusion::Failure, Conclusion::Skipped];
        assert_eq!(results, expected.map(|result| Some(TaskResult::Concluded(result))));
    }
}

#[tokio::test]
async fn a_job_that_says_nothing_has_a_log() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        let (_events, handle) = Reporter::start(stand.settings(0));
        assert_eq!(handle.finish(concluded(Conclusion::Skipped)).await, Delivered::Whole);
        stand.assert_ended(Conclusion::Skipped);
    }
}

#[tokio::test]
async fn a_cancellation_is_heard_while_nothing_happens() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        let (events, handle) = Reporter::start(stand.settings(1));
        events.send(started(1, 1, StepPhase::Main)).await.unwrap();
        stand.forge.until(|forge| forge.reports(TASK).len() > 2).await;
        stand.forge.cancel(TASK);
        assert_eq!(handle.cancelled().await, Halt::Cancelled);
        events.send(output(1, 2, "cleaning up\n")).await.unwrap();
        assert_eq!(handle.finish(concluded(Conclusion::Cancelled)).await, Delivered::Whole);
        stand.assert_ended(Conclusion::Cancelled);
        assert_eq!(stand.lines(), ["cleaning up"]);
    }
}

#[tokio::test]
async fn a_task_that_lost_its_agent_fails_with_the_reason() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        let (events, handle) = Reporter::start(stand.settings(1));
        events.send(started(1, 1, StepPhase::Main)).await.unwrap();
        events.send(output(1, 2, "a\nb\n")).await.unwrap();
        stand.forge.until(|forge| forge.log(TASK).len() == 2).await;
        drop(handle);
        let settings = stand.settings(1);
        assert_eq!(abandon(settings.clone(), "The agent ended.").await, Delivered::Whole);
        stand.assert_ended(Conclusion::Failure);
        assert_eq!(stand.lines(), ["a", "b", "##[error]The agent ended."]);
        // Once more changes nothing.
        assert_ne!(abandon(settings, "Again.").await, Delivered::Stopped);
        assert_eq!(stand.lines().len(), 3);
        assert_eq!(stand.forge.result(TASK), Some(TaskResult::Concluded(Conclusion::Failure)));
    }
}

#[tokio::test]
async fn a_short_job_costs_two_calls() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        let before = stand.forge.calls().len();
        let settings = agent::report::ReportSettings { timing: Timing::default(), ..stand.settings(1) };
        let (events, handle) = Reporter::start(settings);
        for event in job(1, 3) {
            events.send(event).await.unwrap();
        }
        assert_eq!(handle.finish(concluded(Conclusion::Success)).await, Delivered::Whole);
        stand.assert_ended(Conclusion::Success);
        assert_eq!(stand.forge.calls()[before..], ["UpdateLog", "UpdateTask"]);
    }
}

#[tokio::test]
async fn a_background_step_has_its_rows_together() {
    let stand = Stand::new(Dialect::Gitea).await;
    let mut settings = stand.settings(3);
    settings.background = vec![0];
    let (events, handle) = Reporter::start(settings);
    for event in [
        started(2, 1, StepPhase::Main),
        started(1, 1, StepPhase::Main),
        output(1, 2, "server up\n"),
        output(2, 3, "a\n"),
        output(1, 4, "request\n"),
        output(2, 5, "b\n"),
        finished(2, 6, StepPhase::Main, Conclusion::Success),
        started(3, 7, StepPhase::Main),
        output(3, 8, "c\n"),
        finished(1, 9, StepPhase::Main, Conclusion::Success),
        finished(3, 10, StepPhase::Main, Conclusion::Success),
    ] {
        events.send(event).await.unwrap();
    }
    assert_eq!(handle.finish(concluded(Conclusion::Success)).await, Delivered::Whole);
    stand.assert_ended(Conclusion::Success);
    assert_eq!(stand.lines(), ["a", "b", "c", "server up", "request"]);
    let ranges: Vec<(u64, u64)> =
        stand.results()[0].steps.iter().map(|step| (step.log_index, step.log_length)).collect();
    assert_eq!(ranges, [(3, 2), (0, 2), (2, 1)]);
}
