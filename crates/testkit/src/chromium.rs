//! A real browser without a window, driven by its own protocol over a socket. Used by tests of pages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// What it may be called.
const NAMES: [&str; 4] = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];

/// A browser that runs. It ends with this.
#[derive(Debug)]
pub struct Chromium {
    child: Child,
    address: String,
    _profile: TempDir,
}

/// One of its pages.
#[derive(Debug)]
pub struct Page {
    socket: BufReader<TcpStream>,
    asked: u64,
}

impl Chromium {
    /// The program, where this machine has one: what `EKIDEN_CHROMIUM` names, or one of the usual names on the `PATH`.
    #[must_use]
    pub fn program() -> Option<PathBuf> {
        if let Some(named) = std::env::var_os("EKIDEN_CHROMIUM") {
            return Some(named.into());
        }
        let folders = std::env::var_os("PATH")?;
        std::env::split_paths(&folders)
            .flat_map(|folder| NAMES.map(|name| folder.join(name)))
            .find(|program| program.is_file())
    }

    /// Starts it, with a profile of its own.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(program: &Path) -> io::Result<Self> {
        let profile = TempDir::new()?;
        let mut child = Command::new(program)
            .args(["--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-dev-shm-usage"])
            // It is shown nothing but what the test serves.
            .args(["--no-sandbox", "--remote-debugging-port=0", "--disable-background-networking"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            // Distributions start it by a script: what is ended is the whole group.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let said = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut said = BufReader::new(said);
        let mut heard = String::new();
        let address = loop {
            let mut line = String::new();
            if said.read_line(&mut line)? == 0 {
                return Err(io::Error::other(format!("{} did not start: {heard}", program.display())));
            }
            if let Some((_, rest)) = line.split_once("ws://") {
                break rest.split('/').next().unwrap_or_default().to_owned();
            }
            heard.push_str(&line);
        };
        // What it says later is of no interest, and must not fill the pipe.
        std::thread::spawn(move || io::copy(&mut said, &mut io::sink()));
        Ok(Self { child, address, _profile: profile })
    }

    /// Opens an empty page.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn page(&self) -> io::Result<Page> {
        let made = crate::web::ask(&self.address, "PUT", "/json/new?about:blank", &[], Vec::new())?;
        let made: Value = serde_json::from_slice(&made.body)?;
        let url = made["webSocketDebuggerUrl"].as_str().ok_or(io::ErrorKind::InvalidData)?;
        let path = url.strip_prefix("ws://").and_then(|rest| rest.find('/').map(|at| &rest[at..]));
        let path = path.ok_or(io::ErrorKind::InvalidData)?;
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.set_nodelay(true)?;
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes())?;
        let mut socket = BufReader::new(stream);
        loop {
            let mut line = String::new();
            if socket.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line == "\r\n" {
                return Ok(Page { socket, asked: 0 });
            }
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ended_already = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ended_already = self.child.wait();
    }
}

impl Page {
    /// Calls a method of the protocol.
    ///
    /// # Errors
    /// When the browser refuses.
    pub fn call(&mut self, method: &str, params: &Value) -> io::Result<Value> {
        self.asked += 1;
        let text = json!({ "id": self.asked, "method": method, "params": params }).to_string();
        self.send(text.as_bytes())?;
        loop {
            let mut answer: Value = serde_json::from_slice(&self.receive()?)?;
            if answer["id"] != self.asked {
                continue;
            }
            return match answer.get("error") {
                Some(error) => Err(io::Error::other(format!("{method}: {error}"))),
                None => Ok(answer["result"].take()),
            };
        }
    }

    /// What an expression of the page gives, once it is there.
    ///
    /// # Errors
    /// When it throws.
    pub fn look(&mut self, expression: &str) -> io::Result<Value> {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", &params)?;
        match answer.get("exceptionDetails") {
            Some(fault) => Err(io::Error::other(format!("{expression}: {fault}"))),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// Waits until an expression is true of what is shown.
    ///
    /// # Errors
    /// When it does not become so within 20 seconds.
    pub fn until(&mut self, expression: &str) -> io::Result<()> {
        let watch = format!(
            "new Promise((done, fail) => {{ const end = Date.now() + 20000, look = () => ({expression}) ? done(true) : Date.now() > end ? fail(new Error('it did not become so')) : setTimeout(look, 5); look(); }})"
        );
        // A page that is being left breaks what it was asked; the next one is asked again.
        for _ in 0..50 {
            match self.look(&watch) {
                Err(error) if error.to_string().contains("-32000") => {}
                done => return done.map(drop),
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// Goes to an address and waits until the page is there.
    ///
    /// # Errors
    /// When it does not come.
    pub fn go(&mut self, url: &str) -> io::Result<()> {
        self.call("Page.enable", &json!({}))?;
        let went = self.call("Page.navigate", &json!({ "url": url }))?;
        if let Some(fault) = went.get("errorText") {
            return Err(io::Error::other(format!("{url}: {fault}")));
        }
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")
    }

    /// Takes a picture of what is shown.
    ///
    /// # Errors
    /// When it cannot be taken or written.
    pub fn picture(&mut self, path: &Path) -> io::Result<()> {
        let taken = self.call("Page.captureScreenshot", &json!({ "format": "png" }))?;
        let bytes = STANDARD.decode(taken["data"].as_str().unwrap_or_default()).map_err(io::Error::other)?;
        std::fs::write(path, bytes)
    }

    fn send(&mut self, text: &[u8]) -> io::Result<()> {
        // A text in one frame, under a mask of zeros.
        let mut frame = vec![0x81, 0x80 | 127];
        frame.extend((text.len() as u64).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text);
        self.socket.get_mut().write_all(&frame)
    }

    fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            let mut head = [0; 2];
            self.socket.read_exact(&mut head)?;
            let length = match head[1] & 0x7f {
                126 => {
                    let mut length = [0; 2];
                    self.socket.read_exact(&mut length)?;
                    u64::from(u16::from_be_bytes(length))
                }
                127 => {
                    let mut length = [0; 8];
                    self.socket.read_exact(&mut length)?;
                    u64::from_be_bytes(length)
                }
                length => u64::from(length),
            };
            (&mut self.socket).take(length).read_to_end(&mut text)?;
            match (head[0] & 0x0f, head[0] & 0x80) {
                (8, _) => return Err(io::ErrorKind::ConnectionAborted.into()),
                (_, 0) => {}
                _ => return Ok(text),
            }
        }
    }
}
