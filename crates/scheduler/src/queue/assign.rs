//! The decisions: which job goes to which runner, and what is cancelled for its concurrency group. Used by whoever keeps a [`Queue`].
//!
//! Only what changed since the last decisions is looked at: runners that ask now, pools that have room again, lines that were empty or stopped before.

use super::state::Queue;
use crate::groups::Cancellation;
use crate::shelf::{Best, Door};
use domain::RunnerId;
use domain::control::{JobNumber, Scope};

/// A job goes to a runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Assignment {
    /// The job.
    pub job: JobNumber,
    /// The runner.
    pub runner: RunnerId,
}

/// What is to be made true. The queue counts it as done; what could not be done is told by [`Queue::requeue`], and by [`Queue::put_running`] or
/// [`Queue::drop_job`] behind it when another server was quicker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decisions {
    /// Jobs that go to runners, in this order.
    pub assignments: Vec<Assignment>,
    /// What is cancelled, in this order.
    pub cancellations: Vec<Cancellation>,
}

impl Queue {
    /// Assigns until no job that may be assigned waits while a runner that may take it asks.
    pub fn assign(&mut self) -> Decisions {
        let mut assignments = Vec::new();
        loop {
            if let Some((_, class)) = self.new_classes.pop_first() {
                while let Some(assignment) = self.next_for(class) {
                    assignments.push(assignment);
                }
            } else if let Some(lane) = self.new_lanes.pop_first() {
                while let Some(assignment) = self.taker(lane).and_then(|class| self.next_for(class)) {
                    assignments.push(assignment);
                }
            } else {
                break;
            }
        }
        Decisions { assignments, cancellations: std::mem::take(&mut self.cancellations) }
    }

    /// A class with a runner that asks and that may take jobs of this line; those whose scope is narrow first.
    fn taker(&self, lane: u32) -> Option<usize> {
        let lane = self.lanes.get(lane as usize)?;
        if lane.turn.is_none() || self.door(lane.owner) == Door::Shut {
            return None;
        }
        let scopes = [Scope::Repository(lane.project), Scope::Owner(lane.owner), Scope::Instance];
        scopes.into_iter().filter_map(|scope| self.asking.get(&(lane.shape, scope))).flatten().map(|(_, at)| *at).find(
            |at| {
                let key = &self.classes[*at].key;
                self.pool_is_open(key.pool)
                    && !self.pool_is_full(key.pool)
                    && self.permits(key, lane.owner, lane.project)
            },
        )
    }

    /// The next job for a class goes to the runner of it that asked first.
    fn next_for(&mut self, class: usize) -> Option<Assignment> {
        let own = self.classes.get(class)?;
        let (_, runner) = *own.asking.first()?;
        if !self.pool_is_open(own.key.pool) || self.pool_is_full(own.key.pool) {
            return None;
        }
        let best = self
            .reach(&own.key)
            .flat_map(|scope| own.shapes.iter().map(move |shape| (scope, *shape)))
            .fold(None, |best, (scope, shape)| Best::of(best, self.best(scope, shape)))?;
        let patience = u64::from(self.settings.patience) + 2 * self.lanes.len() as u64;
        let is_overdue = self.given.saturating_sub(best.oldest.age.since) > patience;
        let at = if is_overdue { best.oldest.age.lane } else { best.turn.age.lane };
        let seat = self.lanes.get(at as usize)?.line.first()?;
        let job = self.jobs[seat as usize].number;
        self.given += 1;
        self.unline(seat, at);
        self.begin(seat, runner);
        Some(Assignment { job, runner })
    }

    /// The best line of a scope on one shelf.
    fn best(&self, scope: Scope, shape: u32) -> Option<Best> {
        let shelf = &self.shapes.get(shape as usize)?.shelf;
        match scope {
            Scope::Instance => shelf.best(),
            Scope::Owner(owner) if self.door(owner) == Door::Open => shelf.best_of(owner),
            Scope::Repository(id) => {
                let project = self.projects.get(&id)?;
                if self.door(project.spec.owner) == Door::Shut {
                    return None;
                }
                let lanes = project.lanes.range((shape, i16::MIN)..=(shape, i16::MAX));
                let turns = lanes.filter_map(|(_, lane)| self.lanes[*lane as usize].turn);
                turns.map(|turn| Best { turn, oldest: turn }).fold(None, |best, one| Best::of(best, Some(one)))
            }
            Scope::Owner(_) => None,
        }
    }
}
