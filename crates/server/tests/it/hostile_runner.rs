//! Runners that mean no good, or none at all: other runners' tasks, rows out of order, states after the end, bombs, nonsense, and floods.

use crate::hostile::{Call, Raw, WORKFLOW, http, world};
use crate::plane::{Hand, World, settings};
use domain::control::{JobPhase, TokenUse};
use domain::{Conclusion, LogEnd, TaskId, TaskPhase, TaskResult, TaskState, TaskStep, Timestamp};
use protocol::{CallError, Code, Report};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};
use store::AuditFilter;

pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, CallError>) -> (Code, String) {
    match answer.unwrap_err() {
        CallError::Refused { refusal, .. } => (refusal.code, refusal.message),
        CallError::LogClosed { message, .. } => (Code::AlreadyExists, message),
        CallError::Credentials { message, .. } => (Code::Unauthenticated, message),
        other => panic!("{other:?}"),
    }
}

/// A call as the body of which wire format, with the key of a runner.
pub(crate) async fn call(
    world: &World,
    hand: &Hand,
    method: &str,
    kind: &str,
    body: impl Into<Vec<u8>>,
) -> (u16, String) {
    let key = Some((&*hand.key.uuid.0, hand.key.token.expose()));
    Call { method, key, kind, body: body.into() }.send(world.server.address).await
}

pub(crate) async fn text(world: &World, task: TaskId) -> Vec<String> {
    let rows = world.server.plane.logs.tail(task, 100).await.unwrap().rows;
    rows.into_iter().map(|row| row.content).collect()
}

#[tokio::test]
async fn a_runner_touches_no_other_runners_task() {
    let world = world().await;
    let (own, other) = (world.runner(&["lab"]).await, world.runner(&["lab"]).await);
    let run = world.dispatch("w.yml").await;
    let task = own.take().await;
    own.start(task.id).await;
    own.log(task.id, 0, &["mine"], LogEnd::Open).await.unwrap();
    let state = |id, phase| Report { state: TaskState { id, phase, steps: Vec::new() }, outputs: BTreeMap::new() };
    let ended =
        TaskPhase::Ended { result: TaskResult::Concluded(Conclusion::Failure), started: None, stopped: Timestamp(9) };
    // A task of another, one that is not there, and numbers that are none: nobody learns which of them exist.
    for id in [task.id, TaskId(4711), TaskId(0), TaskId(-1), TaskId(i64::MAX), TaskId(i64::MIN)] {
        let (code, said) = refusal(other.client.report(&other.key, state(id, ended)).await);
        assert_eq!(code, Code::PermissionDenied, "{said}");
        assert!(said.contains("invalid runner for task"), "{said}");
        let (code, _) = refusal(other.log(id, 0, &["not mine"], LogEnd::Last).await);
        assert_eq!(code, Code::PermissionDenied);
    }
    assert_eq!(text(&world, task.id).await, ["mine"]);
    assert_eq!(world.states(&run).await, ["a: running"]);
    // A uuid of another with one's own key opens nothing.
    let crossed = domain::RunnerKey { uuid: own.key.uuid.clone(), token: other.key.token.clone() };
    let (code, _) = refusal(own.client.report(&crossed, state(task.id, ended)).await);
    assert_eq!(code, Code::Unauthenticated);
    own.end(task.id, Conclusion::Success, &[]).await;
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    world.server.stop().await;
}

#[tokio::test]
async fn rows_have_one_order_and_an_ended_log_has_no_more() {
    let world = world().await;
    let hand = world.runner(&["lab"]).await;
    let run = world.dispatch("w.yml").await;
    let id = hand.take().await.id;
    // Before the task was said to have begun.
    assert_eq!(hand.log(id, 0, &["0", "1"], LogEnd::Open).await.unwrap(), 2);
    hand.start(id).await;
    // A gap, also one that would be the end; rows that are there; an overlap; a number that is none.
    assert_eq!(hand.log(id, 7, &["7"], LogEnd::Open).await.unwrap(), 2);
    assert_eq!(hand.log(id, 7, &["7"], LogEnd::Last).await.unwrap(), 2);
    assert_eq!(hand.log(id, u64::MAX >> 1, &["far"], LogEnd::Open).await.unwrap(), 2);
    assert_eq!(hand.log(id, 0, &["other", "words"], LogEnd::Open).await.unwrap(), 2);
    assert_eq!(hand.log(id, 1, &["1", "2"], LogEnd::Open).await.unwrap(), 3);
    let json = |index: &str| format!(r#"{{"taskId":"{id}","index":"{index}","rows":[{{"content":"x"}}]}}"#);
    for index in ["-1", "-9223372036854775808"] {
        let (status, said) = call(&world, &hand, "UpdateLog", "application/json", json(index)).await;
        assert!(status == 200 || status == 400, "{status} {said}");
    }
    assert_eq!(text(&world, id).await, ["0", "1", "2"]);
    // A row of many lines and letters that no terminal should get stays one row.
    let odd = "a\nb\u{0}\u{1b}[31m\r<script>";
    hand.log(id, 3, &[odd, &"x".repeat(100_000)], LogEnd::Open).await.unwrap();
    assert_eq!(hand.log(id, 5, &["last"], LogEnd::Last).await.unwrap(), 6);
    // Once more the same is the same; more is refused, before and after the end of the task.
    assert_eq!(hand.log(id, 5, &["last"], LogEnd::Last).await.unwrap(), 6);
    let more = || async { refusal(hand.log(id, 6, &["more"], LogEnd::Open).await) };
    assert_eq!(more().await, (Code::AlreadyExists, "log file has been archived".to_owned()));
    hand.end(id, Conclusion::Success, &[]).await;
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    assert_eq!(more().await.0, Code::AlreadyExists);
    let rows = text(&world, id).await;
    assert_eq!((rows.len(), rows[3].as_str(), rows[4].len()), (6, odd.replace('\n', "\\n").as_str(), 64 * 1024));
    world.server.stop().await;
}

#[tokio::test]
async fn what_has_ended_stays_as_it_ended() {
    let world = world().await;
    let hand = world.runner(&["lab"]).await;
    let run = world.dispatch("w.yml").await;
    let id = hand.take().await.id;
    hand.start(id).await;
    let step = |result| TaskStep {
        index: 0,
        phase: TaskPhase::Ended {
            result: TaskResult::Concluded(result),
            started: Some(Timestamp(1_000)),
            stopped: Timestamp(2_000),
        },
        log_index: 0,
        log_length: 1,
    };
    let ended = |result| TaskPhase::Ended {
        result: TaskResult::Concluded(result),
        started: Some(Timestamp(1_000)),
        stopped: Timestamp(2_000),
    };
    let report = |phase, steps, outputs: &[(&str, &str)]| Report {
        state: TaskState { id, phase, steps },
        outputs: outputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    let first = report(ended(Conclusion::Success), vec![step(Conclusion::Success)], &[("a", "1")]);
    hand.client.report(&hand.key, first.clone()).await.unwrap();
    assert_eq!(world.finished(&run).await, Conclusion::Success);
    let (before, job) = world.server.plane.store.task(id).await.unwrap();
    for late in [
        first,
        report(ended(Conclusion::Failure), vec![step(Conclusion::Failure)], &[("a", "2"), ("b", "3")]),
        report(TaskPhase::Running { started: Timestamp(5) }, Vec::new(), &[("c", "4")]),
        report(TaskPhase::Waiting, Vec::new(), &[]),
    ] {
        let told = hand.client.report(&hand.key, late).await.unwrap();
        let TaskPhase::Ended { result, .. } = told.phase else { panic!("{told:?}") };
        assert_eq!(result, TaskResult::Concluded(Conclusion::Success), "the server's view stays");
    }
    let (after, job_after) = world.server.plane.store.task(id).await.unwrap();
    assert_eq!(before.steps, after.steps);
    assert_eq!(job.phase, job_after.phase);
    assert_eq!(job.outputs, job_after.outputs);
    world.server.stop().await;
}

fn zipped(bytes: usize) -> Vec<u8> {
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..bytes >> 20 {
        zip.write_all(&zeros).unwrap();
    }
    zip.finish().unwrap()
}

#[tokio::test]
async fn slow_bodies_of_one_runner_stop_no_other() {
    let world = World::with_settings(&[(".gitea/workflows/w.yml", WORKFLOW)], settings).await;
    let (slow, hand) = (world.runner(&["slow"]).await, world.runner(&["lab"]).await);
    world.dispatch("w.yml").await;
    let id = hand.take().await.id;
    let mut bodies = Vec::new();
    for zip in ["", "content-encoding: gzip\r\n"] {
        for _ in 0..4 {
            let mut body = Raw::to(world.server.address).await;
            let (uuid, key) = (&slow.key.uuid.0, slow.key.token.expose());
            let head = format!(
                "POST /api/actions/runner.v1.RunnerService/UpdateLog HTTP/1.1\r\nhost: x\r\ncontent-type: application/proto\r\n\
                 {zip}content-length: {}\r\nx-runner-uuid: {uuid}\r\nx-runner-token: {key}\r\n\r\n",
                64 << 20
            );
            assert!(body.send(head).await && body.send([0; 64 << 10]).await);
            bodies.push(body);
        }
    }
    // Their heads were read: a call that came after them was answered.
    hand.start(id).await;
    let long = "b".repeat(50_000);
    let rows = [long.as_str(); 10];
    let taken = tokio::time::timeout(Duration::from_secs(10), hand.log(id, 0, &rows, LogEnd::Last)).await;
    assert_eq!(taken.expect("there is room").unwrap(), 10);
    drop(bodies);
    world.server.stop().await;
}

#[tokio::test]
async fn bombs_and_nonsense_are_refused() {
    let world = world().await;
    let hand = world.runner(&["lab"]).await;
    world.dispatch("w.yml").await;
    let id = hand.take().await.id;
    let address = world.server.address;
    let bomb = zipped(512 << 20);
    assert!(bomb.len() < 1 << 20);
    for (method, signed) in [("UpdateLog", true), ("FetchTask", true), ("Register", false)] {
        let url = format!("http://{address}/api/actions/runner.v1.RunnerService/{method}");
        let mut request =
            http().post(url).header("content-type", "application/proto").header("content-encoding", "gzip");
        if signed {
            request =
                request.header("x-runner-uuid", &hand.key.uuid.0).header("x-runner-token", hand.key.token.expose());
        }
        let answer = request.body(bomb.clone()).send().await.unwrap();
        let status = answer.status().as_u16();
        assert_eq!(status, 413, "{method}: {}", answer.text().await.unwrap());
    }
    let deep = format!("{}{}", r#"{"state":"#.repeat(100_000), "}".repeat(100_000));
    let arrays = format!(r#"{{"rows":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let nested: Vec<u8> = {
        // A message in itself, many times: field 1, length-delimited.
        let mut message = Vec::new();
        for _ in 0..2_000 {
            let mut outer = vec![0x0a];
            let mut length = message.len();
            while length >= 0x80 {
                outer.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
                length >>= 7;
            }
            outer.push(u8::try_from(length).unwrap());
            outer.extend_from_slice(&message);
            message = outer;
        }
        message
    };
    let bodies: [(&str, &str, Vec<u8>); 11] = [
        ("UpdateLog", "application/json", b"{".to_vec()),
        ("UpdateLog", "application/json", b"[]".to_vec()),
        ("UpdateLog", "application/json", br#"{"taskId":"x"}"#.to_vec()),
        ("UpdateLog", "application/json", b"{\"rows\":[{\"content\":\"\xff\xfe\"}]}".to_vec()),
        ("UpdateTask", "application/json", deep.into_bytes()),
        ("UpdateLog", "application/json", arrays.into_bytes()),
        ("UpdateLog", "application/proto", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
        ("UpdateLog", "application/proto", b"\x1a\xff\xff\xff\xff\x07".to_vec()),
        ("UpdateTask", "application/proto", nested),
        ("UpdateLog", "text/html", b"<p>".to_vec()),
        ("UpdateLog", "application/x-www-form-urlencoded", b"a=b".to_vec()),
    ];
    for (method, kind, body) in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let (status, said) = call(&world, &hand, method, kind, body).await;
        assert!(
            status == 400 || status == 415 || status == 413 || status == 403,
            "{method} {kind} {shown}: {status} {said}"
        );
    }
    // A content of bytes that are no text: field 3 (rows) with field 2 (content).
    let rows = b"\x08\x01\x1a\x04\x12\x02\xff\xfe".to_vec();
    let (status, said) = call(&world, &hand, "UpdateLog", "application/proto", rows).await;
    assert_eq!(status, 400, "{said}");
    assert_eq!(hand.log(id, 0, &["whole"], LogEnd::Open).await.unwrap(), 1);
    assert_eq!(text(&world, id).await, ["whole"]);
    world.server.stop().await;
}

#[tokio::test]
async fn names_and_labels_are_bounded_and_are_words() {
    let world = world().await;
    let hand = world.runner(&["lab"]).await;
    let token = world.registration_token().await;
    let many: Vec<String> = (0..300).map(|at| format!("l{at}")).collect();
    let long = "x".repeat(256);
    let register = |name: &str, version: &str, labels: &[String]| {
        serde_json::json!({"name": name, "token": token.expose(), "version": version, "labels": labels}).to_string()
    };
    let wrong = [
        register("", "1", &[]),
        register(" ", "1", &[]),
        register(&long, "1", &[]),
        register("a\u{1b}[2Jb", "1", &[]),
        register("a\nb", "1", &[]),
        register("a", "1\u{7}", &[]),
        register("a", &long, &[]),
        register("a", "1", &many),
        register("a", "1", std::slice::from_ref(&long)),
        register("a", "1", &["\u{0}".to_owned()]),
        register("a", "1", &[String::new()]),
    ];
    for body in wrong {
        let call = Call { method: "Register", key: None, kind: "application/json", body: body.clone().into() };
        let (status, said) = call.send(world.server.address).await;
        assert_eq!(status, 400, "{body} {said}");
    }
    for labels in [many, vec![long], vec!["a\u{9b}b".to_owned()], vec![" ".to_owned()]] {
        let body = serde_json::json!({"version": "1", "labels": labels}).to_string();
        let (status, said) = call(&world, &hand, "Declare", "application/json", body).await;
        assert_eq!(status, 400, "{said}");
    }
    // Of many labels the one at fault is named, as text.
    let body = serde_json::json!({"version": "1", "labels": ["good", "a\u{9b}b"]}).to_string();
    let (_, said) = call(&world, &hand, "Declare", "application/json", body).await;
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["message"], r#"the label "a\u{9b}b" holds a control character"#);
    let runners = world.server.plane.store.runners(None).await.unwrap();
    assert_eq!(runners.len(), 1);
    assert_eq!(runners[0].labels, ["lab"]);
    // Letters that mean something in HTML are letters.
    let body = register("<script>alert(1)</script>", "1", &["<b>".to_owned()]);
    let made = Call { method: "Register", key: None, kind: "application/json", body: body.into() };
    assert_eq!(made.send(world.server.address).await.0, 200);
    world.server.stop().await;
}

#[tokio::test]
async fn a_flood_of_wrong_keys_shuts_nobody_out_and_is_written_down_once() {
    let world = World::with_settings(&[(".gitea/workflows/w.yml", WORKFLOW)], settings).await;
    let address = world.server.address;
    let hand = world.runner(&["lab"]).await;
    let good = world.registration_token().await;
    let http = http();
    let flood = async |from: u8| {
        for at in 0..150_u8 {
            let mut random = [7; 20];
            (random[0], random[1]) = (from, at);
            let base = format!("http://{address}/api/actions/runner.v1.RunnerService");
            let key = TokenUse::Runner.text(random);
            let fetch = http.post(format!("{base}/FetchTask")).header("content-type", "application/json").body("{}");
            let fetch = fetch.header("x-runner-uuid", "a").header("x-runner-token", key.expose()).send().await.unwrap();
            let token = TokenUse::Registration.text(random);
            let register = serde_json::json!({"name": "a", "token": token.expose()}).to_string();
            let register =
                http.post(format!("{base}/Register")).header("content-type", "application/json").body(register);
            let statuses = (fetch.status().as_u16(), register.send().await.unwrap().status().as_u16());
            assert_eq!(statuses, (401, 401));
        }
    };
    let began = Instant::now();
    let calm = async {
        let mut slowest = Duration::ZERO;
        for at in 0..20 {
            let began = Instant::now();
            assert!(hand.fetch_as(&format!("calm {at}"), 1).await.is_empty());
            slowest = slowest.max(began.elapsed());
        }
        let body = serde_json::json!({"name": "late", "token": good.expose(), "labels": ["x"]}).to_string();
        let call = Call { method: "Register", key: None, kind: "application/json", body: body.into() };
        let (status, said) = call.send(address).await;
        assert_eq!(status, 200, "who has a good token gets in while others flood: {said}");
        slowest
    };
    let (slowest, ..) = tokio::join!(calm, flood(1), flood(2), flood(3), flood(4));
    assert!(slowest < Duration::from_secs(5), "{slowest:?} of {:?}", began.elapsed());
    let all = AuditFilter { action: Some("token.refuse".to_owned()), limit: 50, ..AuditFilter::default() };
    let end = Instant::now() + Duration::from_secs(10);
    let mut noted = Vec::new();
    while noted.len() < 2 && Instant::now() < end {
        noted = world.server.plane.store.audit(&all).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut objects: Vec<_> = noted.iter().map(|record| record.entry.object.as_str()).collect();
    objects.sort_unstable();
    assert_eq!(objects, ["keys of runners", "tokens that register runners"]);
    assert!(noted.iter().all(|record| record.entry.origin == "here"));
    world.server.stop().await;
}

#[tokio::test]
async fn labels_that_a_token_bound_stay_bound() {
    let world = world().await;
    let token = world.server.first_token.clone().unwrap();
    let api = format!("http://{}/api/v1", world.server.address);
    let made = http().post(format!("{api}/tokens")).bearer_auth(token.expose());
    let made =
        made.body(r#"{"kind":"registration","name":"r","labels":["lab"],"pool":"p","uses":1}"#).send().await.unwrap();
    let made: serde_json::Value = serde_json::from_str(&made.text().await.unwrap()).unwrap();
    let register = |labels: &[&str]| {
        let body = serde_json::json!({"name": "a", "token": made["token"], "labels": labels}).to_string();
        Call { method: "Register", key: None, kind: "application/json", body: body.into() }
    };
    assert_eq!(register(&["lab", "prod"]).send(world.server.address).await.0, 403);
    assert_eq!(register(&["lab:prod"]).send(world.server.address).await.0, 403);
    let (status, said) = register(&["lab:host"]).send(world.server.address).await;
    assert_eq!(status, 200, "{said}");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let (uuid, key) = (said["runner"]["uuid"].as_str().unwrap(), said["runner"]["token"].as_str().unwrap());
    let declare = async |key: &str, labels: &[&str]| {
        let body = serde_json::json!({"version": "1", "labels": labels}).to_string().into();
        let call = Call { method: "Declare", key: Some((uuid, key)), kind: "application/json", body };
        call.send(world.server.address).await.0
    };
    // What runs where is no part of the label; another word behind it makes another label.
    assert_eq!(world.server.plane.store.runners(None).await.unwrap()[0].labels, ["lab"]);
    assert_eq!(declare(key, &["prod"]).await, 403);
    assert_eq!(declare(key, &["lab:prod"]).await, 403);
    assert_eq!(declare(key, &["lab"]).await, 200);
    // Its next key is bound as this one is.
    let id = world.server.plane.store.runners(None).await.unwrap()[0].id;
    let next = http().post(format!("{api}/admin/actions/runners/{id}/key")).bearer_auth(token.expose());
    let next: serde_json::Value = serde_json::from_str(&next.send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(declare(next["token"].as_str().unwrap(), &["lab", "prod"]).await, 403);
    assert_eq!(world.server.plane.store.runners(None).await.unwrap()[0].labels, ["lab"]);
    assert_eq!(register(&["lab"]).send(world.server.address).await.0, 401, "its one use is used");
    let registered = AuditFilter { action: Some("runner.register".to_owned()), limit: 9, ..AuditFilter::default() };
    let registered = world.server.plane.store.audit(&registered).await.unwrap();
    assert_eq!(registered[0].entry.origin, "here", "from where it came is known");
    let number = world.server.plane.store.runners(None).await.unwrap()[0].id;
    let object = &registered[0].entry.object;
    assert!(object.starts_with(&format!("runner {number} (")), "which one is known: {object}");
    world.server.stop().await;
}

#[tokio::test]
async fn a_job_that_was_cancelled_hears_it_and_cannot_go_back() {
    let world = world().await;
    let hand = world.runner(&["lab"]).await;
    let run = world.dispatch("w.yml").await;
    let id = hand.take().await.id;
    hand.start(id).await;
    let token = world.server.first_token.clone().unwrap();
    let url = format!("http://{}/api/v1/repos/lab/p/actions/runs/{}/cancel", world.server.address, run.id);
    assert!(http().post(url).bearer_auth(token.expose()).send().await.unwrap().status().is_success());
    world.until(&run, |_, jobs| matches!(jobs[0].phase, JobPhase::Cancelling { .. })).await;
    hand.end(id, Conclusion::Success, &[("late", "1")]).await;
    assert_eq!(world.finished(&run).await, Conclusion::Cancelled);
    let (_, job) = world.server.plane.store.task(id).await.unwrap();
    assert!(matches!(job.phase, JobPhase::Finished { .. }), "{:?}", job.phase);
    world.server.stop().await;
}
