//! The order of a log. Forges show a step the rows that lie between two numbers, so what a step says has to lie together even where steps run
//! beside each other. Pure but for the files of what is held; called by `reporter`.
//!
//! The step in the foreground is heard at once. Of the parts of a `parallel`, the first that began is heard, then the next, each from its
//! beginning. What a background step says is held until it ended and no other step is being heard. What the job says while a background
//! step is held (the wait for it, before the post steps) comes after it.

use super::board::Owner;
use super::rows::Chunk;
use super::spool::Spool;
use domain::StepRef;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is held in memory for one step; more goes to a file.
const IN_MEMORY: usize = 128 * 1024;
/// Read back at once.
const READ: usize = 256 * 1024;

/// Whether a step is in the foreground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    Fore,
    Back,
}

/// Puts the rows of steps in order.
#[derive(Debug)]
pub(super) struct Lanes {
    folder: PathBuf,
    /// The most bytes on disk for one step.
    most: u64,
    /// The step that is heard.
    heard: Option<StepRef>,
    lanes: BTreeMap<StepRef, Lane>,
    /// What the job says while background steps are held.
    job: Held,
}

#[derive(Debug)]
struct Lane {
    owner: Owner,
    ground: Ground,
    life: Life,
    held: Held,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Runs,
    Ended,
}

/// Rows that wait for their turn.
#[derive(Debug)]
struct Held {
    chunks: Vec<Chunk>,
    bytes: usize,
    rest: Spool,
    /// The most bytes of `rest`.
    most: u64,
    /// Rows for which there was no room.
    lost: u64,
}

/// Rows whose turn it is.
pub(super) enum Turn {
    Rows(Owner, Chunk),
    /// So many are missing.
    Missing(u64),
}

impl Lanes {
    /// `folder`: where files of held rows go, each of so many bytes at most.
    pub(super) fn new(folder: PathBuf, most: u64) -> Self {
        let job = Held::new(folder.join("held-job"), most);
        Self { folder, most, heard: None, lanes: BTreeMap::new(), job }
    }

    /// A step of the file begins.
    pub(super) fn begins(&mut self, step: StepRef, owner: Owner, ground: Ground) {
        if ground == Ground::Fore && self.heard.is_none() {
            self.heard = Some(step);
            return;
        }
        let held = Held::new(self.folder.join(format!("held-{}", step.0)), self.most);
        self.lanes.entry(step).or_insert(Lane { owner, ground, life: Life::Runs, held });
    }

    /// A step says something; `turn` gets it when it may be heard now.
    pub(super) fn says(&mut self, step: StepRef, owner: Owner, chunk: Chunk, turn: &mut impl FnMut(Turn)) {
        if self.heard == Some(step) {
            turn(Turn::Rows(owner, chunk));
        } else if let Some(lane) = self.lanes.get_mut(&step) {
            lane.held.push(chunk);
        } else if owner == Owner::Job && self.lanes.values().any(|lane| lane.ground == Ground::Back) {
            self.job.push(chunk);
        } else {
            turn(Turn::Rows(owner, chunk));
        }
    }

    /// A step ended; `turn` gets what may be heard now.
    pub(super) fn ends(&mut self, step: StepRef, turn: &mut impl FnMut(Turn)) {
        if self.heard == Some(step) {
            self.heard = None;
        } else if let Some(lane) = self.lanes.get_mut(&step) {
            lane.life = Life::Ended;
        }
        self.settle(turn);
    }

    /// Nothing more will be said: everything is heard.
    pub(super) fn close(&mut self, turn: &mut impl FnMut(Turn)) {
        self.heard = None;
        for lane in self.lanes.values_mut() {
            lane.life = Life::Ended;
        }
        self.settle(turn);
    }

    /// Lets those be heard whose turn it is.
    fn settle(&mut self, turn: &mut impl FnMut(Turn)) {
        while self.heard.is_none() {
            let foremost = self.lanes.iter().find(|(_, lane)| lane.ground == Ground::Fore).map(|(step, _)| *step);
            let ended = || self.lanes.iter().find(|(_, lane)| lane.life == Life::Ended).map(|(step, _)| *step);
            let Some(step) = foremost.or_else(ended) else { break };
            let Some(mut lane) = self.lanes.remove(&step) else { break };
            lane.held.release(lane.owner, turn);
            if lane.life == Life::Runs {
                self.heard = Some(step);
            }
        }
        if !self.lanes.values().any(|lane| lane.ground == Ground::Back) {
            self.job.release(Owner::Job, turn);
        }
    }
}

impl Held {
    fn new(path: PathBuf, most: u64) -> Self {
        Self { chunks: Vec::new(), bytes: 0, rest: Spool::new(path), most, lost: 0 }
    }

    fn push(&mut self, chunk: Chunk) {
        if self.bytes < IN_MEMORY {
            self.bytes += chunk.text().len();
            self.chunks.push(chunk);
        } else if self.rest.size() > self.most || self.rest.push(0, &chunk).is_err() {
            self.lost += chunk.rows();
        }
    }

    fn release(&mut self, owner: Owner, turn: &mut impl FnMut(Turn)) {
        self.bytes = 0;
        for chunk in self.chunks.drain(..) {
            turn(Turn::Rows(owner, chunk));
        }
        while !self.rest.is_empty() {
            match self.rest.take(READ) {
                Ok(chunks) => chunks.into_iter().for_each(|chunk| turn(Turn::Rows(owner, chunk))),
                Err(_) => {
                    self.rest.clear();
                    self.lost += 1;
                }
            }
        }
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            turn(Turn::Missing(lost));
        }
    }
}

#[cfg(test)]
mod tests;
