//! What a client says of a refusal, and what it advises.

use crate::{anything, forge, registered, registration};
use domain::{LogBatch, LogEnd, RunnerKey, RunnerLife, RunnerUuid, Secret, TaskId};
use protocol::{Advice, CallError, Client, ClientError, ClientSettings, Code, Dialect};
use std::time::Duration;
use testkit::{FakeForge, Mischief};

fn stranger() -> RunnerKey {
    RunnerKey { uuid: RunnerUuid("nobody".to_owned()), token: Secret::new("nothing") }
}

#[tokio::test]
async fn a_stranger_is_told_so_by_both() {
    for dialect in [Dialect::Gitea, Dialect::Forgejo] {
        let (_forge, client) = forge(dialect).await;
        let error = client.fetch(&stranger(), anything()).await.unwrap_err();
        assert!(matches!(error, CallError::Credentials { .. }), "{dialect:?}: {error}");
        assert_eq!(error.advice(), Advice::Stop);
        assert!(error.to_string().contains("unregistered runner"), "{error}");
    }
}

#[tokio::test]
async fn a_registration_token_that_is_not_good_is_told_so() {
    for dialect in [Dialect::Gitea, Dialect::Forgejo] {
        let (forge, client) = forge(dialect).await;
        let error = client.register(registration("wrong", RunnerLife::Lasting)).await.unwrap_err();
        assert!(matches!(error, CallError::Credentials { .. }), "{dialect:?}: {error}");
        assert!(forge.runners().is_empty());
    }
}

#[tokio::test]
async fn a_task_of_somebody_else_is_refused() {
    let (forge, client) = forge(Dialect::Forgejo).await;
    let (one, other) = (registered(&client).await, registered(&client).await);
    forge.add(testkit::bare_task(7, "jobs: {}"), &["linux"]);
    client.fetch(&one, anything()).await.unwrap();
    let batch = LogBatch { task: TaskId(7), index: 0, rows: Vec::new(), end: LogEnd::Open };
    let error = client.log(&other, batch).await.unwrap_err();
    let CallError::Refused { refusal, method, .. } = &error else { panic!("{error}") };
    assert_eq!((refusal.code, *method), (Code::Internal, "UpdateLog"));
}

#[tokio::test]
async fn pages_of_proxies_are_read_by_their_status() {
    let (forge, client) = forge(Dialect::Gitea).await;
    let key = registered(&client).await;
    for (status, advice) in [
        (502, Advice::Retry),
        (503, Advice::Retry),
        (504, Advice::Retry),
        (429, Advice::Retry),
        (500, Advice::Retry),
        (404, Advice::GiveUp),
        (403, Advice::GiveUp),
        (401, Advice::Stop),
        (413, Advice::Retry),
        (302, Advice::GiveUp),
    ] {
        forge.misbehave("FetchTask", Mischief::Status(status), 1);
        let error = client.fetch(&key, anything()).await.unwrap_err();
        assert_eq!(error.advice(), advice, "{status}: {error}");
        assert!(error.to_string().contains(&forge.url()), "{error}");
    }
    client.fetch(&key, anything()).await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_told_apart_from_no_answer_in_time() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::new(&ClientSettings::new(format!("http://{closed}"), "0.0.0")).unwrap();
    let error = client.ping("x").await.unwrap_err();
    assert!(matches!(error, CallError::Unavailable { method: "Ping", .. }), "{error}");
    assert_eq!(error.advice(), Advice::Retry);

    let (forge, client) = forge(Dialect::Gitea).await;
    forge.misbehave("Ping", Mischief::Slow(Duration::from_secs(60)), 1);
    let error = client.with_timeout(Duration::from_millis(50)).ping("x").await.unwrap_err();
    assert!(matches!(error, CallError::TimedOut { .. }), "{error}");
    // The connection with the late answer is not used again.
    assert_eq!(client.ping("x").await.unwrap().greeting, "Hello, x!");
}

#[test]
fn what_is_no_url_of_an_instance_is_refused() {
    for url in ["", "forge.example.org", "ssh://forge", "http://a b"] {
        let error = Client::new(&ClientSettings::new(url, "0.0.0")).unwrap_err();
        assert!(matches!(error, ClientError::Url { .. }), "{url}: {error}");
    }
}

#[tokio::test]
async fn the_key_never_shows() {
    let (_forge, client) = forge(Dialect::Gitea).await;
    let runner = client.register(registration(FakeForge::TOKEN, RunnerLife::Lasting)).await.unwrap();
    let token = runner.token.expose().to_owned();
    assert!(!format!("{runner:?} {client:?} {:?}", runner.key()).contains(&token));
}
