//! What the queue knows. Used by all of its parts.

use crate::Labels;
use crate::class::{Class, ClassKey, Runner};
use crate::groups::{Cancellation, Groups};
use crate::line::Line;
use crate::shelf::{Door, Shelf, Turn};
use crate::spec::{Claim, Credential, Durations, ForgeLine, Hold, OwnerSpec, PoolSpec, ProjectSpec, Settings};
use domain::RunnerId;
use domain::control::{JobNumber, OwnerId, PoolId, ProjectId, Scope};
use slab::Slab;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The index of jobs that wait and of runners that ask. See the crate's description.
#[derive(Debug, Default)]
pub struct Queue {
    pub(super) settings: Settings,
    pub(super) projects: BTreeMap<ProjectId, Project>,
    pub(super) owners: BTreeMap<OwnerId, Owner>,
    pub(super) pools: BTreeMap<PoolId, Pool>,
    pub(super) runners: BTreeMap<RunnerId, Runner>,
    /// How many jobs each runner has, also one that is gone or has not come.
    pub(super) busy: BTreeMap<RunnerId, u32>,
    /// How many jobs run in each pool, also in one that is gone or has not come.
    pub(super) busy_pools: BTreeMap<PoolId, u32>,
    pub(super) classes: Slab<Class>,
    pub(super) class_ids: BTreeMap<ClassKey, usize>,
    /// Classes by each of their labels.
    pub(super) classes_with: BTreeMap<Arc<str>, BTreeSet<usize>>,
    pub(super) shapes: Slab<Shape>,
    pub(super) shape_ids: BTreeMap<Labels, u32>,
    /// Sets of labels by their first; the empty one by `None`.
    pub(super) shapes_from: BTreeMap<Option<Arc<str>>, BTreeSet<u32>>,
    pub(super) lanes: Slab<Lane>,
    pub(super) jobs: Slab<Job>,
    pub(super) seats: BTreeMap<JobNumber, u32>,
    /// Seats of jobs that wait for something before a line.
    pub(super) aside: BTreeSet<u32>,
    pub(super) groups: Groups,
    /// Classes with runners that ask, by what they serve; those with few labels first, so that the versatile stay free.
    pub(super) asking: BTreeMap<(u32, Scope), BTreeSet<(usize, usize)>>,
    /// Lines that may find a runner since the last assignments.
    pub(super) new_lanes: BTreeSet<u32>,
    /// Classes that may find a job since the last assignments, by their number of labels.
    pub(super) new_classes: BTreeSet<(usize, usize)>,
    pub(super) cancellations: Vec<Cancellation>,
    /// Assignments so far.
    pub(super) given: u64,
    /// Jobs so far.
    pub(super) came: u64,
    /// Runners' questions so far.
    pub(super) asked: u64,
    pub(super) durations: BTreeMap<Option<PoolId>, Durations>,
}

#[derive(Debug)]
pub(super) struct Project {
    pub(super) spec: ProjectSpec,
    pub(super) running: u32,
    pub(super) lanes: BTreeMap<(u32, i16), u32>,
}

impl Project {
    /// What it runs, by its weight; the scale keeps weights up to thousands apart.
    pub(super) fn share(&self) -> u64 {
        (u64::from(self.running) << 20) / u64::from(self.spec.weight.get())
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.spec.forge != ForgeLine::Fine || self.spec.credential != Credential::Valid
    }
}

#[derive(Debug, Default)]
pub(super) struct Owner {
    pub(super) spec: Option<OwnerSpec>,
    pub(super) running: u32,
    pub(super) lanes: BTreeSet<u32>,
}

impl Owner {
    pub(super) fn door(&self) -> Door {
        let max = self.spec.as_ref().and_then(|spec| spec.max_running);
        if max.is_some_and(|max| self.running >= max) { Door::Shut } else { Door::Open }
    }
}

#[derive(Debug)]
pub(super) struct Pool {
    pub(super) spec: PoolSpec,
    pub(super) classes: BTreeSet<usize>,
    /// The class of the runners that it makes.
    pub(super) own_class: Option<usize>,
}

/// A set of labels that jobs ask for.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) labels: Labels,
    pub(super) shelf: Shelf,
    pub(super) classes: BTreeSet<usize>,
    /// Jobs that name it, whatever their state.
    pub(super) users: u32,
    /// Jobs in lines and lines, by priority.
    pub(super) counts: BTreeMap<i16, Count>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) jobs: u64,
    pub(super) lanes: u64,
}

/// Jobs that differ in nothing but their age.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) project: ProjectId,
    pub(super) owner: OwnerId,
    pub(super) shape: u32,
    pub(super) priority: i16,
    pub(super) line: Line,
    /// The count of assignments when the first became the first.
    pub(super) since: u64,
    /// How it stands on its shelf.
    pub(super) turn: Option<Turn>,
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) number: JobNumber,
    pub(super) came: u64,
    pub(super) project: ProjectId,
    pub(super) shape: u32,
    pub(super) priority: i16,
    pub(super) place: Place,
    pub(super) claims: Option<Box<[Claim]>>,
}

/// Where a job is.
#[derive(Debug)]
pub(super) enum Place {
    /// Nowhere yet.
    Nowhere,
    /// Kept back from outside.
    Held(Hold),
    /// Behind the member of this claim, which waits for its group.
    Grouped(u32),
    /// The member of this claim gave way: it is to be cancelled.
    Lost(u32),
    /// In this lane's line.
    Lined(u32),
    /// With a runner.
    Running(Box<Running>),
}

#[derive(Debug)]
pub(super) struct Running {
    pub(super) runner: RunnerId,
    pub(super) pool: Option<PoolId>,
}

/// A slab's key as it is kept: four bytes are enough for four thousand million.
pub(super) fn short(key: usize) -> u32 {
    u32::try_from(key).unwrap_or(u32::MAX)
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// How many jobs it knows: those that wait and those that run.
    #[must_use]
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Jobs in lines: those that wait for a runner and for nothing before it.
    #[must_use]
    pub fn in_line(&self) -> u64 {
        self.shapes.iter().flat_map(|(_, shape)| shape.counts.values()).map(|count| count.jobs).sum()
    }
}
