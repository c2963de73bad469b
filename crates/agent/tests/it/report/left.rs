//! What the next agent makes of a task whose agent was killed: the end that the job had, where all of it was kept, else a failure that says
//! so.

use super::Stand;
use super::stand::{TASK, concluded, event, finished, job, lines_of, output, started};
use agent::report::{Delivered, End, Reporter, Timing, abandon, left_end};
use domain::{Conclusion, JobEvent, JobEventKind, StepPhase};
use protocol::Dialect;
use std::time::Duration;
use testkit::Mischief;
use tokio::runtime::Runtime;

const BOTH: [Dialect; 2] = [Dialect::Gitea, Dialect::Forgejo];

/// An agent in a runtime of its own, which ends it in the middle of whatever it does.
struct Mortal(Option<Runtime>);

impl Mortal {
    fn new() -> Self {
        Self(Some(Runtime::new().unwrap()))
    }

    /// Says events, and the end where there is one; answers when that is on disk.
    async fn reports(&self, settings: agent::report::ReportSettings, events: Vec<JobEvent>, end: Option<End>) {
        let reported = self.0.as_ref().unwrap().spawn(async move {
            let (sender, handle) = Reporter::start(settings);
            for event in events {
                sender.send(event).await.unwrap();
            }
            match end {
                Some(end) => drop(handle.end(end).await),
                // Dropped, it would end well.
                None => std::mem::forget((sender, handle)),
            }
        });
        reported.await.unwrap();
    }

    async fn die(mut self) {
        let runtime = self.0.take().unwrap();
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(5))).await.unwrap();
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A job of two steps with an output.
fn whole_job() -> Vec<JobEvent> {
    let mut events = job(2, 10);
    let outputs = [("a".to_owned(), "1".to_owned())].into();
    events.push(event(2000, JobEventKind::JobFinished { conclusion: Conclusion::Success, outputs, micros: 1 }));
    events
}

/// A job ended well while the forge was away, and the agent died before it came back.
async fn ended_unheard(dialect: Dialect) -> Stand {
    let stand = Stand::new(dialect).await;
    stand.forge.go_away();
    let mortal = Mortal::new();
    mortal.reports(stand.settings(2), whole_job(), Some(concluded(Conclusion::Success))).await;
    mortal.die().await;
    stand.forge.come_back();
    stand
}

#[tokio::test]
async fn a_job_that_had_ended_is_told_as_it_ended() {
    for dialect in BOTH {
        let stand = ended_unheard(dialect).await;
        assert_eq!(left_end(&stand.settings(2)), Some(Conclusion::Success));
        assert_eq!(abandon(stand.settings(2), "The agent ended.").await, Delivered::Whole);
        stand.assert_ended(Conclusion::Success);
        assert_eq!(stand.lines(), lines_of(&whole_job()));
        assert_eq!(stand.forge.outputs(TASK).len(), 1);
        assert!(!stand.folder.path().join("spool").exists());
    }
}

#[tokio::test]
async fn a_log_that_the_forge_has_whole_needs_only_its_result() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        stand.forge.misbehave("UpdateTask", Mischief::Status(503), 1000);
        let mortal = Mortal::new();
        mortal.reports(stand.settings(2), whole_job(), Some(concluded(Conclusion::Cancelled))).await;
        stand.forge.until(|forge| forge.is_log_filed(TASK)).await;
        mortal.die().await;
        stand.forge.behave();
        assert_eq!(abandon(stand.settings(2), "The agent ended.").await, Delivered::Whole);
        stand.assert_ended(Conclusion::Cancelled);
        assert_eq!(stand.lines(), lines_of(&whole_job()));
    }
}

#[tokio::test]
async fn a_failure_of_the_platform_is_said_once() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        stand.forge.misbehave("UpdateTask", Mischief::Status(503), 1000);
        let mortal = Mortal::new();
        let end = End::Fault { text: "The job's process was killed.".to_owned() };
        mortal.reports(stand.settings(2), job(2, 1), Some(end)).await;
        stand.forge.until(|forge| forge.is_log_filed(TASK)).await;
        mortal.die().await;
        stand.forge.behave();
        assert_eq!(abandon(stand.settings(2), "The agent ended.").await, Delivered::Whole);
        stand.assert_ended(Conclusion::Failure);
        assert_eq!(stand.lines().last().unwrap(), "##[error]The job's process was killed.");
        assert_eq!(stand.lines().iter().filter(|line| line.starts_with("##[error]")).count(), 1);
    }
}

#[tokio::test]
async fn an_end_without_its_whole_log_is_a_failure_that_says_so() {
    for dialect in BOTH {
        let stand = ended_unheard(dialect).await;
        // The disk lost it.
        std::fs::remove_file(stand.folder.path().join("spool/rows-in-memory")).unwrap();
        assert_eq!(abandon(stand.settings(2), "The agent ended.").await, Delivered::Whole);
        stand.assert_ended(Conclusion::Failure);
        let lines = stand.lines();
        assert!(lines[0].starts_with("##[warning]22 rows are missing here"), "{lines:?}");
        assert_eq!(lines[1..], ["##[error]The agent ended."]);
    }
}

#[tokio::test]
async fn rows_that_were_only_in_memory_are_sent_by_the_next() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        // Rows do not get through; reports of the state do, and each is noted first.
        stand.forge.misbehave("UpdateLog", Mischief::Status(503), 1000);
        let mortal = Mortal::new();
        let mut settings = stand.settings(1);
        settings.timing = Timing { poll: Duration::from_millis(20), ..settings.timing };
        let events = vec![started(1, 1, StepPhase::Main), output(1, 2, "a\nb\n")];
        mortal.reports(settings.clone(), events, None).await;
        let rows = stand.folder.path().join("spool/rows-in-memory");
        stand.forge.until(|_| rows.exists()).await;
        mortal.die().await;
        stand.forge.behave();
        assert_eq!(left_end(&settings), None);
        assert_eq!(abandon(settings, "The agent ended.").await, Delivered::Whole);
        stand.assert_ended(Conclusion::Failure);
        assert_eq!(stand.lines(), ["a", "b", "##[error]The agent ended."]);
        let end = stand.results().remove(0);
        assert_eq!((end.steps[0].log_index, end.steps[0].log_length), (0, 2));
    }
}

#[tokio::test]
async fn an_agent_that_is_killed_while_it_sweeps_is_followed_by_one_that_does_the_same() {
    for dialect in BOTH {
        let stand = Stand::new(dialect).await;
        stand.forge.go_away();
        let mut settings = stand.settings(1);
        settings.timing.window_bytes = 100_000;
        let page: String = (0..700).map(|line| format!("{line} {}\n", "-".repeat(80))).collect();
        let mut events = vec![started(1, 1, StepPhase::Main)];
        events.extend((0..20).map(|at| output(1, at, &page)));
        events.push(finished(1, 30, StepPhase::Main, Conclusion::Success));
        let first = Mortal::new();
        first.reports(settings.clone(), events.clone(), Some(concluded(Conclusion::Success))).await;
        first.die().await;
        stand.forge.come_back();
        stand.forge.misbehave("UpdateTask", Mischief::Status(503), 1000);
        let second = Mortal::new();
        drop(second.0.as_ref().unwrap().spawn(abandon(settings.clone(), "The agent ended.")));
        stand.forge.until(|forge| forge.log(TASK).len() > 700).await;
        second.die().await;
        stand.forge.behave();
        assert_eq!(abandon(settings, "The agent ended.").await, Delivered::Whole);
        stand.assert_ended(Conclusion::Success);
        assert_eq!(stand.lines(), lines_of(&events));
    }
}

#[tokio::test]
async fn every_agent_that_tells_an_end_tells_the_same() {
    for dialect in BOTH {
        let stand = ended_unheard(dialect).await;
        stand.forge.misbehave("UpdateTask", Mischief::LoseReply, 1000);
        let second = Mortal::new();
        drop(second.0.as_ref().unwrap().spawn(abandon(stand.settings(2), "The agent ended.")));
        stand.forge.until(|_| !stand.results().is_empty()).await;
        second.die().await;
        stand.forge.behave();
        abandon(stand.settings(2), "The agent ended.").await;
        stand.assert_ended(Conclusion::Success);
    }
}
