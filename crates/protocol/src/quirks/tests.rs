//! Each rule with the texts and values of the peers that it is for.

use super::*;
use crate::call::RequestKey;
use domain::{RunnerCapability, TaskId};
use serde_json::json;

fn refusal(code: Code, message: &str) -> Refusal {
    Refusal::new(code, message)
}

#[test]
fn bad_credentials_are_known_by_code_and_by_text() {
    for text in [
        "rpc error: code = Unauthenticated desc = unregistered runner",
        "pick task: runner has been removed",
        "runner registration token not found",
        "runner registration token has been invalidated, please use the latest one",
        "owner of the token not found",
        "repository of the token not found",
    ] {
        assert!(is_bad_credentials(&refusal(Code::Unknown, text)), "{text}");
    }
    assert!(is_bad_credentials(&refusal(Code::Unauthenticated, "")));
    for text in ["rpc error: code = Internal desc = database is locked", "invalid runner for task", ""] {
        assert!(!is_bad_credentials(&refusal(Code::Unknown, text)), "{text}");
    }
}

#[test]
fn a_closed_log_is_known_in_both_dialects() {
    let gitea = refusal(Code::Unknown, "rpc error: code = AlreadyExists desc = log file has been archived");
    let forgejo = refusal(Code::AlreadyExists, "log file has been archived");
    assert!(is_log_closed(&gitea) && is_log_closed(&forgejo));
    let half_filed = "rpc error: code = Internal desc = unable to append logs to dbfs file: dbfs.OpenFile \"actions_log/a/b/c6/454.log.zst\" for write-only: file does not exist";
    assert!(is_log_closed(&refusal(Code::Unknown, half_filed)));
    assert!(!is_log_closed(&refusal(Code::AlreadyExists, "something else")));
}

#[test]
fn forges_are_told_apart() {
    for (version, dialect) in [
        ("1.27.3", Dialect::Gitea),
        ("1.21.11", Dialect::Gitea),
        ("11.0.1+gitea-1.22.0", Dialect::Forgejo),
        ("15.0.0-dev-forgejo", Dialect::Forgejo),
    ] {
        assert_eq!(Dialect::of_version(version), dialect, "{version}");
    }
    let context = |text: serde_json::Value| text.as_object().cloned().unwrap();
    let forgejo = context(json!({"gitea_runtime_token": "g", "forgejo_runtime_token": "f"}));
    let gitea = context(json!({"gitea_runtime_token": "g"}));
    assert_eq!(Dialect::of_context(&forgejo), Some(Dialect::Forgejo));
    assert_eq!(Dialect::of_context(&gitea), Some(Dialect::Gitea));
    assert_eq!(Dialect::of_context(&context(json!({"actor": "a"}))), None);
    assert_eq!(context_value(&forgejo, "runtime_token"), Some(&json!("f")));
    assert_eq!(context_value(&gitea, "runtime_token"), Some(&json!("g")));
    assert_eq!(context_value(&gitea, "server_version"), None);
}

#[test]
fn agents_are_told_apart() {
    let fetch = |want, key: Option<&str>| Fetch {
        version: TasksVersion(1),
        want,
        key: key.map(|key| RequestKey(key.to_owned())),
    };
    assert_eq!(Dialect::of_fetch(&fetch(Want::One, None)), None);
    for forgejo in [fetch(Want::One, Some("k")), fetch(Want::UpTo(1), None), fetch(Want::Handle(None), None)] {
        assert_eq!(Dialect::of_fetch(&forgejo), Some(Dialect::Forgejo));
    }
    let declare = |capabilities| Declaration { version: String::new(), labels: Vec::new(), capabilities };
    assert_eq!(Dialect::of_declaration(&declare(vec![RunnerCapability::Cancelling])), Some(Dialect::Gitea));
    assert_eq!(Dialect::of_declaration(&declare(Vec::new())), None);
}

#[test]
fn the_last_batch_never_is_empty() {
    let batch = |rows| LogBatch { task: TaskId(1), index: 4, rows, end: LogEnd::Open };
    let empty = last_batch(batch(Vec::new()), Timestamp(7));
    assert_eq!(empty.rows, [LogRow { at: Timestamp(7), content: String::new() }]);
    assert_eq!(empty.end, LogEnd::Last);
    let row = LogRow { at: Timestamp(1), content: "x".to_owned() };
    assert_eq!(last_batch(batch(vec![row.clone()]), Timestamp(7)).rows, [row]);
}

#[test]
fn after_a_task_the_forge_is_asked_anew() {
    let version = TasksVersion;
    assert_eq!(version_after(version(41), version(42), 0), version(42));
    assert_eq!(version_after(version(41), version(42), 1), TasksVersion::UNKNOWN);
    // A forge that does not count, and one that was restored from a backup.
    assert_eq!(version_after(version(41), version(0), 0), version(41));
}

#[test]
fn outputs_that_no_forge_stores_are_set_aside() {
    let (good, bad) = storable_outputs(BTreeMap::from([
        ("k".repeat(255), "v".repeat(OUTPUT_VALUE_MAX)),
        ("n".repeat(256), String::new()),
        ("big".to_owned(), "v".repeat(OUTPUT_VALUE_MAX + 1)),
    ]));
    assert_eq!(good.len(), 1);
    assert_eq!(bad, ["big".to_owned(), "n".repeat(256)]);
}

#[test]
fn one_instance_wants_fewer_questions() {
    assert_eq!(least_fetch_interval("codeberg.org"), Some(Duration::from_secs(30)));
    assert_eq!(least_fetch_interval("notcodeberg.org"), None);
    assert_eq!(capabilities_of_forge("job-summary, x,"), ["job-summary", "x"]);
}
