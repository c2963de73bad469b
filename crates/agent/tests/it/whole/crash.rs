//! Jobs' processes that do not end well: a failed attempt with a clear line, and an agent that goes on.

use super::stand::{Running, Stand, begins, ends, good};
use agent::Stop;
use domain::{Conclusion, RunnerLife};
use protocol::Dialect;

/// What a process does with task 1, and what its log must say; task 2 is run well after it.
async fn fails_with(body: &str, says: &str) {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add(1..=2);
    let body = format!("if [ \"$task\" = 1 ]; then\n{body}\nelse\n{}\nfi", good());
    let agent = Running::start(stand.settings(1, &body));
    assert_eq!(stand.ended(2).await, Conclusion::Success);
    assert_eq!(stand.ended(1).await, Conclusion::Failure);
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
    stand.assert_one_end(1, Conclusion::Failure);
    assert!(stand.log(1).contains(says), "'{says}' in {}", stand.log(1));
    assert_eq!(stand.runs(), [1, 2]);
}

#[tokio::test]
async fn one_that_is_killed_is_a_failed_job() {
    fails_with(&format!("{}kill -9 $$", begins()), "signal: 9").await;
}

#[tokio::test]
async fn one_that_ends_without_a_word_is_a_failed_job() {
    fails_with("exit 101", "exit status: 101").await;
}

#[tokio::test]
async fn one_that_says_nonsense_is_a_failed_job() {
    fails_with(&format!("{}echo '{{\"lunch\":1}}'; exec sleep 1000", begins()), "not of the protocol").await;
    fails_with("head -c 20000 /dev/urandom; exec sleep 1000", "not of the protocol").await;
}

#[tokio::test]
async fn one_that_stops_in_the_middle_of_a_line_is_a_failed_job() {
    fails_with(&format!("{}printf '{{\"ended\":'", begins()), "exit status: 0").await;
}

#[tokio::test]
async fn one_that_never_reads_its_order_is_a_failed_job() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    let mut task = testkit::bare_task(1, super::stand::WORKFLOW);
    // More than a pipe holds.
    task.vars.insert("BIG".to_owned(), "x".repeat(1 << 20));
    stand.forge.add(task, &["linux"]);
    let mut settings = stand.settings(1, "");
    settings.program.program = "/bin/false".into();
    let agent = Running::start(settings);
    assert_eq!(stand.ended(1).await, Conclusion::Failure);
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
}

#[tokio::test]
async fn one_that_cannot_be_started_is_a_failed_job() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add([1]);
    let mut settings = stand.settings(1, "");
    settings.program.program = stand.path("nobody");
    let agent = Running::start(settings);
    assert_eq!(stand.ended(1).await, Conclusion::Failure);
    assert!(stand.log(1).contains("cannot be started"), "{}", stand.log(1));
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
}

#[tokio::test]
async fn its_end_counts_whatever_it_does_after() {
    let stand = Stand::new(Dialect::Gitea).await;
    stand.register(RunnerLife::Lasting).await;
    stand.add([1]);
    let body = format!("{}{}kill -9 $$", begins(), ends(Conclusion::Success));
    let agent = Running::start(stand.settings(1, &body));
    assert_eq!(stand.ended(1).await, Conclusion::Success);
    agent.stop.ask(Stop::Drain);
    agent.end().await.unwrap();
}
