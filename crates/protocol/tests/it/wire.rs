//! What stands on the wire, seen by a client of raw bytes: paths, headers, error bodies, statuses, gzip.

use crate::forge;
use base64::Engine as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use protocol::Dialect;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use testkit::{FakeForge, bare_task};

/// Sends one request; answers its status, its head and its body.
async fn send(to: SocketAddr, path: &str, headers: &str, body: Vec<u8>) -> (u16, String, Vec<u8>) {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_ascii_lowercase();
        (head[9..12].parse().unwrap(), head, answer[end + 4..].to_vec())
    })
    .await
    .unwrap()
}

const JSON: &str = "content-type: application/json\r\nconnect-protocol-version: 1\r\n";
const REGISTER: &str = "/api/actions/runner.v1.RunnerService/Register";
const FETCH: &str = "/api/actions/runner.v1.RunnerService/FetchTask";

fn gzip(text: &str) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap()
}

#[tokio::test]
async fn json_as_the_specification_shows_it() {
    let (forge, _) = forge(Dialect::Gitea).await;
    let register = json!({"name": "r1", "token": FakeForge::TOKEN, "version": "v1", "labels": ["linux"], "ephemeral": true, "new_field": {}});
    let (status, _, body) = send(forge.address(), REGISTER, JSON, register.to_string().into_bytes()).await;
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, 200, "{answer}");
    let (uuid, token) = (answer["runner"]["uuid"].as_str().unwrap(), answer["runner"]["token"].as_str().unwrap());
    assert_eq!((&answer["runner"]["id"], &answer["runner"]["ephemeral"]), (&json!("1"), &json!(true)));

    forge.add(bare_task(95, "jobs: {}"), &["linux"]);
    let headers = format!("{JSON}x-runner-uuid: {uuid}\r\nx-runner-token: {token}\r\n");
    let (status, _, body) = send(forge.address(), FETCH, &headers, b"{\"tasksVersion\":\"0\"}".to_vec()).await;
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &answer["tasksVersion"], &answer["task"]["id"]), (200, &json!("2"), &json!("95")));
    let payload = base64::engine::general_purpose::STANDARD.encode("jobs: {}");
    assert_eq!(answer["task"]["workflowPayload"], payload);
}

#[tokio::test]
async fn proto_as_every_agent_sends_it() {
    let (forge, _) = forge(Dialect::Gitea).await;
    let headers = "content-type: application/proto\r\nconnect-protocol-version: 1\r\n";
    let path = "/api/actions/ping.v1.PingService/Ping";
    let (status, head, body) = send(forge.address(), path, headers, b"\x0a\x02r1".to_vec()).await;
    assert_eq!((status, body.as_slice()), (200, b"\x0a\x0aHello, r1!".as_slice()));
    assert!(head.contains("content-type: application/proto"), "{head}");
}

#[tokio::test]
async fn requests_and_answers_may_be_compressed() {
    let (forge, _) = forge(Dialect::Gitea).await;
    let headers = format!("{JSON}content-encoding: gzip\r\naccept-encoding: gzip\r\n");
    let data = "long enough to be worth it ".repeat(200);
    let body = gzip(&json!({"data": data}).to_string());
    let (status, head, body) = send(forge.address(), "/api/actions/ping.v1.PingService/Ping", &headers, body).await;
    assert_eq!(status, 200);
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let mut text = String::new();
    flate2::read::GzDecoder::new(body.as_slice()).read_to_string(&mut text).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["data"], format!("Hello, {data}!"));
}

#[tokio::test]
async fn errors_have_the_form_and_status_of_each_forge() {
    for (dialect, status, code) in [(Dialect::Gitea, 500, "unknown"), (Dialect::Forgejo, 401, "unauthenticated")] {
        let (forge, _) = forge(dialect).await;
        let (seen, head, body) = send(forge.address(), FETCH, JSON, b"{}".to_vec()).await;
        let error: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((seen, &error["code"]), (status, &json!(code)), "{error}");
        assert!(error["message"].as_str().unwrap().contains("unregistered runner"), "{error}");
        assert!(head.contains("content-type: application/json"), "{head}");
    }
}

#[tokio::test]
async fn what_is_not_the_protocol_is_refused() {
    let (forge, _) = forge(Dialect::Gitea).await;
    let at = forge.address();
    assert_eq!(send(at, FETCH, "content-type: text/plain\r\n", Vec::new()).await.0, 415);
    assert_eq!(send(at, "/api/actions/runner.v1.RunnerService/Nothing", JSON, b"{}".to_vec()).await.0, 404);
    assert_eq!(send(at, FETCH, JSON, b"{".to_vec()).await.0, 400);
    assert_eq!(send(at, FETCH, JSON, b"{\"tasksVersion\":\"x\"}".to_vec()).await.0, 400);
    assert_eq!(send(at, FETCH, &format!("{JSON}content-encoding: br\r\n"), b"{}".to_vec()).await.0, 501);
    let update = "/api/actions/runner.v1.RunnerService/UpdateTask";
    assert_eq!(send(at, update, JSON, b"{}".to_vec()).await.0, 400);
}
