//! One server: started, killed, stopped.

use super::super::agent::Agent;
use super::clock::MovedClock;
use anyhow::{Result, ensure};
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use testkit::Rest;

/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// How a server is started.
#[derive(Debug, Clone)]
pub(super) struct Replica {
    pub(super) ekiden: PathBuf,
    /// Its folder, which all servers of a database share.
    pub(super) data: PathBuf,
    /// Where it says what it does.
    pub(super) said: PathBuf,
    pub(super) address: SocketAddr,
    /// What people and runners reach.
    pub(super) url: String,
    pub(super) database: Option<String>,
    /// The clock that it goes by, where it is not the machine's.
    pub(super) clock: Option<MovedClock>,
}

/// A server that runs.
#[derive(Debug)]
pub(super) struct Server(Child);

/// An address of loopback that is free now.
pub(super) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

impl Replica {
    /// Starts it; it may not answer yet.
    pub(super) fn start(&self) -> Result<Server> {
        let said = File::options().create(true).append(true).open(&self.said)?;
        let home = self.said.with_extension("home");
        std::fs::create_dir_all(&home)?;
        let mut command = Command::new(&self.ekiden);
        command.args(["server", "--listen", &self.address.to_string(), "--url", &self.url, "--data"]).arg(&self.data);
        command.args(self.database.iter().flat_map(|database| ["--database", database.as_str()]));
        command.env("HOME", &home).env("XDG_STATE_HOME", &home).env("XDG_RUNTIME_DIR", &home);
        if let Some(clock) = &self.clock {
            clock.give(&mut command);
        }
        let child = command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said).spawn()?;
        Ok(Server(child))
    }

    /// Waits until it says that it is ready; one that ended meanwhile is started again, as a service manager does: a server does not start without its database.
    pub(super) fn ready(&self, server: &mut Server) -> Result<()> {
        let rest = Rest { address: self.address.to_string(), authorization: String::new() };
        let end = Instant::now() + PATIENCE;
        while !rest.get("/readyz").is_ok_and(|answer| answer.status() == 200) {
            ensure!(Instant::now() < end, "the server does not get ready; see {}", self.said.display());
            std::thread::sleep(Duration::from_millis(5));
            if server.fell()?.is_some() {
                std::thread::sleep(Duration::from_millis(500));
                *server = self.start()?;
            }
        }
        Ok(())
    }
}

impl Server {
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn kill(&mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }

    /// How it ended, when it has by itself.
    pub(super) fn fell(&mut self) -> Result<Option<String>> {
        Ok(self.0.try_wait()?.map(|status| status.to_string()))
    }

    /// Tells it to stop, and waits for its good end.
    pub(super) fn stop(&mut self) -> Result<()> {
        let told = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
        ensure!(told.success(), "the server is gone by itself");
        let status = self.0.wait()?;
        ensure!(status.success(), "the server did not stop well: {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The processes of agents.
pub(super) fn ids<'a>(agents: impl Iterator<Item = &'a Agent>) -> Vec<u32> {
    agents.map(Agent::id).collect()
}
