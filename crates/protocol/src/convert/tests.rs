//! Both codecs, both directions: what goes out comes back, and bytes written by others read as they should.

use super::*;
use buffa::Message;
use domain::{Conclusion, Task, TaskNeed, TaskPhase, TaskResult, TaskState, TaskStep, Timestamp};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Through bytes and back.
fn proto<M: Message>(message: &M) -> M {
    M::decode_from_slice(&message.encode_to_vec()).unwrap()
}

/// Through JSON and back.
fn json_text<M: serde::Serialize + serde::de::DeserializeOwned>(message: &M) -> M {
    serde_json::from_str(&serde_json::to_string(message).unwrap()).unwrap()
}

/// Through bytes, as the server reads them.
fn batch_read(message: &pb::UpdateLogRequest) -> LogBatch {
    let bytes = message.encode_to_vec();
    batch_from_wire(&buffa::MessageView::decode_view(&bytes).unwrap())
}

fn moments() -> impl Strategy<Value = Timestamp> {
    // To the end of the year 9999, which is the last that JSON can carry.
    (0..253_402_300_800_000_u64).prop_map(Timestamp)
}

fn results() -> impl Strategy<Value = TaskResult> {
    prop_oneof![
        Just(TaskResult::Concluded(Conclusion::Success)),
        Just(TaskResult::Concluded(Conclusion::Failure)),
        Just(TaskResult::Concluded(Conclusion::Cancelled)),
        Just(TaskResult::Concluded(Conclusion::Skipped)),
        (5..i32::MAX).prop_map(TaskResult::Other),
    ]
}

fn phases() -> impl Strategy<Value = TaskPhase> {
    prop_oneof![
        Just(TaskPhase::Waiting),
        moments().prop_map(|started| TaskPhase::Running { started }),
        (results(), option::of(moments()), moments()).prop_map(|(result, started, stopped)| TaskPhase::Ended {
            result,
            started,
            stopped
        }),
    ]
}

fn steps() -> impl Strategy<Value = TaskStep> {
    let row = || 0..=i64::MAX.unsigned_abs();
    (any::<u32>(), phases(), row(), row()).prop_map(|(index, phase, log_index, log_length)| TaskStep {
        index,
        phase,
        log_index,
        log_length,
    })
}

fn states() -> impl Strategy<Value = TaskState> {
    (any::<i64>(), phases(), vec(steps(), 0..4)).prop_map(|(id, phase, steps)| TaskState {
        id: TaskId(id),
        phase,
        steps,
    })
}

fn texts() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1_000_000_000_i64..1_000_000_000).prop_map(Value::from),
        (-1000_i32..1000).prop_map(|half| Value::from(f64::from(half) + 0.5)),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(texts(), inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn tasks() -> impl Strategy<Value = Task> {
    let needs = (option::of(results()), btree_map(texts(), texts(), 0..3))
        .prop_map(|(result, outputs)| TaskNeed { result, outputs });
    (
        any::<i64>(),
        vec(any::<u8>(), 0..64),
        btree_map(texts(), values(), 0..4),
        btree_map(texts(), texts().prop_map(Secret::new), 0..3),
        btree_map(texts(), texts(), 0..3),
        btree_map(texts(), needs, 0..3),
    )
        .prop_map(|(id, workflow, context, secrets, vars, needs)| Task {
            id: TaskId(id),
            workflow,
            context: context.into_iter().collect(),
            secrets,
            vars,
            needs,
        })
}

proptest! {
    #[test]
    fn a_state_survives_both_codecs(state in states()) {
        let wire = state_to_wire(state.clone());
        prop_assert_eq!(state_from_wire(proto(&wire)), state.clone());
        prop_assert_eq!(state_from_wire(json_text(&wire)), state);
    }

    #[test]
    fn a_task_survives_both_codecs(task in tasks()) {
        let wire = task_to_wire(task.clone());
        prop_assert_eq!(task_from_wire(proto(&wire)), task.clone());
        prop_assert_eq!(task_from_wire(json_text(&wire)), task);
    }

    #[test]
    fn a_batch_survives_both_codecs(
        task in any::<i64>(), index in 0..=i64::MAX.unsigned_abs(), rows in vec((moments(), texts()), 0..5), is_last in any::<bool>(),
    ) {
        let batch = LogBatch {
            task: TaskId(task),
            index,
            rows: rows.into_iter().map(|(at, content)| LogRow { at, content }).collect(),
            end: if is_last { LogEnd::Last } else { LogEnd::Open },
        };
        let wire = batch_to_wire(batch.clone());
        prop_assert_eq!(batch_read(&wire), batch.clone());
        prop_assert_eq!(batch_read(&json_text(&wire)), batch);
    }

    #[test]
    fn a_registration_survives_both_codecs(
        name in texts(), token in texts(), version in texts(), labels in vec(texts(), 0..4), is_ephemeral in any::<bool>(),
        words in vec(texts(), 0..3),
    ) {
        let registration = Registration {
            name,
            token: Secret::new(token),
            version,
            labels,
            life: life_from_wire(is_ephemeral),
            capabilities: capabilities_from_wire(words),
        };
        let wire = registration_to_wire(registration.clone());
        prop_assert_eq!(registration_from_wire(proto(&wire)), registration.clone());
        prop_assert_eq!(registration_from_wire(json_text(&wire)), registration);
    }

    /// Whatever arrives, reading it ends, and what could be read is a state that can be written.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(wire) = pb::UpdateTaskRequest::decode_from_slice(&bytes)
            && let Some(report) = report_from_wire(wire)
        {
            prop_assert_eq!(report_from_wire(proto(&report_to_wire(report.clone()))), Some(report));
        }
        if let Ok(wire) = pb::FetchTaskResponse::decode_from_slice(&bytes) {
            let fetched = fetched_from_wire(wire);
            prop_assert_eq!(fetched_from_wire(proto(&fetched_to_wire(fetched.clone()))), fetched);
        }
    }
}

/// The exchange that every agent of both forges has, written byte by byte: field number and wire type, length, content.
#[test]
fn bytes_of_others_are_read() {
    // FetchTaskRequest{tasks_version: 41, task_capacity: 3}
    let fetch = pb::FetchTaskRequest::decode_from_slice(&[0x08, 41, 0x10, 3]).unwrap();
    let fetch = fetch_from_wire(fetch, None);
    assert_eq!((fetch.version, fetch.want), (TasksVersion(41), Want::UpTo(3)));

    // UpdateTaskRequest{state: {id: 95, result: 2, started_at: {1 s, 500 ms}, steps: [{id: 1, result: 4, log_index: 12, log_length: 3}]}}
    let bytes = [
        0x0a, 24, 0x08, 95, 0x10, 2, 0x1a, 8, 0x08, 1, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01, 0x2a, 8, 0x08, 1, 0x10, 4,
        0x28, 12, 0x30, 3,
    ];
    let report = report_from_wire(pb::UpdateTaskRequest::decode_from_slice(&bytes).unwrap()).unwrap();
    let failed = TaskResult::Concluded(Conclusion::Failure);
    assert_eq!(
        report.state.phase,
        // No `stopped_at`: the epoch, as the forges take it.
        TaskPhase::Ended { result: failed, started: Some(Timestamp(1500)), stopped: Timestamp(0) }
    );
    let skipped =
        TaskPhase::Ended { result: TaskResult::Concluded(Conclusion::Skipped), started: None, stopped: Timestamp(0) };
    assert_eq!(report.state.steps, [TaskStep { index: 1, phase: skipped, log_index: 12, log_length: 3 }]);
}

#[test]
fn json_of_others_is_read() {
    let answer: pb::FetchTaskResponse = serde_json::from_value(json!({
        "task": {
            "id": "9007199254740993",
            "workflowPayload": "am9iczoge30=",
            "context": {"run_id": "7", "event": {"number": 4, "ratio": 0.5, "draft": false, "none": null}},
            "secrets": {"GITHUB_TOKEN": "t"},
            "needs": {"build": {"result": "RESULT_SUCCESS", "outputs": {"k": "v"}}},
            "machine": "",
            "field_of_tomorrow": 1
        },
        "tasks_version": "42"
    }))
    .unwrap();
    let fetched = fetched_from_wire(answer);
    assert_eq!(fetched.version, TasksVersion(42));
    let [task] = fetched.tasks.as_slice() else { panic!("one task") };
    assert_eq!(task.id, TaskId(9_007_199_254_740_993));
    assert_eq!(task.workflow, b"jobs: {}");
    assert_eq!(
        Value::Object(task.context.clone()),
        json!({"run_id": "7", "event": {"number": 4, "ratio": 0.5, "draft": false, "none": null}})
    );
    assert_eq!(task.secrets["GITHUB_TOKEN"].expose(), "t");
    assert_eq!(task.needs["build"].result, Some(TaskResult::Concluded(Conclusion::Success)));
}

#[test]
fn json_is_written_as_the_others_write_it() {
    let state = TaskState {
        id: TaskId(95),
        phase: TaskPhase::Running { started: Timestamp(1_500) },
        steps: vec![TaskStep { index: 0, phase: TaskPhase::Waiting, log_index: 0, log_length: 0 }],
    };
    let written = serde_json::to_value(state_to_wire(state)).unwrap();
    assert_eq!(written, json!({"id": "95", "startedAt": "1970-01-01T00:00:01.500Z", "steps": [{}]}));
}

#[test]
fn what_a_newer_peer_adds_does_no_harm() {
    // LogRow{content: "x"} and field 1999; Runner{status: 77}
    let row = pb::LogRow::decode_from_slice(&[0x12, 1, b'x', 0xfa, 0x7c, 3, b'a', b'b', b'c']).unwrap();
    assert_eq!(row.content, "x");
    let runner = runner_from_wire(pb::Runner::decode_from_slice(&[0x28, 77]).unwrap());
    assert_eq!(runner.status, RunnerStatus::Other(77));
    assert_eq!(runner_to_wire(runner).encode_to_vec(), [0x28, 77]);
}

#[test]
fn numbers_that_make_no_sense_count_as_nothing() {
    let batch = batch_read(&pb::UpdateLogRequest { task_id: 1, index: -5, ..Default::default() });
    assert_eq!(batch.index, 0);
    let state = pb::TaskState {
        steps: vec![
            pb::StepState { id: -1, ..Default::default() },
            pb::StepState { id: 1 << 40, ..Default::default() },
        ],
        ..Default::default()
    };
    assert!(state_from_wire(state).steps.is_empty());
}

#[test]
fn tasks_are_found_wherever_a_forgejo_puts_them() {
    let one = |id| pb::Task { id, ..Default::default() };
    // 14.0.0 could leave `task` empty.
    let answer = pb::FetchTaskResponse { additional_tasks: vec![one(1), one(2)], ..Default::default() };
    assert_eq!(fetched_from_wire(answer).tasks.len(), 2);
    let answer = fetched_to_wire(Fetched {
        tasks: vec![task_from_wire(one(1)), task_from_wire(one(2))],
        version: TasksVersion(3),
    });
    assert_eq!((answer.task.id, answer.additional_tasks.len()), (1, 1));
}

#[test]
fn labels_of_agents_before_the_field_count() {
    let old = pb::RegisterRequest {
        agent_labels: vec!["a".to_owned()],
        custom_labels: vec!["b".to_owned()],
        ..Default::default()
    };
    assert_eq!(registration_from_wire(old).labels, ["a", "b"]);
}

#[test]
fn a_secret_is_not_shown() {
    let task =
        Task { secrets: [("A".to_owned(), Secret::new("hidden"))].into(), ..task_from_wire(pb::Task::default()) };
    assert!(!format!("{task:?}").contains("hidden"));
}
