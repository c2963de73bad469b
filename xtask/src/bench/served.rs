//! A server that is measured: started in a folder of its own, with a project, and what the machine says of its process.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use testkit::{Rest, TempRepository};

/// A start may read a million jobs.
const PATIENCE: Duration = Duration::from_secs(300);
/// The project of the benches.
pub(super) const PROJECT: &str = "bench/p";

/// A server's folder and the project's repository; removed when dropped.
pub(super) struct Plot {
    ekiden: PathBuf,
    repository: TempRepository,
}

/// A server that runs; killed when dropped.
pub(super) struct Served {
    child: Child,
    /// Asks it as its admin.
    pub(super) rest: Rest,
    /// From its start to its first answer.
    pub(super) started_in: Duration,
}

impl Plot {
    /// A place for a server, and a repository with these files.
    pub(super) fn new(ekiden: &Path, files: &[(&str, &str)]) -> Self {
        Self { ekiden: ekiden.to_owned(), repository: TempRepository::with(files) }
    }

    /// A folder beside the repository.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.repository.around().join(name)
    }

    /// The program, with a home of its own.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.ekiden);
        let home = self.folder("home");
        command.env("HOME", &home).env("XDG_STATE_HOME", &home).env("XDG_RUNTIME_DIR", &home).stdin(Stdio::null());
        command
    }

    /// Starts the server; its first start makes the project.
    pub(super) fn start(&self) -> Result<Served> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let data = self.folder("server");
        let is_first = !data.exists();
        std::fs::create_dir_all(self.folder("home"))?;
        let said = File::options().create(true).append(true).open(self.folder("server.log"))?;
        let mut command = self.command();
        command.args(["server", "--listen", &address, "--data"]).arg(&data).stdout(said.try_clone()?).stderr(said);
        let begin = Instant::now();
        let mut served = Served {
            child: command.spawn()?,
            rest: Rest { address, authorization: String::new() },
            started_in: Duration::ZERO,
        };
        while !served.rest.get("/readyz").is_ok_and(|answer| answer.status() == 200) {
            let fell = served.child.try_wait()?.is_some();
            ensure!(!fell && begin.elapsed() < PATIENCE, "the server did not get ready");
            std::thread::sleep(Duration::from_millis(2));
        }
        served.started_in = begin.elapsed();
        let token = std::fs::read_to_string(data.join("admin-token"))?;
        served.rest.authorization = format!("token {}", token.trim());
        if is_first {
            let (owner, name) = PROJECT.split_once('/').context("a project has an owner")?;
            let project = json!({"owner": owner, "name": name, "git": self.repository.path()});
            served.rest.call("POST", "/projects", Some(&project))?;
        }
        Ok(served)
    }
}

impl Served {
    /// A token that registers runners.
    pub(super) fn registration(&self) -> Result<String> {
        let made = self.rest.call("POST", "/admin/actions/runners/registration-token", None)?;
        Ok(made["token"].as_str().context("no token")?.to_owned())
    }

    /// Starts a workflow of the project by hand.
    pub(super) fn dispatch(&self, workflow: &str) -> Result<()> {
        dispatch(&self.rest, workflow)
    }

    /// What it holds of the machine's memory, in MB.
    pub(super) fn memory(&self) -> Result<f64> {
        memory(self.child.id())
    }

    /// So much time of processors it has used.
    pub(super) fn used(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        // A tick is a hundredth of a second.
        Duration::from_millis(10 * ticks)
    }

    /// Tells it to stop, and waits for its good end.
    pub(super) fn stop(mut self) -> Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the server did not stop well: {status}");
        Ok(())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a workflow of the project by hand.
pub(super) fn dispatch(rest: &Rest, workflow: &str) -> Result<()> {
    let order: Value = json!({"ref": "main", "inputs": {}});
    rest.ask("POST", &format!("/repos/{PROJECT}/actions/workflows/{workflow}/dispatches"), Some(&order))?;
    Ok(())
}

/// What a process holds of the machine's memory, in MB.
pub(super) fn memory(process: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the process is gone")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}
