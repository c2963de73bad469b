//! Git over HTTP on loopback: `git http-backend` behind the smallest server that it needs, with an optional password.

use crate::repository::unwrap;
use crate::scrubbed;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A server for the bare repositories below a folder; ended when dropped.
#[derive(Debug)]
pub struct GitHttp {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone)]
struct Server {
    folder: PathBuf,
    /// The `Authorization` header that is wanted.
    wanted: Option<String>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl GitHttp {
    /// Starts it. With `authorization`, requests need exactly that header, else 401.
    #[must_use]
    pub fn start(folder: &Path, authorization: Option<&str>) -> Self {
        let listener = unwrap(TcpListener::bind("127.0.0.1:0"), "port");
        let address = unwrap(listener.local_addr(), "port");
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let server =
            Server { folder: folder.to_owned(), wanted: authorization.map(str::to_owned), seen: Arc::clone(&seen) };
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), server) = (stream, server.clone()) else { continue };
                // A request that breaks off is the client's business.
                std::thread::spawn(move || drop(server.answer(stream)));
            }
        });
        Self { address, stop, seen, thread: Some(thread) }
    }

    /// The server's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The first line of every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for GitHttp {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the loop.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Server {
    fn answer(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut first = String::new();
        reader.read_line(&mut first)?;
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(first.trim().to_owned());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim_end().split_once(':') {
                Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.trim().to_owned()),
                None => break,
            };
        }
        let mut stream = stream;
        if self.wanted.is_some() && headers.get("authorization") != self.wanted.as_ref() {
            let refused = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            return stream.write_all(refused.as_bytes());
        }
        let body = read_body(&mut reader, &headers)?;
        let mut words = first.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut child = scrubbed("git", &self.folder)
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.folder)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .envs([("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "safe.directory"), ("GIT_CONFIG_VALUE_0", "*")])
            .env("REQUEST_METHOD", method)
            .env("PATH_INFO", path)
            .env("QUERY_STRING", query)
            .env("CONTENT_TYPE", headers.get("content-type").map_or("", String::as_str))
            .env("HTTP_CONTENT_ENCODING", headers.get("content-encoding").map_or("", String::as_str))
            .env("GIT_PROTOCOL", headers.get("git-protocol").map_or("", String::as_str))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(&body)?;
        }
        let output = child.wait_with_output()?.stdout;
        // A CGI answer: headers, `Status:` among them, an empty line, the body.
        let end = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(0);
        let head = String::from_utf8_lossy(&output[..end]).into_owned();
        let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
        let plain: Vec<&str> = head.lines().filter(|line| !line.starts_with("Status: ")).collect();
        let content = output.get(end + 4..).unwrap_or_default();
        let length = content.len();
        stream.write_all(
            format!(
                "HTTP/1.1 {status}\r\n{}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n",
                plain.join("\r\n")
            )
            .as_bytes(),
        )?;
        stream.write_all(content)
    }
}

/// The body by its length, or in chunks as git sends large ones.
fn read_body(reader: &mut impl BufRead, headers: &BTreeMap<String, String>) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if let Some(length) = headers.get("content-length").and_then(|length| length.parse().ok()) {
        reader.take(length).read_to_end(&mut body)?;
    } else if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim(), 16).unwrap_or(0);
            reader.take(size).read_to_end(&mut body)?;
            reader.read_line(&mut String::new())?;
            if size == 0 {
                break;
            }
        }
    }
    Ok(body)
}
