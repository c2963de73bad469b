//! The binary with a clean environment, and repositories to run it on.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder that is a git repository with one commit, gone when dropped.
pub(crate) struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    /// With these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let repository = Self { folder: tempfile::Builder::new().prefix("ekiden-cli-").tempdir().unwrap() };
        for (path, text) in files {
            repository.write(path, text);
        }
        repository.git(&["init", "-q", "-b", "main"]);
        repository.git(&["add", "-A"]);
        repository.git(&["-c", "commit.gpgsign=false", "commit", "-q", "-m", "the first"]);
        repository
    }

    /// With one workflow `ci.yml`.
    pub(crate) fn ci(text: &str) -> Self {
        Self::with(&[(".github/workflows/ci.yml", text)])
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Writes a file and commits everything.
    pub(crate) fn commit(&self, path: &str, text: &str) {
        self.write(path, text);
        self.git(&["add", "-A"]);
        self.git(&["-c", "commit.gpgsign=false", "commit", "-q", "-m", "another"]);
    }

    fn git(&self, arguments: &[&str]) {
        let status = Command::new("git")
            .args(["-c", "user.name=tester", "-c", "user.email=tester@example.invalid"])
            .args(arguments)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "git {arguments:?}");
    }

    /// Runs `ekiden` here.
    pub(crate) fn ekiden(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments))
    }

    /// `ekiden` here, to be changed before it runs.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = ekiden(arguments);
        command.current_dir(self.path());
        command
    }
}

/// `ekiden` with nothing of this environment that could change what it says.
pub(crate) fn ekiden(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ekiden"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    for name in ["PATH", "HOME", "TMPDIR", "XDG_RUNTIME_DIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Fails with everything that was said when the exit code is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n-- stdout\n{}\n-- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails unless stdout has the text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "no {text:?} in\n-- stdout\n{}\n-- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails when stdout or stderr has the text.
    #[track_caller]
    pub(crate) fn never_says(self, text: &str) -> Self {
        assert!(!self.stdout.contains(text) && !self.stderr.contains(text), "{text:?} in {self:#?}");
        self
    }

    /// stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }

    /// stderr with what differs between runs and machines replaced.
    pub(crate) fn talk(&self, repository: &Repository) -> String {
        let real: PathBuf = repository.path().canonicalize().unwrap();
        self.stderr.replace(&*real.to_string_lossy(), "[REPO]").replace(&*repository.path().to_string_lossy(), "[REPO]")
    }
}

/// Runs it to its end.
pub(crate) fn run(mut command: Command) -> Ran {
    let Output { status, stdout, stderr } = command.output().unwrap();
    Ran {
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}
