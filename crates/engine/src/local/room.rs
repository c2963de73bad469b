//! What the runs of one `exec` share on this machine: turns, sandboxes, what was found in their root, concurrency groups.

use super::groups::{Groups, Member};
use crate::job::Programs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// How many jobs are made ready while others hold the machine.
const AHEAD: usize = 2;

/// The room that jobs have on this machine. Cheap to clone; give all runs that go on at the same time the same one.
#[derive(Debug, Clone)]
pub struct Room(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    turns: Arc<Semaphore>,
    /// Bounds the sandboxes that exist.
    sandboxes: Semaphore,
    programs: Arc<Programs>,
    /// Concurrency groups are those of the repository, not of a run.
    groups: Mutex<Groups<Member, ()>>,
    runs: AtomicU32,
}

impl Room {
    /// Room for so many jobs beside each other; at least 1.
    #[must_use]
    pub fn new(jobs: usize) -> Self {
        let jobs = jobs.clamp(1, Semaphore::MAX_PERMITS - AHEAD);
        Self(Arc::new(Inner {
            turns: Arc::new(Semaphore::new(jobs)),
            sandboxes: Semaphore::new(jobs + AHEAD),
            programs: Arc::default(),
            groups: Mutex::new(Groups::new()),
            runs: AtomicU32::new(0),
        }))
    }

    pub(super) fn turns(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.turns)
    }

    pub(super) fn sandboxes(&self) -> &Semaphore {
        &self.0.sandboxes
    }

    pub(super) fn programs(&self) -> Arc<Programs> {
        Arc::clone(&self.0.programs)
    }

    /// Held for a moment only.
    pub(super) fn groups(&self) -> MutexGuard<'_, Groups<Member, ()>> {
        // Nothing in it is left half done by a panic.
        self.0.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a run: jobs of different runs may have the same id.
    pub(super) fn number(&self) -> u32 {
        self.0.runs.fetch_add(1, Ordering::Relaxed)
    }
}
