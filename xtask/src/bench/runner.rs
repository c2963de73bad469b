//! A runner as the server sees it: one connection, the protocol in JSON, no jobs run. Ten thousand of them cost little.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A runner, and its connection while it has one.
pub(super) struct Runner {
    address: String,
    uuid: String,
    token: String,
    stream: Option<TcpStream>,
    asked: u64,
}

impl Runner {
    /// Registers one with some labels.
    pub(super) async fn register(address: &str, token: &str, name: &str, labels: &[&str]) -> Result<Self> {
        let mut runner =
            Self { address: address.to_owned(), uuid: String::new(), token: String::new(), stream: None, asked: 0 };
        let order = json!({"name": name, "token": token, "version": "0", "labels": labels});
        let made = runner.call("Register", &order, &[]).await?;
        let text = |name: &str| made["runner"][name].as_str().map(str::to_owned).context("no runner was made");
        (runner.uuid, runner.token, runner.stream) = (text("uuid")?, text("token")?, None);
        Ok(runner)
    }

    /// Opens its connection, where it has none.
    pub(super) async fn connect(&mut self) -> Result<&mut TcpStream> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.address).await?;
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
        }
        self.stream.as_mut().context("no connection")
    }

    /// The server has another address now.
    pub(super) fn moved(&mut self, address: &str) {
        (self.address, self.stream) = (address.to_owned(), None);
    }

    /// Asks for a task, and waits so long for one; its number.
    pub(super) async fn fetch(&mut self, wait: Duration) -> Result<Option<String>> {
        self.asked += 1;
        let (wait, key) = (wait.as_millis().to_string(), format!("{}-{}", self.uuid, self.asked));
        let headers = [
            ("x-ekiden-wait", wait.as_str()),
            ("x-runner-request-key", key.as_str()),
            // Each key is used once.
            ("x-ekiden-first", "1"),
        ];
        let answer = self.call("FetchTask", &json!({"taskCapacity": "1"}), &headers).await?;
        Ok(answer["task"]["id"].as_str().map(str::to_owned))
    }

    /// Says that a task has ended well.
    pub(super) async fn end(&mut self, task: &str) -> Result<()> {
        let now = "2026-01-01T00:00:00Z";
        let state = json!({"id": task, "result": "RESULT_SUCCESS", "startedAt": now, "stoppedAt": now});
        self.call("UpdateTask", &json!({"state": state}), &[]).await.map(drop)
    }

    async fn call(&mut self, verb: &str, order: &Value, headers: &[(&str, &str)]) -> Result<Value> {
        let body = order.to_string();
        let mut head = format!(
            "POST /api/actions/runner.v1.RunnerService/{verb} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             connect-protocol-version: 1\r\ncontent-length: {}\r\n",
            self.address,
            body.len()
        );
        let own = [("x-runner-uuid", self.uuid.as_str()), ("x-runner-token", self.token.as_str())];
        for (name, value) in own.iter().chain(headers).filter(|(_, value)| !value.is_empty()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.push_str(&body);
        let stream = self.connect().await?;
        stream.write_all(head.as_bytes()).await?;
        let (first, body) = read(stream).await?;
        ensure!(first.contains(" 200 "), "{verb}: {first} {}", String::from_utf8_lossy(&body));
        Ok(serde_json::from_slice(&body)?)
    }
}

/// An answer: its first line and its body.
async fn read(stream: &mut TcpStream) -> Result<(String, Vec<u8>)> {
    let mut got = Vec::new();
    loop {
        if let Some(end) = find(&got, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
            let body = &got[end + 4..];
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let whole = match length {
                Some(length) => {
                    let length = length.trim().parse::<usize>()?;
                    (body.len() >= length).then(|| body[..length].to_vec())
                }
                None => body.ends_with(b"0\r\n\r\n").then(|| joined(body)).transpose()?,
            };
            if let Some(body) = whole {
                return Ok((head.lines().next().unwrap_or_default().to_owned(), body));
            }
        }
        ensure!(stream.read_buf(&mut got).await? > 0, "the server closed the connection");
    }
}

/// The pieces of a body that came in chunks.
fn joined(mut chunks: &[u8]) -> Result<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let line = find(chunks, b"\r\n").context("a chunk without a length")?;
        let length = usize::from_str_radix(std::str::from_utf8(&chunks[..line])?, 16)?;
        if length == 0 {
            return Ok(whole);
        }
        let chunk = chunks.get(line + 2..line + 2 + length).context("a chunk is cut")?;
        whole.extend_from_slice(chunk);
        chunks = &chunks[line + 4 + length..];
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn chunks_are_joined() {
        assert_eq!(joined(b"3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n").unwrap(), b"abc0123456789");
        assert!(joined(b"5\r\nabc").is_err());
    }
}
