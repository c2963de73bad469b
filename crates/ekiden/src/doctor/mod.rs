//! The checks of `ekiden doctor`: each a fact about this machine, whether it is enough, and the command that fixes it. All but
//! `live`, which makes a sandbox and throws it away, only read; `commands::doctor` prints them.

pub(crate) mod agent;
mod kernel;
mod live;
mod tools;

pub(crate) use live::live;

use serde::Serialize;

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// What is checked.
    pub(crate) name: String,
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// The fact observed.
    pub(crate) fact: String,
    /// What it is good for, said when it lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) without: Option<String>,
    /// The command that fixes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
}

/// Whether a fact is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// It is.
    Ok,
    /// Jobs run, but something is weaker or absent.
    Warning,
    /// Jobs cannot run isolated.
    Failure,
}

impl Check {
    fn ok(name: impl Into<String>, fact: impl Into<String>) -> Self {
        Self { name: name.into(), verdict: Verdict::Ok, fact: fact.into(), without: None, fix: None }
    }

    fn lack(name: impl Into<String>, verdict: Verdict, fact: impl Into<String>) -> Self {
        Self { name: name.into(), verdict, fact: fact.into(), without: None, fix: None }
    }

    fn without(mut self, without: impl Into<String>) -> Self {
        self.without = Some(without.into());
        self
    }

    fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// What the checks look at, so that tests can show them another machine.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// `/` outside tests.
    root: std::path::PathBuf,
    /// The effective user.
    uid: u32,
    /// The user's name.
    user: String,
    /// Where programs are looked up.
    path: Vec<std::path::PathBuf>,
}

impl Machine {
    /// This one.
    pub(crate) fn this() -> Self {
        let path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
        let mut machine = Self { root: "/".into(), uid: u32::MAX, user: String::new(), path };
        let status = machine.read("proc/self/status");
        let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(1)?.parse().ok());
        machine.uid = uid.unwrap_or(u32::MAX);
        let passwd = machine.read("etc/passwd");
        let named = passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(machine.uid)).then(|| name.to_owned())
        });
        machine.user = named.unwrap_or_else(|| machine.uid.to_string());
        machine
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root.join(path)).unwrap_or_default().trim().to_owned()
    }

    fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    const fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// Where a program is.
    fn program(&self, name: &str) -> Option<std::path::PathBuf> {
        let sbin = ["usr/sbin", "sbin"].map(|dir| self.root.join(dir));
        self.path.iter().cloned().chain(sbin).map(|dir| dir.join(name)).find(|path| path.is_file())
    }
}

/// Every check of a machine.
pub(crate) fn checks(machine: &Machine) -> Vec<Check> {
    [
        kernel::version(machine),
        kernel::user_namespaces(machine),
        kernel::overlay(machine),
        kernel::seccomp(machine),
        kernel::landlock(machine),
        kernel::control_groups(machine),
        kernel::firewall(machine),
        kernel::loop_images(machine),
        tools::id_range(machine),
        tools::git(machine),
        tools::bash(machine),
        tools::node(machine),
    ]
    .into_iter()
    .collect()
}
