//! What real forges and real runners said to each other (`cargo xtask record`; `tests/data/exchanges/FORGE-VERSION-RUNNER.jsonl`), read by our
//! client and by our server, and what our agent says compared with what the forges' own runners say to the same forge.

use crate::{anything, registration};
use base64::Engine as _;
use domain::{
    Conclusion, LogBatch, LogEnd, RunnerKey, RunnerLife, RunnerUuid, Secret, Task, TaskId, TaskPhase, TaskResult,
    TaskState, TasksVersion, Timestamp,
};
use protocol::{
    Caller, Client, ClientSettings, Declaration, Declared, Fetch, Fetched, Refusal, Registration, Report, Reported,
    Runner, RunnerService,
};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// One side of an exchange.
struct Side {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

struct Exchange {
    method: String,
    request: Side,
    status: u64,
    answer: Side,
}

impl Side {
    fn of(value: &Value) -> Self {
        let headers = value["headers"].as_object().unwrap();
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
        let body = base64::engine::general_purpose::STANDARD.decode(value["body"].as_str().unwrap()).unwrap();
        Self { headers, body }
    }

    fn write(&self, first: &str) -> Vec<u8> {
        let mut head = format!("{first}\r\n");
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        [head.as_bytes(), &self.body].concat()
    }
}

/// All recordings, by their names.
fn recordings() -> BTreeMap<String, Vec<Exchange>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/exchanges");
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let exchanges = text.lines().map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            Exchange {
                method: value["method"].as_str().unwrap().to_owned(),
                request: Side::of(&value["request"]),
                status: value["status"].as_u64().unwrap(),
                answer: Side::of(&value["answer"]),
            }
        });
        all.insert(path.file_stem().unwrap().to_string_lossy().into_owned(), exchanges.collect());
    }
    assert!(!all.is_empty());
    all
}

/// The next message of a connection: its first line and its body; `None` at the end.
async fn read(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut first = String::new();
    if reader.read_line(&mut first).await.unwrap() == 0 {
        return None;
    }
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await.unwrap();
    Some((first, body))
}

/// A forge that gives the recorded answers to each method in their order, whatever it is asked.
async fn replayed(exchanges: &[Exchange]) -> Client {
    let mut answers: BTreeMap<String, VecDeque<Vec<u8>>> = BTreeMap::new();
    for exchange in exchanges {
        let answer = exchange.answer.write(&format!("HTTP/1.1 {} Recorded", exchange.status));
        answers.entry(exchange.method.clone()).or_default().push_back(answer);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answers = Arc::new(Mutex::new(answers));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answers = Arc::clone(&answers);
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                while let Some((first, _)) = read(&mut stream).await {
                    let method = first.split(' ').nth(1).unwrap().rsplit('/').next().unwrap();
                    let answer = answers.lock().unwrap().get_mut(method).unwrap().pop_front().unwrap();
                    stream.write_all(&answer).await.unwrap();
                }
            });
        }
    });
    Client::new(&ClientSettings::new(url, "0")).unwrap()
}

fn key() -> RunnerKey {
    RunnerKey { uuid: RunnerUuid("u".to_owned()), token: Secret::new("t") }
}

fn state() -> TaskState {
    TaskState { id: TaskId(1), phase: TaskPhase::Running { started: Timestamp(1) }, steps: Vec::new() }
}

fn batch() -> LogBatch {
    LogBatch { task: TaskId(1), index: 0, rows: Vec::new(), end: LogEnd::Open }
}

/// What a forge said, in our words.
#[derive(Default)]
struct Heard {
    runner: Option<Runner>,
    declared: Option<Declared>,
    tasks: Vec<Task>,
    reported: Vec<Reported>,
    rows: Vec<u64>,
}

async fn heard(exchanges: &[Exchange]) -> Heard {
    let (client, mut heard) = (replayed(exchanges).await, Heard::default());
    for exchange in exchanges {
        match exchange.method.as_str() {
            "Ping" => assert!(client.ping("x").await.unwrap().greeting.starts_with("Hello, ")),
            "Register" => heard.runner = Some(client.register(registration("t", RunnerLife::Lasting)).await.unwrap()),
            "Declare" => {
                let declaration = Declaration { version: String::new(), labels: Vec::new(), capabilities: Vec::new() };
                heard.declared = Some(client.declare(&key(), declaration).await.unwrap());
            }
            "FetchTask" => {
                let fetched = client.fetch(&key(), anything()).await.unwrap();
                assert_eq!(fetched.tasks.is_empty(), exchange.answer.body.len() <= 32);
                heard.tasks.extend(fetched.tasks);
            }
            "UpdateTask" => {
                let report = Report { state: state(), outputs: BTreeMap::new() };
                heard.reported.push(client.report(&key(), report).await.unwrap());
            }
            "UpdateLog" => heard.rows.push(client.log(&key(), batch()).await.unwrap()),
            other => panic!("{other}"),
        }
    }
    heard
}

#[tokio::test]
async fn every_answer_of_a_real_forge_is_read() {
    for (name, exchanges) in recordings() {
        let heard = heard(&exchanges).await;
        let runner = heard.runner.unwrap();
        assert_eq!(
            (runner.name.as_str(), runner.uuid.0.len(), runner.token.expose().len()),
            ("recorded", 36, 40),
            "{name}"
        );
        assert_eq!(runner.labels, ["lab"], "{name}");
        let says_what_it_can = exchanges
            .iter()
            .any(|exchange| exchange.answer.headers.iter().any(|(name, _)| name == "x-gitea-actions-capabilities"));
        assert_eq!(!heard.declared.unwrap().capabilities.is_empty(), says_what_it_can, "{name}");
        assert_eq!(heard.tasks.len(), 4, "{name}");
        for task in &heard.tasks {
            let text = |name: &str| task.context.get(name).and_then(Value::as_str).unwrap_or_default();
            assert!(String::from_utf8_lossy(&task.workflow).contains("jobs:"), "{name}");
            assert!(
                text("repository").starts_with("lab/") && text("event_name") == "push",
                "{name}: {:?}",
                task.context
            );
            assert!(text("sha").len() == 40 && text("token").len() == 40, "{name}");
        }
        let needs = heard.tasks.iter().flat_map(|task| &task.needs).collect::<Vec<_>>();
        assert_eq!(needs.len(), 1, "{name}");
        let (job, needed) = needs[0];
        assert_eq!((job.as_str(), needed.outputs.get("v").map(String::as_str)), ("a", Some("1")), "{name}");
        assert_eq!(heard.tasks.iter().filter(|task| task.secrets.contains_key("WORD")).count(), 3, "{name}");
        let results: Vec<_> = heard.reported.iter().filter_map(|reported| reported.phase.result()).collect();
        for result in [Conclusion::Success, Conclusion::Failure, Conclusion::Cancelled] {
            assert!(results.contains(&TaskResult::Concluded(result)), "{name}: {results:?}");
        }
        assert!(heard.reported.iter().any(|reported| reported.stored_outputs == ["v"]), "{name}");
        assert!(heard.rows.iter().all(|rows| *rows > 0), "{name}: {:?}", heard.rows);
    }
}

/// What a runner said, in our words.
#[derive(Debug, Clone, PartialEq)]
enum Said {
    Ping(String),
    Register(Registration),
    Declare(Option<RunnerKey>, Declaration),
    Fetch(Option<RunnerKey>, Fetch),
    Report(Option<RunnerKey>, Report),
    Log(Option<RunnerKey>, LogBatch),
}

/// A forge that only listens.
#[derive(Default)]
struct Listener(Mutex<Vec<Said>>);

impl Listener {
    fn hears(&self, said: Said) {
        self.0.lock().unwrap().push(said);
    }

    fn runner() -> Runner {
        let (text, status) = (String::new, domain::RunnerStatus::Unsaid);
        let (id, uuid, token) = (domain::RunnerId(1), RunnerUuid(text()), Secret::new(""));
        Runner { id, uuid, token, name: text(), status, version: text(), labels: Vec::new(), life: RunnerLife::Lasting }
    }
}

#[async_trait::async_trait]
impl RunnerService for Listener {
    async fn ping(&self, data: String) -> Result<String, Refusal> {
        self.hears(Said::Ping(data));
        Ok(String::new())
    }

    async fn register(&self, _: Caller, registration: Registration) -> Result<Runner, Refusal> {
        self.hears(Said::Register(registration));
        Ok(Self::runner())
    }

    async fn declare(&self, caller: Caller, declaration: Declaration) -> Result<Declared, Refusal> {
        self.hears(Said::Declare(caller.key, declaration));
        Ok(Declared { runner: None, capabilities: Vec::new() })
    }

    async fn fetch(&self, caller: Caller, fetch: Fetch) -> Result<Fetched, Refusal> {
        self.hears(Said::Fetch(caller.key, fetch));
        Ok(Fetched { tasks: Vec::new(), version: TasksVersion(1) })
    }

    async fn report(&self, caller: Caller, report: Report) -> Result<Reported, Refusal> {
        let phase = report.state.phase;
        self.hears(Said::Report(caller.key, report));
        Ok(Reported { phase, stored_outputs: Vec::new() })
    }

    async fn log(&self, caller: Caller, batch: LogBatch) -> Result<u64, Refusal> {
        let rows = batch.index + batch.rows.len() as u64;
        self.hears(Said::Log(caller.key, batch));
        Ok(rows)
    }
}

async fn listening() -> (Arc<Listener>, std::net::SocketAddr) {
    let service = Arc::new(Listener::default());
    let router = axum::Router::new().nest_service(protocol::BASE_PATH, protocol::router(Arc::clone(&service)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (service, address)
}

/// What the runner of a recording said, read by our server from the bytes that it sent.
async fn said(exchanges: &[Exchange]) -> Vec<Said> {
    let (service, address) = listening().await;
    for exchange in exchanges {
        let family = if exchange.method == "Ping" { "ping.v1.PingService" } else { "runner.v1.RunnerService" };
        let path = format!("{}/{family}/{}", protocol::BASE_PATH, exchange.method);
        let first = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&exchange.request.write(&first)).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{}: {answer}", exchange.method);
    }
    let said = service.0.lock().unwrap().clone();
    assert_eq!(said.len(), exchanges.len());
    said
}

#[tokio::test]
async fn every_request_of_a_real_runner_is_read_and_means_the_same_when_we_write_it() {
    for (name, exchanges) in recordings() {
        let said = said(&exchanges).await;
        let (service, address) = listening().await;
        let client = Client::new(&ClientSettings::new(format!("http://{address}"), "0")).unwrap();
        for one in said.clone() {
            match one {
                Said::Ping(data) => drop(client.ping(&data).await.unwrap()),
                Said::Register(registration) => drop(client.register(registration).await.unwrap()),
                Said::Declare(key, declaration) => drop(client.declare(&key.unwrap(), declaration).await.unwrap()),
                Said::Fetch(key, fetch) => drop(client.fetch(&key.unwrap(), fetch).await.unwrap()),
                Said::Report(key, report) => drop(client.report(&key.unwrap(), report).await.unwrap()),
                Said::Log(key, batch) => drop(client.log(&key.unwrap(), batch).await.unwrap()),
            }
        }
        assert_eq!(*service.0.lock().unwrap(), said, "{name}");
    }
}

/// What a runner told of one job: the results of its steps, its outputs, its result as the forge shows it.
#[derive(Debug, PartialEq)]
struct Told {
    result: Option<TaskResult>,
    steps: Vec<Option<TaskResult>>,
    outputs: BTreeMap<String, String>,
}

/// The way of each job of a recording, by its name. What every way must keep to is checked here.
async fn ways(name: &str, exchanges: &[Exchange]) -> BTreeMap<String, Told> {
    let (heard, said) = (heard(exchanges).await, said(exchanges).await);
    let mut ways = BTreeMap::new();
    for task in &heard.tasks {
        let job = task.context.get("job").and_then(Value::as_str).unwrap_or_default();
        let (mut rows, mut last, mut outputs, mut end) = (0, 0, BTreeMap::new(), None);
        let mut answers = heard.reported.iter();
        for one in &said {
            match one {
                Said::Log(_, batch) if batch.task == task.id => {
                    assert_eq!(batch.index, rows, "{name}, {job}: each batch begins where the one before ended");
                    assert_eq!(last, 0, "{name}, {job}: nothing comes after the last batch");
                    rows += batch.rows.len() as u64;
                    last += usize::from(batch.end == LogEnd::Last);
                }
                Said::Report(_, report) => {
                    let answer = answers.next().unwrap();
                    if report.state.id != task.id {
                        continue;
                    }
                    outputs.extend(report.outputs.clone());
                    if report.state.phase.result().is_some() {
                        assert_eq!(last, 1, "{name}, {job}: the log is closed before the result is told");
                        end = Some((report.state.clone(), answer.phase.result()));
                    }
                }
                _ => {}
            }
        }
        let (state, result) = end.unwrap();
        for step in state.steps.iter().filter(|step| step.log_length > 0) {
            assert!(step.log_index + step.log_length <= rows, "{name}, {job}: {step:?} of {rows} rows");
        }
        let steps = state.steps.iter().map(|step| step.phase.result()).collect();
        ways.insert(job.to_owned(), Told { result, steps, outputs });
    }
    ways
}

#[tokio::test]
async fn our_agent_tells_of_the_same_jobs_what_the_forges_own_runner_tells() {
    let recordings = recordings();
    for (name, ours) in recordings.iter().filter(|(name, _)| name.ends_with("-ekiden")) {
        let forge = name.trim_end_matches("ekiden");
        let ours = ways(name, ours).await;
        assert_eq!(ours.len(), 4, "{name}");
        for (other, theirs) in recordings.iter().filter(|(other, _)| other.starts_with(forge) && *other != name) {
            let mut theirs = ways(other, theirs).await;
            // What docs/differences.md lists. A step that may fail is told there as failed, and here by its conclusion; a step that was
            // cancelled is told there as failed, and what should run then does not.
            let result = |conclusion| Some(TaskResult::Concluded(conclusion));
            let (soft, stopped) = (&mut theirs.get_mut("a").unwrap().steps[2], result(Conclusion::Cancelled));
            assert_eq!(soft.replace(TaskResult::Concluded(Conclusion::Success)), result(Conclusion::Failure));
            let cancelled = &mut theirs.get_mut("c").unwrap().steps;
            assert_eq!(*cancelled, [result(Conclusion::Failure), stopped]);
            *cancelled = vec![stopped, result(Conclusion::Success)];
            assert_eq!(theirs, ours, "{other} and {name}");
        }
    }
}
