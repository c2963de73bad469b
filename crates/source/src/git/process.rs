//! Runs a [`Git`] command: its pipes, its end in time, and what its errors say.

use super::{CancelFlag, Git, GitError};
use crate::repository::without_credentials;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// The most output that is kept of a command whose answer is read as a whole.
const LARGEST_OUTPUT: u64 = 256 << 20;
/// How often a running command is looked at for its size and for a cancellation.
const LOOK: Duration = Duration::from_millis(50);

impl Git {
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
