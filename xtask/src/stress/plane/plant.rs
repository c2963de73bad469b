//! All that can be killed, started again, and asked. Shared by `chaos`, which kills, and `run`.

use super::super::agent::{Agent, Program};
use super::super::witness::Witness;
use super::clock::MovedClock;
use super::replica::{Replica, Server, free_address, ids};
use super::wanted::{Database, Fault, Wanted};
use super::{balancer, load};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use testkit::{Postgres, Rest, TempRepository};

/// Jobs at once of an agent.
pub(super) const CAPACITY: usize = 4;

/// The servers, the agents, and what they work on.
#[derive(Debug)]
pub(super) struct Plant {
    replicas: Vec<(Replica, Mutex<Option<Server>>)>,
    agents: Vec<(Program, Mutex<Option<Agent>>)>,
    pub(super) rest: Rest,
    pub(super) repository: TempRepository,
    pub(super) postgres: Option<Arc<Postgres>>,
    /// The servers' clock, where it is to be moved.
    pub(super) clock: Option<MovedClock>,
    /// The servers' folder.
    pub(super) data: PathBuf,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Plant {
    /// Starts everything.
    pub(super) fn start(wanted: &Wanted, work: &Path, witness: &Witness, repository: TempRepository) -> Result<Self> {
        let data = work.join("data");
        let postgres = match wanted.database {
            Database::Sqlite => None,
            Database::Postgres => Some(Postgres::shared()?.context("PostgreSQL is not installed here")?),
        };
        let database = postgres.as_ref().map(|postgres| postgres.database()).transpose()?;
        let clock = (wanted.fault == Fault::Clock).then(|| MovedClock::new(work)).transpose()?;
        let addresses = (0..wanted.replicas).map(|_| free_address()).collect::<Result<Vec<_>>>()?;
        let address = balancer::start(addresses.clone())?.to_string();
        let url = format!("http://{address}");
        let mut replicas = Vec::new();
        for (number, own) in addresses.into_iter().enumerate() {
            let replica = Replica {
                ekiden: wanted.ekiden.clone(),
                data: data.clone(),
                said: work.join(format!("server-{number}.log")),
                address: own,
                url: url.clone(),
                database: database.clone(),
                clock: clock.clone(),
            };
            // The first one makes keys and the first token.
            let mut server = replica.start()?;
            replica.ready(&mut server)?;
            replicas.push((replica, Mutex::new(Some(server))));
        }
        let token = std::fs::read_to_string(data.join("admin-token"))?.trim().to_owned();
        let added = Command::new(&wanted.ekiden)
            .args(["project", "add", load::PROJECT, "--git"])
            .arg(repository.path())
            .env("EKIDEN_URL", &url)
            .env("EKIDEN_TOKEN", &token)
            .output()?;
        ensure!(added.status.success(), "the project cannot be added: {}", String::from_utf8_lossy(&added.stderr));
        let rest = Rest { address, authorization: format!("token {token}") };
        let registration = rest.call("POST", "/admin/actions/runners/registration-token", None)?;
        let registration = registration["token"].as_str().unwrap_or_default();
        let mut agents = Vec::new();
        for number in 0..wanted.agents {
            let data = work.join(format!("agent-{number}"));
            let program = Program { ekiden: wanted.ekiden.clone(), data, witness: witness.port, capacity: CAPACITY };
            program.register(&url, registration, &format!("stress-{number}"), &wanted.label)?;
            let agent = program.start()?;
            agents.push((program, Mutex::new(Some(agent))));
        }
        Ok(Self { replicas, agents, rest, repository, postgres, clock, data })
    }

    pub(super) fn replicas(&self) -> usize {
        self.replicas.len()
    }

    pub(super) fn agents(&self) -> usize {
        self.agents.len()
    }

    /// Folders of the agents.
    pub(super) fn agent_folders(&self) -> Vec<&Path> {
        self.agents.iter().map(|(program, _)| program.data.as_path()).collect()
    }

    pub(super) fn kill_server(&self, number: usize) -> Result<()> {
        match lock(&self.replicas[number].1).take() {
            Some(mut server) => {
                if let Some(how) = server.fell()? {
                    anyhow::bail!(
                        "server {number} fell by itself: {how}; see {}",
                        self.replicas[number].0.said.display()
                    );
                }
                server.kill()
            }
            None => Ok(()),
        }
    }

    /// Starts one that was killed and waits until it is ready.
    pub(super) fn start_server(&self, number: usize) -> Result<()> {
        let (replica, place) = &self.replicas[number];
        let mut server = replica.start()?;
        let ready = replica.ready(&mut server);
        *lock(place) = Some(server);
        ready
    }

    pub(super) fn kill_agent(&self, number: usize) -> Result<()> {
        match lock(&self.agents[number].1).take() {
            Some(mut agent) => {
                ensure!(!agent.is_gone()?, "agent {number} ended by itself; see its stress.log");
                agent.kill()
            }
            None => Ok(()),
        }
    }

    pub(super) fn start_agent(&self, number: usize) -> Result<()> {
        let (program, place) = &self.agents[number];
        *lock(place) = Some(program.start()?);
        Ok(())
    }

    /// Kills the newest processes of an agent's jobs; how many.
    pub(super) fn kill_job(&self, number: usize) -> Result<usize> {
        match &*lock(&self.agents[number].1) {
            Some(agent) => agent.kill_a_job(),
            None => Ok(0),
        }
    }

    /// Kills the fork server of an agent; false where it has none.
    pub(super) fn kill_fork_server(&self, number: usize) -> Result<bool> {
        match &*lock(&self.agents[number].1) {
            Some(agent) => agent.kill_fork_server(),
            None => Ok(false),
        }
    }

    /// The processes of all servers.
    pub(super) fn server_ids(&self) -> Vec<u32> {
        self.replicas.iter().filter_map(|(_, server)| lock(server).as_ref().map(Server::id)).collect()
    }

    /// The processes of all agents.
    pub(super) fn agent_ids(&self) -> Vec<u32> {
        let agents: Vec<_> = self.agents.iter().map(|(_, agent)| lock(agent)).collect();
        ids(agents.iter().filter_map(|agent| agent.as_ref()))
    }

    /// Lets the agents end by themselves.
    pub(super) fn drain(&self) -> Result<()> {
        for (program, place) in &self.agents {
            if let Some(mut agent) = lock(place).take() {
                agent.drain()?;
                agent.end().with_context(|| format!("see {}", program.data.join("stress.log").display()))?;
            }
        }
        Ok(())
    }

    /// Stops the servers as a person does.
    pub(super) fn stop(&self) -> Result<()> {
        for (replica, place) in &self.replicas {
            if let Some(mut server) = lock(place).take() {
                server.stop().with_context(|| format!("see {}", replica.said.display()))?;
            }
        }
        Ok(())
    }
}
