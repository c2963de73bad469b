//! Who is killed when. Started by `run`; two threads, so that servers and agents may be away at the same time.

use super::plant::Plant;
use super::random::Random;
use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// So many of each were killed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kills {
    pub(super) servers: usize,
    pub(super) agents: usize,
    pub(super) jobs: usize,
    pub(super) fork_servers: usize,
}

/// Kills until it is told to stop; then everything runs again.
#[derive(Debug)]
pub(super) struct Chaos {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<Kills>>>,
}

impl Chaos {
    pub(super) fn start(plant: &Arc<Plant>, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for (work, salt) in [(servers as fn(&Plant, Random, &AtomicBool) -> Result<Kills>, 11), (agents, 12)] {
            let (plant, stop) = (Arc::clone(plant), Arc::clone(&stop));
            threads.push(std::thread::spawn(move || work(&plant, Random::new(seed ^ (salt << 32)), &stop)));
        }
        Self { stop, threads }
    }

    pub(super) fn stop(self) -> Result<Kills> {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Kills::default();
        for thread in self.threads {
            let kills = thread.join().map_err(|_| anyhow::anyhow!("a thread that kills fell"))??;
            all.servers += kills.servers;
            all.agents += kills.agents;
            all.jobs += kills.jobs;
            all.fork_servers += kills.fork_servers;
        }
        Ok(all)
    }
}

/// One server at a time.
fn servers(plant: &Plant, mut random: Random, stop: &AtomicBool) -> Result<Kills> {
    let mut kills = Kills::default();
    while !stop.load(Ordering::SeqCst) {
        std::thread::sleep(random.millis(200, 3000));
        let server = random.index(plant.replicas());
        plant.kill_server(server)?;
        kills.servers += 1;
        std::thread::sleep(random.millis(0, 800));
        plant.start_server(server)?;
    }
    Ok(kills)
}

/// Agents, processes of jobs, and those from which they are forked.
fn agents(plant: &Plant, mut random: Random, stop: &AtomicBool) -> Result<Kills> {
    let mut kills = Kills::default();
    while !stop.load(Ordering::SeqCst) {
        std::thread::sleep(random.millis(100, 1500));
        let agent = random.index(plant.agents());
        match random.below(3) {
            0 => kills.jobs += usize::from(plant.kill_job(agent)?),
            1 => kills.fork_servers += usize::from(plant.kill_fork_server(agent)?),
            _ => {
                plant.kill_agent(agent)?;
                kills.agents += 1;
                std::thread::sleep(random.millis(0, 500));
                plant.start_agent(agent)?;
            }
        }
    }
    Ok(kills)
}
