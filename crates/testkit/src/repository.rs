//! Temporary git repositories with a fixed identity and fixed dates: equal content gives equal commit ids.

use crate::scrubbed;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A repository with a working tree in a temporary folder, on the branch `main`. A failing git command panics with what it said.
#[derive(Debug)]
pub struct TempRepository {
    folder: TempDir,
    path: PathBuf,
}

impl TempRepository {
    /// An empty repository.
    #[must_use]
    pub fn empty() -> Self {
        Self::named("repository")
    }

    /// An empty repository whose folder has this name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let folder = unwrap(TempDir::with_prefix("ekiden-test-"), "temporary folder");
        let path = unwrap(folder.path().canonicalize(), "temporary folder").join(name);
        unwrap(std::fs::create_dir(&path), "folder");
        let repository = Self { folder, path };
        repository.git(["init", "-q", "-b", "main"]);
        repository
    }

    /// A repository with one commit of these files.
    #[must_use]
    pub fn with(files: &[(&str, &str)]) -> Self {
        let repository = Self::empty();
        repository.commit("first", files);
        repository
    }

    /// The same with ids of SHA-256.
    #[must_use]
    pub fn sha256(files: &[(&str, &str)]) -> Self {
        let repository = Self::empty();
        unwrap(std::fs::remove_dir_all(repository.path.join(".git")), "folder");
        repository.git(["init", "-q", "-b", "main", "--object-format=sha256"]);
        repository.commit("first", files);
        repository
    }

    /// The top of the working tree.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The temporary folder around it, for worktrees, mirrors and stores; removed with this value.
    #[must_use]
    pub fn around(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the working tree.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path.join(path);
        unwrap(std::fs::create_dir_all(path.parent().unwrap_or(&self.path)), "folder");
        unwrap(std::fs::write(&path, content), "file");
    }

    /// Writes files, commits everything, gives the commit's id.
    pub fn commit(&self, message: &str, files: &[(&str, &str)]) -> String {
        for (path, content) in files {
            self.write(path, content);
        }
        self.git(["add", "-A"]);
        self.git(["commit", "-q", "--allow-empty", "-m", message]);
        self.git(["rev-parse", "HEAD"])
    }

    /// Makes a bare copy at `around()/<path>` and gives its `file://` URL.
    #[must_use]
    pub fn mirror(&self, path: &str) -> String {
        let target = self.around().join(path);
        unwrap(std::fs::create_dir_all(target.parent().unwrap_or(&self.path)), "folder");
        self.git(["clone", "-q", "--mirror", ".", &target.to_string_lossy()]);
        format!("file://{}", target.display())
    }

    /// Runs git at the top and gives its output without the last line break.
    pub fn git<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> String {
        git(&self.path, self.folder.path(), arguments)
    }
}

/// Runs git in a folder with the fixed identity.
fn git<'a>(at: &Path, home: &Path, arguments: impl IntoIterator<Item = &'a str>) -> String {
    let arguments: Vec<&str> = arguments.into_iter().collect();
    let output = scrubbed("git", home)
        .args(["-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false"])
        .args(&arguments)
        .current_dir(at)
        .envs([
            ("GIT_AUTHOR_NAME", "An Author"),
            ("GIT_AUTHOR_EMAIL", "author@example.com"),
            ("GIT_AUTHOR_DATE", "1700000000 +0100"),
        ])
        .envs([
            ("GIT_COMMITTER_NAME", "A Committer"),
            ("GIT_COMMITTER_EMAIL", "committer@example.com"),
            ("GIT_COMMITTER_DATE", "1700000100 +0100"),
        ])
        .output();
    let output = unwrap(output, "git");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()
}

#[expect(clippy::panic, reason = "a helper for tests: a broken test machine ends the test")]
pub(crate) fn unwrap<T, E: std::fmt::Display>(result: Result<T, E>, what: &str) -> T {
    result.unwrap_or_else(|error| panic!("{what}: {error}"))
}
