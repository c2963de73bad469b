//! Git as a process: without hooks, prompts, system or user configuration; one allowed protocol; bounded in time and size.
//!
//! Everything in this crate that needs git goes through [`Git`]. What is fetched is never run: no checkout happens outside a sandbox.

use crate::repository::without_credentials;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// The most output that is kept of a command whose answer is read as a whole.
const LARGEST_OUTPUT: u64 = 256 << 20;
/// How often a running command is looked at for its size and for a cancellation.
const LOOK: Duration = Duration::from_millis(50);

/// Why git did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// There is no git.
    #[error("git is not installed; install it (Debian: apt-get install git)")]
    Missing,
    /// Git said no.
    #[error("git {command}: {message}")]
    Failed {
        /// The subcommand.
        command: String,
        /// The last lines that git said.
        message: String,
    },
    /// It took too long.
    #[error("git {command} gave no result in {seconds} s")]
    TimedOut {
        /// The subcommand.
        command: String,
        /// The limit.
        seconds: u64,
    },
    /// What it wrote grew past the limit.
    #[error("git {command} stopped: more than {limit} bytes")]
    TooLarge {
        /// The subcommand.
        command: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The caller asked to stop.
    #[error("git {command} was cancelled")]
    Cancelled {
        /// The subcommand.
        command: String,
    },
    /// The process could not be run.
    #[error("could not run git {command}")]
    Io {
        /// The subcommand.
        command: String,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
}

/// Stops running git commands from another thread.
#[derive(Debug, Clone, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Ends the commands that run with this flag, and those that start later.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Variables of the caller that git may see: where programs, proxies and certificates are.
const PASSED: &[&str] = &[
    "PATH",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
];
/// For ssh alone: keys and known hosts lie in the home.
const PASSED_TO_SSH: &[&str] = &["HOME", "SSH_AUTH_SOCK", "USER", "LOGNAME"];
/// Settings of every command.
const SETTINGS: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.pager", "cat"),
    ("credential.helper", ""),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.writeCommitGraph", "false"),
    ("gc.auto", "0"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "20"),
    ("maintenance.auto", "false"),
    ("safe.directory", "*"),
    ("submodule.recurse", "false"),
];

/// One git command to run.
#[derive(Debug)]
pub(crate) struct Git {
    name: String,
    settings: Vec<(String, String)>,
    git_dir: Option<PathBuf>,
    work_tree: Option<PathBuf>,
    index: Option<PathBuf>,
    arguments: Vec<OsString>,
    input: Vec<u8>,
    timeout: Duration,
    protocol: Option<String>,
    watched: Option<(PathBuf, u64)>,
    cancel: Option<CancelFlag>,
}

impl Git {
    pub(crate) fn new() -> Self {
        Self {
            name: String::new(),
            settings: SETTINGS.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            git_dir: None,
            work_tree: None,
            index: None,
            arguments: Vec::new(),
            input: Vec::new(),
            timeout: Duration::from_secs(60),
            protocol: None,
            watched: None,
            cancel: None,
        }
    }

    pub(crate) fn in_repository(git_dir: &Path) -> Self {
        Self { git_dir: Some(git_dir.to_owned()), ..Self::new() }
    }

    /// Subcommand and arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        if let Some(first) = self.arguments.first().filter(|_| self.name.is_empty()) {
            self.name = first.to_string_lossy().into_owned();
        }
        self
    }

    /// The working tree for commands that look at one; they run at its top.
    pub(crate) fn work_tree(mut self, top: &Path) -> Self {
        self.work_tree = Some(top.to_owned());
        self
    }

    /// Another index than the git folder's own.
    pub(crate) fn index(mut self, file: &Path) -> Self {
        self.index = Some(file.to_owned());
        self
    }

    pub(crate) fn input(mut self, input: Vec<u8>) -> Self {
        self.input = input;
        self
    }

    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// A setting that the command gets through its environment, where other users cannot read it.
    pub(crate) fn setting(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((key.into(), value.into()));
        self
    }

    /// The one protocol that may be spoken; without it, none.
    pub(crate) fn protocol(mut self, protocol: &str) -> Self {
        self.protocol = Some(protocol.to_owned());
        self
    }

    /// Ends the command when the files below `folder` grow past `limit` bytes.
    pub(crate) fn watch(mut self, folder: &Path, limit: u64) -> Self {
        self.watched = Some((folder.to_owned(), limit));
        self
    }

    pub(crate) fn cancel(mut self, flag: Option<&CancelFlag>) -> Self {
        self.cancel = flag.cloned();
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.env_clear();
        let ssh = self.protocol.as_deref() == Some("ssh");
        for name in PASSED.iter().chain(PASSED_TO_SSH.iter().filter(|_| ssh)) {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "false")
            .env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=10")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_ALLOW_PROTOCOL", self.protocol.as_deref().unwrap_or("none"))
            .env("GIT_CONFIG_COUNT", self.settings.len().to_string());
        if !ssh {
            command.env("HOME", "/nonexistent");
        }
        for (number, (key, value)) in self.settings.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{number}"), key).env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        if let Some(git_dir) = &self.git_dir {
            command.arg("--git-dir").arg(git_dir);
        }
        if let Some(top) = &self.work_tree {
            command.arg("--work-tree").arg(top).current_dir(top);
        }
        if let Some(index) = &self.index {
            command.env("GIT_INDEX_FILE", index);
        }
        // A group of its own, so that helpers end with it.
        command
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command
    }

    /// Runs the command and gives what it wrote.
    pub(crate) fn output(self) -> Result<Vec<u8>, GitError> {
        let mut content = Vec::new();
        self.stream(|stdout| {
            stdout.take(LARGEST_OUTPUT).read_to_end(&mut content)?;
            Ok(())
        })?;
        Ok(content)
    }

    /// Runs the command; `read` consumes its output as it comes, on this thread's behalf, and may stop early by an error.
    pub(crate) fn stream<F>(self, read: F) -> Result<(), GitError>
    where
        F: FnOnce(&mut dyn Read) -> std::io::Result<()> + Send,
    {
        let started = Instant::now();
        let mut child = self.command().spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => GitError::Missing,
            _ => self.io(error),
        })?;
        let (Some(mut stdin), Some(mut stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(self.io(std::io::ErrorKind::BrokenPipe.into()));
        };
        let input = self.input.as_slice();
        let (done, ended) = mpsc::channel::<()>();
        let (result, told, said) = std::thread::scope(|scope| {
            let writer = scope.spawn(move || drop(stdin.write_all(input)));
            let end = done.clone();
            let reader = scope.spawn(move || {
                let result = read(&mut stdout);
                drop(end);
                result
            });
            let errors = scope.spawn(move || {
                let mut text = Vec::new();
                let _ = stderr.take(64 << 10).read_to_end(&mut text);
                drop(done);
                text
            });
            let result = self.wait(&mut child, &ended, started);
            let _ = writer.join();
            (result, reader.join(), errors.join().unwrap_or_default())
        });
        let status = result?;
        match told {
            Ok(Ok(())) if status.success() => Ok(()),
            Ok(Err(error)) if status.success() || error.kind() != std::io::ErrorKind::UnexpectedEof => {
                Err(self.io(error))
            }
            _ => Err(GitError::Failed { command: self.name, message: last_lines(&said) }),
        }
    }

    fn wait(
        &self,
        child: &mut Child,
        ended: &mpsc::Receiver<()>,
        started: Instant,
    ) -> Result<std::process::ExitStatus, GitError> {
        let command = || self.name.clone();
        let stop = |child: &mut Child, error: GitError| {
            kill_group(child);
            Err(error)
        };
        loop {
            let closed = matches!(ended.recv_timeout(LOOK), Err(RecvTimeoutError::Disconnected));
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if closed => std::thread::sleep(Duration::from_micros(200)),
                Ok(None) => {}
                Err(error) => return stop(child, self.io(error)),
            }
            if self.cancel.as_ref().is_some_and(CancelFlag::is_set) {
                return stop(child, GitError::Cancelled { command: command() });
            }
            if started.elapsed() > self.timeout {
                return stop(child, GitError::TimedOut { command: command(), seconds: self.timeout.as_secs() });
            }
            if let Some((folder, limit)) = &self.watched
                && !closed
                && size_below(folder, *limit) > *limit
            {
                return stop(child, GitError::TooLarge { command: command(), limit: *limit });
            }
        }
    }

    fn io(&self, source: std::io::Error) -> GitError {
        GitError::Io { command: self.name.clone(), source }
    }
}

/// Ends git and its helpers (`git-remote-https`, `ssh`), which stay in its process group.
fn kill_group(child: &mut Child) {
    let group = child.id().to_string();
    let _ = Command::new("/bin/sh")
        .args(["-c", "kill -s KILL -- \"-$0\"", &group])
        .env_clear()
        .stderr(Stdio::null())
        .status();
    let _ = child.kill();
    let _ = child.wait();
}

/// The bytes below a folder, counted up to a little past `enough`.
pub(crate) fn size_below(folder: &Path, enough: u64) -> u64 {
    let mut total = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let Ok(found) = entry.metadata() else { continue };
            if found.is_dir() {
                folders.push(entry.path());
            } else {
                total += found.len();
            }
            if total > enough {
                return total;
            }
        }
    }
    total
}

/// What people should see of git's errors: the last lines, without progress and credentials.
fn last_lines(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.rsplit('\r').next().unwrap_or(line).trim())
        .filter(|line| !line.is_empty() && !line.starts_with("hint:"))
        .map(|line| {
            let line: String = line.chars().filter(|c| !c.is_control()).take(300).collect();
            line.split(' ').map(clean_word).collect::<Vec<_>>().join(" ")
        })
        .collect();
    let from = lines.len().saturating_sub(3);
    if lines.is_empty() { "ended without a word".to_owned() } else { lines[from..].join("; ") }
}

fn clean_word(word: &str) -> String {
    let start = word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(0);
    format!("{}{}", &word[..start], without_credentials(&word[start..]))
}

#[cfg(test)]
mod tests {
    use super::{CancelFlag, Git, GitError, last_lines};
    use std::time::{Duration, Instant};

    #[test]
    fn errors_are_short_and_clean() {
        let said = b"Progress 1%\rProgress 2%\nhint: no\nfatal: unable to access 'https://x:secret@h/a/': no\n";
        assert_eq!(last_lines(said), "Progress 2%; fatal: unable to access 'https://h/a/': no");
    }

    #[test]
    fn a_command_ends_in_time_and_on_request() {
        // `cat-file --batch` waits for its input; an alias of ours sleeps instead, with a child that holds the pipes.
        let slow = || Git::new().setting("alias.slow", "!sleep 20 & wait").args(["slow"]);
        let started = Instant::now();
        assert!(matches!(slow().timeout(Duration::from_millis(100)).output(), Err(GitError::TimedOut { .. })));
        let flag = CancelFlag::default();
        flag.cancel();
        assert!(matches!(slow().cancel(Some(&flag)).output(), Err(GitError::Cancelled { .. })));
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn failures_say_what_git_said() {
        let error = Git::new().args(["ls-remote", "ext::sh -c true"]).output().unwrap_err();
        assert!(error.to_string().contains("transport 'ext' not allowed"), "{error}");
    }
}
