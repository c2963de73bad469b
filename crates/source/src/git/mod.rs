//! Git as a process: without hooks, prompts, system or user configuration; one allowed protocol; bounded in time and size.
//!
//! Everything in this crate that needs git goes through [`Git`]. What is fetched is never run: no checkout happens outside a sandbox.

mod bare;
mod error;
mod process;

pub(crate) use bare::{format_like, has_format, make_bare, set_bare};
pub use error::{CancelFlag, GitError};
pub(crate) use process::size_below;

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

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

/// Certificates that other programs of the caller go by, in the variables that git reads: it knows no `SSL_CERT_FILE` and no `SSL_CERT_DIR`. What is said for git
/// itself counts more, and of several folders it takes none.
fn authorities(
    given: impl Fn(&str) -> Option<OsString>,
    is_settled: bool,
) -> impl Iterator<Item = (&'static str, OsString)> {
    let file = given("SSL_CERT_FILE").filter(|_| !is_settled && given("GIT_SSL_CAINFO").is_none());
    let folder = given("SSL_CERT_DIR").filter(|_| given("GIT_SSL_CAPATH").is_none());
    let folder = folder.filter(|folder| !folder.as_encoded_bytes().contains(&b':'));
    let both = [("GIT_SSL_CAINFO", file), ("GIT_SSL_CAPATH", folder)];
    both.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)))
}

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

    /// The command for a caller who runs it by other means; all its pipes are to be read or closed.
    pub(crate) fn into_command(self) -> Command {
        self.command()
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.env_clear();
        let ssh = self.protocol.as_deref() == Some("ssh");
        // Git heeds the variable before the setting.
        let is_settled =
            |name: &&&str| **name == "GIT_SSL_CAINFO" && self.settings.iter().any(|(key, _)| key == "http.sslCAInfo");
        for name in PASSED.iter().filter(|name| !is_settled(name)).chain(PASSED_TO_SSH.iter().filter(|_| ssh)) {
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
            .env("GIT_CONFIG_COUNT", self.settings.len().to_string())
            .envs(authorities(|name| std::env::var_os(name), is_settled(&&"GIT_SSL_CAINFO")));
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
}

#[cfg(test)]
mod tests {
    use super::authorities;
    use std::ffi::OsString;

    #[test]
    fn git_goes_by_the_certificates_of_other_programs() {
        let with = |given: &[(&str, &str)], is_settled| {
            let of = |name: &str| Some(OsString::from(given.iter().find(|(given, _)| *given == name)?.1));
            authorities(of, is_settled).collect::<Vec<_>>()
        };
        let file = ("GIT_SSL_CAINFO", OsString::from("/ca.pem"));
        let folder = ("GIT_SSL_CAPATH", OsString::from("/certs"));
        let both = [("SSL_CERT_FILE", "/ca.pem"), ("SSL_CERT_DIR", "/certs")];
        assert_eq!(with(&both, false), [file, folder.clone()]);
        let own = [both[0], both[1], ("GIT_SSL_CAINFO", "/own.pem")];
        for left in [with(&both, true), with(&own, false)] {
            assert_eq!(left.as_slice(), std::slice::from_ref(&folder), "what is said for git is the better one");
        }
        assert_eq!(with(&[("SSL_CERT_DIR", "/a:/b"), ("SSL_CERT_FILE", "")], false), []);
        assert_eq!(with(&[], false), []);
    }
}
