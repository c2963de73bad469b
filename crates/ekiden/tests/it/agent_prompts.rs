//! `ekiden agent register` with somebody at a terminal.

use crate::support::ekiden;
use protocol::Dialect;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Child;
use testkit::FakeForge;

/// A terminal and the command that runs on it.
struct Terminal {
    keys: File,
    child: Child,
    shown: String,
}

impl Terminal {
    fn start(data: &Path, more: &[&str]) -> Self {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let name = ptsname(&keys, Vec::new()).unwrap().into_string().unwrap();
        let screen = File::options().read(true).write(true).open(name).unwrap();
        let mut command = ekiden(&["agent", "register", "--data"]);
        command.arg(data).args(more).env("TERM", "xterm");
        command.stdin(screen.try_clone().unwrap()).stdout(screen.try_clone().unwrap()).stderr(screen);
        let child = command.spawn().unwrap();
        // Nobody but the child has the other end now.
        drop(command);
        Self { keys: File::from(keys), child, shown: String::new() }
    }

    /// Reads what is shown until it holds a text that was not there before.
    #[track_caller]
    fn until(&mut self, text: &str) {
        let from = self.shown.len();
        while !self.shown[from..].contains(text) {
            assert!(self.more(), "no {text:?} in\n{}", self.shown);
        }
    }

    /// Waits until what is typed is not shown any more.
    fn hides(&self) {
        while tcgetattr(&self.keys).unwrap().local_modes.contains(LocalModes::ECHO) {
            std::thread::yield_now();
        }
    }

    fn more(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.keys.read(&mut bytes) {
            Ok(0) | Err(_) => false,
            Ok(read) => {
                self.shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
                true
            }
        }
    }

    fn types(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).unwrap();
    }

    fn ends(mut self) -> (Option<i32>, String) {
        while self.more() {}
        (self.child.wait().unwrap().code(), self.shown)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_flags_leave_open_is_asked_for() {
    let forge = FakeForge::start(Dialect::Gitea).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(&folder.path().join("agent"), &["--ephemeral"]);
    terminal.until("URL of the ekiden, Gitea or Forgejo");
    terminal.types("forge.example\n");
    terminal.until("URL of the ekiden, Gitea or Forgejo");
    terminal.types(&format!("{}\n", forge.url()));
    terminal.until("(not shown)");
    terminal.hides();
    terminal.types(&format!("{}\n", FakeForge::TOKEN));
    terminal.until("Name of the runner");
    terminal.types("typed\n");
    terminal.until("abels");
    terminal.types("linux,big:host\n");
    let (code, shown) = terminal.ends();
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains(FakeForge::TOKEN), "{shown}");
    let runner = &forge.runners()[0];
    assert_eq!((runner.name.as_str(), &runner.labels[..]), ("typed", &["linux".to_owned(), "big".to_owned()][..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_are_left_register_nothing() {
    let forge = FakeForge::start(Dialect::Gitea).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("agent");
    // Ctrl-D, Ctrl-C.
    for key in ["\u{4}", "\u{3}"] {
        let mut terminal = Terminal::start(&data, &["--instance", &forge.url()]);
        terminal.until("(not shown)");
        terminal.hides();
        terminal.types(key);
        let (code, shown) = terminal.ends();
        assert_eq!(code, Some(130), "{shown}");
        assert!(shown.contains("nothing was registered"), "{shown}");
    }
    assert!(forge.runners().is_empty() && !data.join("registration.json").exists());
}
