//! A forge that cannot be reached for a while, or for good; an agent that ends in between.

use super::Stand;
use super::stand::{TASK, concluded, finished, job, lines_of, output, started};
use agent::report::{Delivered, Reporter, abandon};
use domain::{Conclusion, StepPhase, TaskResult};
use protocol::Dialect;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

const BOTH: [Dialect; 2] = [Dialect::Gitea, Dialect::Forgejo];

fn page(number: u64) -> String {
    (0..700).map(|line| format!("{number}: {line} {}\n", "-".repeat(80))).collect()
}

#[tokio::test]
async fn a_log_many_times_the_window_waits_on_disk() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        let mut settings = stand.settings(1);
        settings.timing.window_bytes = 200_000;
        let (events, handle) = Reporter::start(settings);
        let mut expected = String::new();
        events.send(started(1, 1, StepPhase::Main)).await.unwrap();
        events.send(output(1, 1, &page(0))).await.unwrap();
        expected.push_str(&page(0));
        stand.forge.until(|forge| forge.log(TASK).len() == 700 && !forge.reports(TASK).is_empty()).await;
        stand.forge.go_away();
        for number in 1..60 {
            events.send(output(1, number, &page(number))).await.unwrap();
            expected.push_str(&page(number));
        }
        let rows = stand.folder.path().join("spool/rows");
        let calls = stand.forge.calls().len();
        stand.forge.until(|forge| forge.calls().len() > calls + 4).await;
        let meta = std::fs::metadata(&rows).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o600);
        assert!(meta.len() > 1_000_000, "{}", meta.len());
        stand.forge.come_back();
        events.send(finished(1, 100, StepPhase::Main, Conclusion::Success)).await.unwrap();
        assert_eq!(handle.finish(concluded(Conclusion::Success)).await, Delivered::Whole);
        stand.assert_ended(Conclusion::Success);
        assert!(stand.lines().iter().eq(expected.lines()));
        assert!(!rows.exists());
    }
}

#[tokio::test]
async fn a_log_many_times_the_window_does_not_touch_the_disk_while_the_forge_is_quick() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        let mut settings = stand.settings(1);
        settings.timing.window_bytes = 600_000;
        settings.timing.quick = Duration::from_secs(20);
        let (events, handle) = Reporter::start(settings);
        let mut expected = String::new();
        events.send(started(1, 1, StepPhase::Main)).await.unwrap();
        for number in 0..60 {
            events.send(output(1, number, &page(number))).await.unwrap();
            expected.push_str(&page(number));
        }
        events.send(finished(1, 100, StepPhase::Main, Conclusion::Success)).await.unwrap();
        stand.forge.until(|forge| forge.log(TASK).len() == 60 * 700).await;
        assert!(!stand.folder.path().join("spool/rows").exists());
        assert_eq!(handle.finish(concluded(Conclusion::Success)).await, Delivered::Whole);
        stand.assert_ended(Conclusion::Success);
        assert!(stand.lines().iter().eq(expected.lines()));
    }
}

#[tokio::test]
async fn a_job_waits_where_the_disk_takes_nothing() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        let mut settings = stand.settings(1);
        settings.timing.window_bytes = 200_000;
        // Nobody waits for an answer rather than for the disk.
        settings.timing.quick = Duration::ZERO;
        std::fs::write(settings.spool.path(), "no folder").unwrap();
        let (events, handle) = Reporter::start(settings);
        let mut expected = String::new();
        events.send(started(1, 1, StepPhase::Main)).await.unwrap();
        for number in 0..60 {
            events.send(output(1, number, &page(number))).await.unwrap();
            expected.push_str(&page(number));
        }
        events.send(finished(1, 100, StepPhase::Main, Conclusion::Success)).await.unwrap();
        assert_eq!(handle.finish(concluded(Conclusion::Success)).await, Delivered::Whole);
        stand.assert_ended(Conclusion::Success);
        let lost: Vec<String> = stand.lines().into_iter().filter(|line| line.contains("missing")).collect();
        assert_eq!(lost, Vec::<String>::new());
        assert!(stand.lines().iter().eq(expected.lines()));
    }
}

#[tokio::test]
async fn a_job_that_ends_while_the_forge_is_away_is_reported_when_it_is_back() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        let (events, handle) = Reporter::start(stand.settings(2));
        let job = job(2, 10);
        stand.forge.go_away();
        for event in &job {
            events.send(event.clone()).await.unwrap();
        }
        let finish = tokio::spawn(handle.finish(concluded(Conclusion::Failure)));
        let calls = stand.forge.calls().len();
        stand.forge.until(|forge| forge.calls().len() > calls + 10).await;
        stand.forge.come_back();
        assert_eq!(finish.await.unwrap(), Delivered::Whole);
        stand.assert_ended(Conclusion::Failure);
        assert_eq!(stand.lines(), lines_of(&job));
    }
}

#[tokio::test]
async fn a_full_spool_does_not_hold_the_job_up_and_the_log_says_what_is_missing() {
    let stand = Stand::new(Dialect::Gitea).await;
    let mut settings = stand.settings(1);
    settings.timing.window_bytes = 100_000;
    settings.timing.spool_bytes = 300_000;
    let (events, handle) = Reporter::start(settings);
    stand.forge.go_away();
    events.send(started(1, 1, StepPhase::Main)).await.unwrap();
    for number in 0..100 {
        events.send(output(1, number, &page(number))).await.unwrap();
    }
    stand.forge.come_back();
    let calls = stand.forge.log(TASK).len();
    stand.forge.until(|forge| forge.log(TASK).len() > calls + 3000).await;
    events.send(output(1, 200, "last\n")).await.unwrap();
    events.send(finished(1, 201, StepPhase::Main, Conclusion::Success)).await.unwrap();
    assert_eq!(handle.finish(concluded(Conclusion::Success)).await, Delivered::Whole);
    stand.assert_ended(Conclusion::Success);
    let lines = stand.lines();
    let all: Vec<String> =
        (0..100).flat_map(|number| page(number).lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let (mut at, mut missing) = (0, 0);
    for line in &lines[..lines.len() - 1] {
        match line.strip_prefix("##[warning]").and_then(|rest| rest.split_once(" rows are missing here")) {
            Some((rows, _)) => {
                missing += rows.parse::<usize>().unwrap();
                at += rows.parse::<usize>().unwrap();
            }
            None if line.is_empty() => {}
            None => {
                assert_eq!(*line, all[at]);
                at += 1;
            }
        }
    }
    assert!(missing > 10_000, "{missing}");
    assert_eq!((at, lines.last().unwrap().as_str()), (all.len(), "last"));
    let step = stand.results()[0].steps[0];
    assert_eq!((step.log_index, step.log_length), (0, lines.len() as u64));
}

#[tokio::test]
async fn patience_ends() {
    let stand = Stand::new(Dialect::Forgejo).await;
    let mut settings = stand.settings(1);
    settings.timing.patience = Duration::from_millis(200);
    let (events, handle) = Reporter::start(settings);
    events.send(output(0, 1, "a\n")).await.unwrap();
    stand.forge.go_away();
    let delivered = handle.finish(concluded(Conclusion::Success)).await;
    assert!(matches!(delivered, Delivered::Unreachable { .. }), "{delivered:?}");
}

#[tokio::test]
async fn what_a_dead_agent_kept_is_sent_by_the_next() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        let mut settings = stand.settings(2);
        settings.timing.window_bytes = 100_000;
        let (events, handle) = Reporter::start(settings.clone());
        events.send(started(1, 1, StepPhase::Main)).await.unwrap();
        events.send(output(1, 1, "sent\n")).await.unwrap();
        events.send(finished(1, 2, StepPhase::Main, Conclusion::Success)).await.unwrap();
        events.send(started(2, 3, StepPhase::Main)).await.unwrap();
        stand
            .forge
            .until(|forge| forge.reports(TASK).iter().any(|state| state.steps[1].phase != domain::TaskPhase::Waiting))
            .await;
        stand.forge.until(|forge| forge.log(TASK).len() == 1).await;
        stand.forge.go_away();
        for number in 0..20 {
            events.send(output(2, 4, &page(number))).await.unwrap();
        }
        let calls = stand.forge.calls().len();
        stand.forge.until(|forge| forge.calls().len() > calls + 8).await;
        // The agent ends without a word, and the next one starts.
        drop(handle);
        events.closed().await;
        stand.forge.come_back();
        assert_eq!(abandon(settings, "The agent ended.").await, Delivered::Whole);
        stand.assert_ended(Conclusion::Failure);
        let lines = stand.lines();
        assert_eq!((lines[0].as_str(), lines.last().unwrap().as_str()), ("sent", "##[error]The agent ended."));
        let all: Vec<String> =
            (0..20).flat_map(|number| page(number).lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        assert_eq!(lines[1..lines.len() - 1], all[..]);
        let end = stand.results().remove(0);
        let results = [Conclusion::Success, Conclusion::Failure].map(|result| Some(TaskResult::Concluded(result)));
        assert_eq!([0, 1].map(|step: usize| end.steps[step].phase.result()), results);
        assert_eq!((end.steps[0].log_index, end.steps[0].log_length, end.steps[1].log_index), (0, 1, 1));
        assert!(!stand.folder.path().join("spool").exists());
    }
}
