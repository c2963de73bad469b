//! Runners as the queue counts them: those that are alike are one class. Used by the queue.

use crate::Labels;
use crate::spec::{Life, RunnerDoor, RunnerSpec};
use domain::RunnerId;
use domain::control::{PoolId, Scope};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What makes runners alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClassKey {
    pub(crate) scope: Scope,
    pub(crate) pool: Option<PoolId>,
    pub(crate) labels: Labels,
}

/// Runners that are alike, or the pool that makes such.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) key: ClassKey,
    /// The name of one of them, for hints.
    pub(crate) name: Arc<str>,
    /// The sets of labels that it has all of.
    pub(crate) shapes: BTreeSet<u32>,
    pub(crate) tally: Tally,
    /// Runners with room that ask for a job; who asked first is first.
    pub(crate) asking: BTreeSet<(u64, RunnerId)>,
    /// Runners and pools that need the class.
    pub(crate) users: u32,
}

/// How many runners of a class are what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Registered, and not used up.
    pub(crate) known: u32,
    /// Of them: neither draining nor disabled.
    pub(crate) open: u32,
    /// Of them: heard of.
    pub(crate) online: u32,
    /// Jobs that those online take at the same time.
    pub(crate) places: u32,
    /// Jobs that those online have.
    pub(crate) busy: u32,
}

impl Tally {
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            known: self.known + other.known,
            open: self.open + other.open,
            online: self.online + other.online,
            places: self.places + other.places,
            busy: self.busy + other.busy,
        }
    }

    pub(crate) const fn minus(self, other: Self) -> Self {
        Self {
            known: self.known.saturating_sub(other.known),
            open: self.open.saturating_sub(other.open),
            online: self.online.saturating_sub(other.online),
            places: self.places.saturating_sub(other.places),
            busy: self.busy.saturating_sub(other.busy),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) spec: RunnerSpec,
    pub(crate) class: usize,
    pub(crate) running: u32,
    /// So many jobs it asks for.
    pub(crate) asks: u32,
    pub(crate) only_job: OnlyJob,
    /// What it adds to its class.
    pub(crate) counted: Tally,
    /// Its place among those that ask.
    pub(crate) asked: Option<u64>,
}

/// Whether a runner for one job had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnlyJob {
    ToCome,
    Given,
}

impl Runner {
    /// So many jobs it takes at the same time.
    fn capacity(&self) -> u32 {
        match (self.spec.life, self.only_job) {
            (Life::Lasting, _) => self.spec.capacity,
            (Life::Ephemeral, OnlyJob::ToCome) => 1,
            (Life::Ephemeral, OnlyJob::Given) => self.running,
        }
    }

    /// So many jobs it could get now.
    pub(crate) fn room(&self) -> u32 {
        match self.spec.door {
            RunnerDoor::Open => self.asks.min(self.capacity().saturating_sub(self.running)),
            RunnerDoor::Offline | RunnerDoor::Draining | RunnerDoor::Disabled => 0,
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        let capacity = self.capacity();
        if capacity == 0 && self.spec.life == Life::Ephemeral {
            return Tally::default();
        }
        let known = Tally { known: 1, ..Tally::default() };
        match self.spec.door {
            RunnerDoor::Draining | RunnerDoor::Disabled => known,
            RunnerDoor::Offline => Tally { open: 1, ..known },
            RunnerDoor::Open => {
                Tally { known: 1, open: 1, online: 1, places: capacity, busy: self.running.min(capacity) }
            }
        }
    }
}
