//! A real git server on loopback.

use crate::repository::unwrap;
use crate::scrubbed;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// `git daemon` over the repositories below a folder; ended when dropped.
#[derive(Debug)]
pub struct GitDaemon {
    child: Child,
    port: u16,
}

impl GitDaemon {
    /// Starts it and waits until it answers.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        let port = unwrap(TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()), "port").port();
        // The program itself: `git daemon` would start it as a child that outlives a killed parent.
        let programs = unwrap(scrubbed("git", folder).arg("--exec-path").output(), "git").stdout;
        let program = Path::new(String::from_utf8_lossy(&programs).trim()).join("git-daemon");
        let child = scrubbed(program, folder)
            .args(["--export-all", "--listen=127.0.0.1", "--reuseaddr"])
            .args([format!("--port={port}"), format!("--base-path={}", folder.display())])
            .arg(folder)
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "safe.directory")
            .env("GIT_CONFIG_VALUE_0", "*")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let daemon = Self { child: unwrap(child, "git daemon"), port };
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "git daemon does not answer");
            std::thread::yield_now();
        }
        daemon
    }

    /// The URL of a repository below the folder.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("git://127.0.0.1:{}/{path}", self.port)
    }
}

impl Drop for GitDaemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
