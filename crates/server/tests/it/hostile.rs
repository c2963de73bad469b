//! Clients that mean no good, over real sockets: each is told what is wrong, nothing changes, and others go on.

use crate::plane::{Hand, World, settings};
use domain::control::TokenUse;
use server::serve::{Pace, ServerSettings};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const WORKFLOW: &str = "on: workflow_dispatch\njobs:\n  a:\n    runs-on: lab\n    steps: [{run: 'true'}]\n";
const RUNNER: &str = "/api/actions/runner.v1.RunnerService";

/// A server whose patience is short.
pub(crate) fn brisk(data: &Path) -> ServerSettings {
    let pace = Pace {
        head: Duration::from_millis(400),
        body: Duration::from_millis(400),
        bytes_per_second: 64 * 1024,
        read: Duration::from_millis(400),
        ..Pace::default()
    };
    ServerSettings { pace, ..settings(data) }
}

pub(crate) async fn world() -> World {
    World::with_settings(&[(".gitea/workflows/w.yml", WORKFLOW)], brisk).await
}

/// A connection that is written to and read from by hand.
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Whether the server takes it still.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// All that the server says until it closes.
    pub(crate) async fn rest(mut self) -> String {
        let mut said = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), self.0.read_to_end(&mut said)).await;
        assert!(read.is_ok(), "the server closes the connection");
        String::from_utf8_lossy(&said).into_owned()
    }

    /// The status of the next answer.
    pub(crate) async fn status(&mut self) -> u16 {
        let mut said = [0; 12];
        self.0.read_exact(&mut said).await.unwrap();
        std::str::from_utf8(&said[9..]).unwrap().parse().unwrap()
    }
}

pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// One call of the runner service, as whoever.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    pub(crate) key: Option<(&'a str, &'a str)>,
    pub(crate) kind: &'a str,
    pub(crate) body: Vec<u8>,
}

impl Call<'_> {
    pub(crate) async fn send(self, to: SocketAddr) -> (u16, String) {
        let mut request = http().post(format!("http://{to}{RUNNER}/{}", self.method)).header("content-type", self.kind);
        if let Some((uuid, token)) = self.key {
            request = request.header("x-runner-uuid", uuid).header("x-runner-token", token);
        }
        let answer = request.body(self.body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

fn key(hand: &Hand) -> (&str, &str) {
    (&hand.key.uuid.0, hand.key.token.expose())
}

#[tokio::test]
async fn heads_and_bodies_that_drip_are_cut_off() {
    let world = world().await;
    let address = world.server.address;
    // A head that never ends.
    let mut head = Raw::to(address).await;
    head.send("GET /api/v1/version HTTP/1.1\r\nhost: x\r\n").await;
    // A body that never ends: of a stranger, of a person, of a page's form.
    let token = world.server.first_token.clone().unwrap();
    let bearer = format!("authorization: Bearer {}\r\n", token.expose());
    let hand = world.runner(&["lab"]).await;
    let (uuid, runner) = key(&hand);
    let signed = format!("x-runner-uuid: {uuid}\r\nx-runner-token: {runner}\r\ncontent-type: application/json\r\n");
    let mut dripping = Vec::new();
    for (path, headers) in [
        ("/api/v1/projects", bearer.as_str()),
        ("/api/v1/repos/lab/p/hooks/push", ""),
        ("/login", "content-type: application/x-www-form-urlencoded\r\n"),
        (&*format!("{RUNNER}/Register"), "content-type: application/json\r\n"),
        (&*format!("{RUNNER}/UpdateLog"), signed.as_str()),
        ("/lab/p/git-upload-pack", ""),
    ] {
        let mut raw = Raw::to(address).await;
        raw.send(format!("POST {path} HTTP/1.1\r\nhost: x\r\n{headers}content-length: 5000\r\n\r\n{{")).await;
        dripping.push((path.to_owned(), raw));
    }
    let began = tokio::time::Instant::now();
    let said = head.rest().await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    for (path, raw) in dripping {
        let said = raw.rest().await;
        let status: u16 = said.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        assert!((400..500).contains(&status), "{path}: {said}");
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(world.server.plane.store.runners(None).await.unwrap().len() == 1);
    world.server.stop().await;
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_let_go() {
    let world = world().await;
    let token = world.server.first_token.clone().unwrap();
    let mut raw = Raw::to(world.server.address).await;
    // Many answers are asked for and none is read: at some time nothing more can be written.
    let call =
        format!("GET /api/v1/openapi.json HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", token.expose());
    let began = tokio::time::Instant::now();
    while tokio::time::timeout(Duration::from_secs(5), raw.send(call.repeat(50))).await.is_ok_and(|taken| taken) {
        assert!(began.elapsed() < Duration::from_secs(20), "the server writes for ever");
    }
    assert!(http().get(format!("http://{}/healthz", world.server.address)).send().await.unwrap().status().is_success());
    world.server.stop().await;
}

#[tokio::test]
async fn who_has_no_key_sends_no_body() {
    let world = world().await;
    let mut raw = Raw::to(world.server.address).await;
    // 64 MiB are announced; the answer is there before any of them.
    raw.send(format!(
        "POST {RUNNER}/UpdateLog HTTP/1.1\r\nhost: x\r\ncontent-type: application/proto\r\ncontent-length: 67108864\r\n\r\n"
    ))
    .await;
    assert_eq!(raw.status().await, 401);
    let wrong = TokenUse::Runner.text([3; 20]);
    for (method, key, expected) in [
        ("Declare", None, 401),
        ("FetchTask", Some(("x", "y")), 401),
        ("UpdateTask", Some(("x", wrong.expose())), 401),
        ("UpdateLog", Some(("", "")), 401),
        ("FetchSingleTask", None, 401),
        ("Nothing", None, 401),
    ] {
        let call = Call { method, key, kind: "application/json", body: b"{}".to_vec() };
        let (status, said) = call.send(world.server.address).await;
        assert_eq!(status, expected, "{method}: {said}");
        let fault: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(fault["code"], "unauthenticated");
        assert!(fault["message"].as_str().unwrap().contains("unregistered runner"), "{said}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn bodies_that_are_too_long_are_refused_everywhere() {
    let world = world().await;
    let address = world.server.address;
    let hand = world.runner(&["lab"]).await;
    let token = world.server.first_token.clone().unwrap();
    let bearer = format!("authorization: Bearer {}\r\n", token.expose());
    let (uuid, runner) = key(&hand);
    let signed = format!("x-runner-uuid: {uuid}\r\nx-runner-token: {runner}\r\ncontent-type: application/proto\r\n");
    let open = "content-type: application/json\r\n".to_owned();
    let hooked = format!("{open}x-gitea-signature: {}\r\n", "0".repeat(64));
    let form = "content-type: application/x-www-form-urlencoded\r\n".to_owned();
    for (path, headers, length, expected) in [
        (format!("{RUNNER}/Register"), &open, 300 << 10, 413),
        ("/api/actions/ping.v1.PingService/Ping".to_owned(), &open, 1 << 30, 413),
        (format!("{RUNNER}/FetchTask"), &signed, 300 << 10, 413),
        (format!("{RUNNER}/UpdateLog"), &signed, 65 << 20, 413),
        (format!("{RUNNER}/UpdateTask"), &signed, 1_u64 << 40, 413),
        ("/api/v1/projects".to_owned(), &bearer, 600 << 10, 413),
        ("/api/v1/repos/lab/p/actions/secrets/A".to_owned(), &bearer, 600 << 10, 405),
        ("/api/v1/repos/lab/p/hooks/push".to_owned(), &hooked, 26 << 20, 401),
        ("/api/v1/repos/lab/p/hooks/push".to_owned(), &open, 26 << 20, 401),
        ("/login".to_owned(), &form, 65 << 10, 413),
        ("/lab/p/git-upload-pack".to_owned(), &open, 17 << 20, 401),
        ("/nowhere/at/all/there".to_owned(), &open, 1 << 30, 401),
    ] {
        for chunked in [false, true] {
            let mut raw = Raw::to(address).await;
            let how =
                if chunked { "transfer-encoding: chunked".to_owned() } else { format!("content-length: {length}") };
            raw.send(format!("POST {path} HTTP/1.1\r\nhost: {address}\r\n{headers}{how}\r\n\r\n")).await;
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x1_0000));
            let mut sent = 0;
            // What one address sends is bounded here: the server says no before.
            while sent < length.min(70 << 20)
                && (if chunked { raw.send(&chunk).await } else { raw.send("x".repeat(0x1_0000)).await })
            {
                sent += 0x1_0000;
            }
            let said = raw.rest().await;
            let status: u16 = said.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
            let is_refused = status == expected || (chunked && (400..500).contains(&status));
            assert!(is_refused, "{path} {how}: {status} {}", said.chars().take(200).collect::<String>());
        }
    }
    assert!(hand.fetch(1).await.is_empty(), "others go on");
    world.server.stop().await;
}
