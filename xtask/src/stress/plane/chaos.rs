//! Who is killed when. Started by `run`; two threads, so that servers and agents may be away at the same time.

use super::plant::Plant;
use super::random::Random;
use anyhow::Result;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// So many of each were killed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kills {
    pub(super) servers: usize,
    pub(super) agents: usize,
    /// Processes of jobs, and those that waited to be one.
    pub(super) jobs: usize,
    pub(super) fork_servers: usize,
}

impl Kills {
    /// Of whom none was killed so far.
    pub(super) fn none_of(&self) -> impl Iterator<Item = &'static str> + use<> {
        let all = [
            ("server", self.servers),
            ("agent", self.agents),
            ("process of a job", self.jobs),
            ("fork server", self.fork_servers),
        ];
        all.into_iter().filter(|(_, kills)| *kills == 0).map(|(who, _)| who)
    }
}

/// What the threads share.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    kills: Mutex<Kills>,
}

impl Shared {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn note(&self, change: impl FnOnce(&mut Kills)) {
        change(&mut self.kills.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn kills(&self) -> Kills {
        *self.kills.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Kills until it is told to stop; then everything runs again.
#[derive(Debug)]
pub(super) struct Chaos {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl Chaos {
    pub(super) fn start(plant: &Arc<Plant>, seed: u64) -> Self {
        let shared = Arc::<Shared>::default();
        let mut threads = Vec::new();
        for (work, salt) in [(servers as fn(&Plant, Random, &Shared) -> Result<()>, 11), (agents, 12)] {
            let (plant, shared) = (Arc::clone(plant), Arc::clone(&shared));
            threads.push(std::thread::spawn(move || work(&plant, Random::new(seed ^ (salt << 32)), &shared)));
        }
        Self { shared, threads }
    }

    /// What was killed so far.
    pub(super) fn kills(&self) -> Kills {
        self.shared.kills()
    }

    pub(super) fn stop(self) -> Result<Kills> {
        self.shared.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().map_err(|_| anyhow::anyhow!("a thread that kills fell"))??;
        }
        Ok(self.shared.kills())
    }
}

/// One server at a time.
fn servers(plant: &Plant, mut random: Random, shared: &Shared) -> Result<()> {
    while !shared.is_over() {
        std::thread::sleep(random.millis(200, 3000));
        let server = random.index(plant.replicas());
        plant.kill_server(server)?;
        shared.note(|kills| kills.servers += 1);
        std::thread::sleep(random.millis(0, 800));
        plant.start_server(server)?;
    }
    Ok(())
}

/// Whom the second thread kills.
#[derive(Debug, Clone, Copy)]
enum Victim {
    Job,
    ForkServer,
    Agent,
}

impl Victim {
    const ALL: [Self; 3] = [Self::Job, Self::ForkServer, Self::Agent];

    /// By chance; first those of whom none was killed yet.
    fn draw(random: &mut Random, kills: &Kills) -> Self {
        let first = random.index(Self::ALL.len());
        let from_there = || (0..Self::ALL.len()).map(|more| Self::ALL[(first + more) % Self::ALL.len()]);
        from_there().find(|victim| victim.kills(kills) == 0).unwrap_or(Self::ALL[first])
    }

    const fn kills(self, kills: &Kills) -> usize {
        match self {
            Self::Job => kills.jobs,
            Self::ForkServer => kills.fork_servers,
            Self::Agent => kills.agents,
        }
    }
}

/// Agents, processes of jobs, and those from which they are forked.
fn agents(plant: &Plant, mut random: Random, shared: &Shared) -> Result<()> {
    while !shared.is_over() {
        std::thread::sleep(random.millis(100, 1500));
        let agent = random.index(plant.agents());
        match Victim::draw(&mut random, &shared.kills()) {
            Victim::Job => {
                let killed = plant.kill_job(agent)?;
                shared.note(|kills| kills.jobs += killed);
            }
            Victim::ForkServer => {
                let killed = usize::from(plant.kill_fork_server(agent)?);
                shared.note(|kills| kills.fork_servers += killed);
            }
            Victim::Agent => {
                plant.kill_agent(agent)?;
                shared.note(|kills| kills.agents += 1);
                std::thread::sleep(random.millis(0, 500));
                plant.start_agent(agent)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Kills, Random, Victim};

    #[test]
    fn who_was_never_killed_comes_first() {
        let mut random = Random::new(3);
        for _ in 0..20 {
            let kills = Kills { servers: 1, agents: 4, jobs: 2, fork_servers: 0 };
            assert!(matches!(Victim::draw(&mut random, &kills), Victim::ForkServer));
        }
        let kills = Kills { servers: 0, agents: 1, jobs: 1, fork_servers: 1 };
        let drawn: Vec<_> = (0..60).map(|_| Victim::draw(&mut random, &kills) as usize).collect();
        assert!((0..3).all(|victim| drawn.contains(&victim)), "later it is chance");
    }
}
