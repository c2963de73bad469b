//! A whole life of a runner in every codec and dialect.

use crate::{anything, forge, registered, registration};
use domain::{
    Conclusion, LogBatch, LogEnd, LogRow, RunnerKey, RunnerLife, TaskId, TaskPhase, TaskResult, TaskState, TaskStep,
    TasksVersion, Timestamp,
};
use protocol::{
    CallError, Client, ClientSettings, Codec, Compression, Declaration, Dialect, Fetch, Report, RequestKey, Want,
    quirks,
};
use testkit::{FakeForge, bare_task};

const OK: TaskResult = TaskResult::Concluded(Conclusion::Success);
const TASK: TaskId = TaskId(95);

fn ended(result: TaskResult) -> TaskState {
    let phase = TaskPhase::Ended { result, started: Some(Timestamp(1_000)), stopped: Timestamp(2_000) };
    TaskState { id: TASK, phase, steps: vec![TaskStep { index: 0, phase, log_index: 0, log_length: 2 }] }
}

fn running() -> TaskState {
    TaskState { id: TASK, phase: TaskPhase::Running { started: Timestamp(1_000) }, steps: Vec::new() }
}

fn report(state: TaskState) -> Report {
    Report { state, outputs: [("k".to_owned(), "v".to_owned())].into() }
}

fn batch(index: u64, rows: &[&str], end: LogEnd) -> LogBatch {
    let row = |content: &&str| LogRow { at: Timestamp(1_500), content: (*content).to_owned() };
    LogBatch { task: TASK, index, rows: rows.iter().map(row).collect(), end }
}

async fn whole_life(dialect: Dialect, codec: Codec, compression: Compression) {
    let forge = FakeForge::start(dialect).await.unwrap();
    // A trailing slash is the user's habit.
    let settings = ClientSettings { codec, compression, ..ClientSettings::new(format!("{}/", forge.url()), "0.0.0") };
    let client = Client::new(&settings).unwrap();
    assert_eq!(client.ping("r1").await.unwrap().greeting, "Hello, r1!");
    let runner = client.register(registration(FakeForge::TOKEN, RunnerLife::Ephemeral)).await.unwrap();
    assert_eq!((runner.name.as_str(), runner.life), ("r1", RunnerLife::Ephemeral));
    assert_eq!(runner.labels, ["linux", "big"]);
    let key = runner.key();
    let labels = vec!["linux".to_owned(), "ä b".to_owned()];
    let declaration = Declaration { version: "1".to_owned(), labels: labels.clone(), capabilities: Vec::new() };
    let declared = client.declare(&key, declaration).await.unwrap();
    assert_eq!(declared.runner.unwrap().labels, labels);
    assert_eq!(declared.capabilities.is_empty(), dialect == Dialect::Forgejo);

    let nothing = client.fetch(&key, anything()).await.unwrap();
    assert!(nothing.tasks.is_empty() && nothing.version != TasksVersion::UNKNOWN);
    let mut task = bare_task(TASK.0, &"# a workflow\n".repeat(500));
    task.context = serde_json::json!({"run_id": "7", "event": {"n": 1.5, "list": [1, null, {"a": "b"}]}})
        .as_object()
        .cloned()
        .unwrap();
    task.secrets.insert("TOKEN".to_owned(), domain::Secret::new("s3cret"));
    forge.add(task.clone(), &["linux"]);
    let fetched = client.fetch(&key, Fetch { version: nothing.version, want: Want::One, key: None }).await.unwrap();
    assert_eq!(fetched.tasks, [task]);
    assert!(fetched.version > nothing.version);

    let view = client.report(&key, report(running())).await.unwrap();
    assert_eq!((view.phase.result(), view.stored_outputs), (None, vec!["k".to_owned()]));
    assert_eq!(client.log(&key, batch(0, &["one", "two ★"], LogEnd::Open)).await.unwrap(), 2);
    let last = quirks::last_batch(batch(2, &[], LogEnd::Open), Timestamp(1_600));
    assert_eq!(client.log(&key, last).await.unwrap(), 3);
    assert!(forge.is_log_filed(TASK));
    assert_eq!(forge.log(TASK)[1].content, "two ★");
    assert_eq!(client.report(&key, report(ended(OK))).await.unwrap().phase.result(), Some(OK));
    assert_eq!(forge.result(TASK), Some(OK));
    assert_eq!(forge.reports(TASK), [running(), ended(OK)]);
    // The one task of an ephemeral runner is done.
    let error = client.fetch(&key, anything()).await.unwrap_err();
    assert!(matches!(error, CallError::Credentials { .. }), "{error}");
    assert!(forge.runners().is_empty());
}

#[tokio::test]
async fn proto_with_gitea() {
    whole_life(Dialect::Gitea, Codec::Proto, Compression::None).await;
}

#[tokio::test]
async fn proto_compressed_with_forgejo() {
    whole_life(Dialect::Forgejo, Codec::Proto, Compression::Gzip).await;
}

#[tokio::test]
async fn json_with_forgejo() {
    whole_life(Dialect::Forgejo, Codec::Json, Compression::None).await;
}

#[tokio::test]
async fn json_compressed_with_gitea() {
    whole_life(Dialect::Gitea, Codec::Json, Compression::Gzip).await;
}

async fn with_task(dialect: Dialect) -> (FakeForge, Client, RunnerKey) {
    let (forge, client) = forge(dialect).await;
    let key = registered(&client).await;
    forge.add(bare_task(TASK.0, "jobs: {}"), &["linux"]);
    assert_eq!(client.fetch(&key, anything()).await.unwrap().tasks.len(), 1);
    (forge, client, key)
}

#[tokio::test]
async fn rows_are_trimmed_and_gaps_refused() {
    let (forge, client, key) = with_task(Dialect::Gitea).await;
    assert_eq!(client.log(&key, batch(0, &["a", "b"], LogEnd::Open)).await.unwrap(), 2);
    // A gap, with `no_more` too: nothing is stored and nothing filed away.
    assert_eq!(client.log(&key, batch(5, &["f"], LogEnd::Last)).await.unwrap(), 2);
    assert!(!forge.is_log_filed(TASK));
    assert_eq!(client.log(&key, batch(1, &["b", "c"], LogEnd::Open)).await.unwrap(), 3);
    assert_eq!(client.log(&key, batch(2, &["c", "d"], LogEnd::Last)).await.unwrap(), 4);
    let rows: Vec<String> = forge.log(TASK).into_iter().map(|row| row.content).collect();
    assert_eq!(rows, ["a", "b", "c", "d"]);
    // The last call again is acknowledged; a new row is not.
    assert_eq!(client.log(&key, batch(2, &["c", "d"], LogEnd::Last)).await.unwrap(), 4);
    let error = client.log(&key, batch(4, &["e"], LogEnd::Last)).await.unwrap_err();
    assert!(matches!(error, CallError::LogClosed { .. }), "{error}");
}

#[tokio::test]
async fn a_last_call_without_rows_does_nothing_at_a_forgejo() {
    let (forge, client, key) = with_task(Dialect::Forgejo).await;
    assert_eq!(client.log(&key, batch(0, &[], LogEnd::Last)).await.unwrap(), 0);
    assert!(!forge.is_log_filed(TASK));
}

#[tokio::test]
async fn a_cancellation_arrives_with_the_answer() {
    let (forge, client, key) = with_task(Dialect::Forgejo).await;
    forge.cancel(TASK);
    let cancelled = Some(TaskResult::Concluded(Conclusion::Cancelled));
    assert_eq!(client.report(&key, report(running())).await.unwrap().phase.result(), cancelled);
    // Whatever is said later, it stays cancelled; rows are still taken.
    assert_eq!(client.report(&key, report(ended(OK))).await.unwrap().phase.result(), cancelled);
    assert_eq!(client.log(&key, batch(0, &["post"], LogEnd::Last)).await.unwrap(), 1);
    assert_eq!(forge.result(TASK), cancelled);
}

#[tokio::test]
async fn a_gitea_waits_for_a_runner_that_goes_on_reporting() {
    let (forge, client, key) = with_task(Dialect::Gitea).await;
    forge.cancel(TASK);
    assert_eq!(forge.result(TASK), None);
    let cancelled = Some(TaskResult::Concluded(Conclusion::Cancelled));
    assert_eq!(client.report(&key, report(running())).await.unwrap().phase.result(), cancelled);
    client.report(&key, report(ended(OK))).await.unwrap();
    assert_eq!(forge.result(TASK), cancelled);
}

#[tokio::test]
async fn a_request_key_gets_the_same_tasks_again() {
    let (forge, client) = forge(Dialect::Forgejo).await;
    let key = registered(&client).await;
    for id in 1..=3 {
        forge.add(bare_task(id, "jobs: {}"), &["linux"]);
    }
    let fetch = Fetch {
        version: TasksVersion::UNKNOWN,
        want: Want::UpTo(2),
        key: Some(RequestKey("11111111-1111-4111-8111-111111111111".to_owned())),
    };
    let ids = |tasks: Vec<domain::Task>| tasks.into_iter().map(|task| task.id.0).collect::<Vec<_>>();
    let first = client.fetch(&key, fetch.clone()).await.unwrap();
    assert_eq!(ids(first.tasks), [1, 2]);
    let again = client.fetch(&key, fetch).await.unwrap();
    assert_eq!((ids(again.tasks), again.version), (vec![1, 2], TasksVersion::UNKNOWN));
}

#[tokio::test]
async fn nothing_is_looked_up_while_the_count_stands() {
    let (forge, client) = forge(Dialect::Gitea).await;
    let key = registered(&client).await;
    forge.add(bare_task(1, "jobs: {}"), &["other"]);
    let seen = client.fetch(&key, anything()).await.unwrap();
    assert!(seen.tasks.is_empty());
    let fetch = Fetch { version: seen.version, want: Want::One, key: None };
    assert_eq!(client.fetch(&key, fetch).await.unwrap().version, seen.version);
}

#[tokio::test]
async fn a_handle_is_unknown_to_a_gitea() {
    let (_forge, client) = forge(Dialect::Gitea).await;
    let key = registered(&client).await;
    let fetch = Fetch { want: Want::Handle(Some("h".to_owned())), ..anything() };
    let error = client.fetch(&key, fetch).await.unwrap_err();
    assert!(matches!(error, CallError::Unsupported { method: "FetchSingleTask", .. }), "{error}");
}

#[tokio::test]
async fn a_clock_that_is_an_hour_off_shows() {
    let (forge, client) = forge(Dialect::Gitea).await;
    forge.set_clock_ahead(std::time::Duration::from_secs(3600));
    let now = domain::Clock::now(&domain::SystemClock);
    let ahead = client.ping("x").await.unwrap().clock.unwrap().since(now).as_secs();
    assert!((3590..3660).contains(&ahead), "{ahead}");
}
