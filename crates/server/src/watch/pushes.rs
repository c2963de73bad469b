//! Moves that were seen and became no runs yet. Kept in memory: a move is noted in the store before its runs are made, so that of several
//! servers one makes them.

use crate::event::{self, EventError};
use crate::plane::Plane;
use domain::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;
use store::{Project, RefChange, RefMove};

/// A move is tried so often before it is given up.
const MOST_TRIES: u32 = 8;
/// More moves of one look than this start nothing: somebody put a whole repository in the place of another.
const MOST_AT_ONCE: usize = 100;

/// One move, and how often it was tried.
#[derive(Debug)]
struct Waiting {
    project: Project,
    change: RefChange,
    tries: u32,
    due: Timestamp,
}

/// Moves on their way to runs.
#[derive(Debug, Default)]
pub(super) struct Pushes(VecDeque<Waiting>);

impl Pushes {
    pub(super) fn add(&mut self, project: &Project, changes: Vec<RefChange>, now: Timestamp) {
        let starting: Vec<RefChange> =
            changes.into_iter().filter(|change| !matches!(change.to, RefMove::Gone(_))).collect();
        if starting.len() > MOST_AT_ONCE {
            tracing::warn!(
                project = project.full_name(),
                moves = starting.len(),
                "so many branches and tags moved at once that none of them starts a run"
            );
            return;
        }
        self.0.extend(starting.into_iter().map(|change| Waiting {
            project: project.clone(),
            change,
            tries: 0,
            due: now,
        }));
    }

    /// Makes the runs of all that are due; gives how many runs were made.
    pub(super) async fn make(&mut self, plane: &Plane, now: Timestamp) -> usize {
        let mut runs = 0;
        for _ in 0..self.0.len() {
            let Some(waiting) = self.0.pop_front() else { break };
            if waiting.due > now {
                self.0.push_back(waiting);
                continue;
            }
            match event::push(plane, &waiting.project, &waiting.change, None).await {
                Ok(made) => runs += made.len(),
                Err(error) => self.again(waiting, &error, now),
            }
        }
        runs
    }

    /// What may pass is tried again, later each time.
    fn again(&mut self, mut waiting: Waiting, error: &EventError, now: Timestamp) {
        waiting.tries += 1;
        let pause = Duration::from_millis(500) * 2_u32.pow(waiting.tries);
        let (project, name) = (waiting.project.full_name(), waiting.change.name.clone());
        let error = error as &dyn std::error::Error;
        if waiting.tries >= MOST_TRIES {
            tracing::error!(project, name, error, "a push started no run, and is given up");
            return;
        }
        tracing::warn!(project, name, error, ?pause, "a push started no run yet; it is tried again");
        waiting.due = Timestamp(now.0.saturating_add(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)));
        self.0.push_back(waiting);
    }
}
