//! A forge and a network that misbehave: what the client reports, and that repeating helps.

use crate::{anything, forge, registered};
use domain::{LogBatch, LogEnd, LogRow, TaskId, TasksVersion, Timestamp};
use protocol::{Advice, CallError, Dialect, Fetch, RequestKey, Want};
use std::time::Duration;
use testkit::{Mischief, bare_task};

const TASK: TaskId = TaskId(3);

fn rows(index: u64, contents: &[&str]) -> LogBatch {
    let row = |content: &&str| LogRow { at: Timestamp(1), content: (*content).to_owned() };
    LogBatch { task: TASK, index, rows: contents.iter().map(row).collect(), end: LogEnd::Open }
}

#[tokio::test]
async fn rows_are_stored_once_whatever_happens_to_answers() {
    for mischief in [
        Mischief::LoseReply,
        Mischief::LoseRequest,
        Mischief::DoubleReply,
        Mischief::DoubleRequest,
        Mischief::Slow(Duration::from_millis(20)),
        Mischief::Status(503),
        Mischief::Truncate,
        Mischief::UnknownField,
        Mischief::Page,
    ] {
        let (forge, client) = forge(Dialect::Gitea).await;
        let key = registered(&client).await;
        forge.add(bare_task(TASK.0, "jobs: {}"), &["linux"]);
        client.fetch(&key, anything()).await.unwrap();
        forge.misbehave("UpdateLog", mischief.clone(), 1);
        for (index, contents) in [(0, ["a", "b"]), (2, ["c", "d"]), (4, ["e", "f"])] {
            // What an agent does: the same again while that is the advice.
            let mut tries = 0;
            while let Err(error) = client.log(&key, rows(index, &contents)).await {
                assert_eq!(error.advice(), Advice::Retry, "{mischief:?}: {error}");
                tries += 1;
                assert!(tries < 3, "{mischief:?}: {error}");
            }
        }
        let log: Vec<String> = forge.log(TASK).into_iter().map(|row| row.content).collect();
        assert_eq!(log, ["a", "b", "c", "d", "e", "f"], "{mischief:?}");
    }
}

#[tokio::test]
async fn what_went_wrong_is_named() {
    let (forge, client) = forge(Dialect::Gitea).await;
    for (mischief, is_garbled) in [
        (Mischief::Truncate, true),
        (Mischief::Page, true),
        (Mischief::LoseReply, false),
        (Mischief::LoseRequest, false),
    ] {
        // A new connection each: hyper repeats a call on one that was idle, if nothing of the answer was seen.
        forge.misbehave("Ping", mischief.clone(), 2);
        let error = client.ping("some data that is long enough to be cut").await.unwrap_err();
        forge.behave();
        let garbled = matches!(error, CallError::Garbled { .. });
        assert_eq!(garbled, is_garbled, "{mischief:?}: {error:?}");
        assert!(garbled || matches!(error, CallError::Unavailable { .. }), "{mischief:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_lost_task_comes_again_with_its_request_key() {
    let (forge, client) = forge(Dialect::Forgejo).await;
    let key = registered(&client).await;
    forge.add(bare_task(TASK.0, "jobs: {}"), &["linux"]);
    forge.misbehave("FetchTask", Mischief::LoseReply, 2);
    let fetch = Fetch { version: TasksVersion::UNKNOWN, want: Want::UpTo(1), key: Some(RequestKey("k".to_owned())) };
    assert_eq!(client.fetch(&key, fetch.clone()).await.unwrap_err().advice(), Advice::Retry);
    forge.behave();
    assert_eq!(client.fetch(&key, fetch).await.unwrap().tasks[0].id, TASK);
    assert_eq!(forge.handed_out(TASK), 1);
}

#[tokio::test]
async fn a_task_can_be_given_twice() {
    let (forge, client) = forge(Dialect::Gitea).await;
    let key = registered(&client).await;
    forge.add(bare_task(TASK.0, "jobs: {}"), &["linux"]);
    assert_eq!(client.fetch(&key, anything()).await.unwrap().tasks[0].id, TASK);
    assert!(client.fetch(&key, anything()).await.unwrap().tasks.is_empty());
    forge.hand_out_again(TASK);
    assert_eq!(client.fetch(&key, anything()).await.unwrap().tasks[0].id, TASK);
    assert_eq!(forge.handed_out(TASK), 2);
}

#[tokio::test]
async fn a_forge_that_fails_for_a_while_comes_back() {
    let (forge, client) = forge(Dialect::Gitea).await;
    let key = registered(&client).await;
    forge.misbehave("FetchTask", Mischief::Status(500), 5);
    let mut failures = 0;
    while client.fetch(&key, anything()).await.is_err() {
        failures += 1;
    }
    assert_eq!(failures, 5);
}

#[tokio::test]
async fn waiting_for_something_ends_when_it_holds() {
    let (forge, client) = forge(Dialect::Gitea).await;
    let waiting = forge.until(|forge| forge.calls().iter().any(|call| call == "Ping"));
    let (_, answer) = tokio::join!(waiting, client.ping("x"));
    answer.unwrap();
}
