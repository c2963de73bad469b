//! Where a list of steps stands: in the job, or in one use of a composite action.

use super::actions::Origin;
use super::state::EnvMap;
use domain::{Conclusion, StepId};
use std::sync::{Mutex, PoisonError};
use workflow::expr::Value;

/// Composite actions inside each other, at most; a local action that uses itself must end.
pub(crate) const MAX_DEPTH: u32 = 20;

/// Where a list of steps stands.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Names its `steps` context: empty for the job, the ids of the steps around it joined by dots otherwise.
    pub(crate) scope: String,
    pub(crate) level: Level,
}

/// What it stands in.
#[derive(Debug)]
pub(crate) enum Level {
    Job,
    Composite(Box<CompositeFrame>),
}

/// One use of a composite action.
#[derive(Debug)]
pub(crate) struct CompositeFrame {
    /// `inputs`.
    pub(crate) inputs: Value,
    /// `env` of the steps around it.
    pub(crate) env: EnvMap,
    /// `github.action` of the step of the job that it all belongs to.
    pub(crate) action: String,
    /// `github.action_path`.
    pub(crate) folder: String,
    /// `github.action_repository`.
    pub(crate) repository: String,
    /// `github.action_ref`.
    pub(crate) reference: String,
    /// What `$/` means in it.
    pub(crate) origin: Origin,
    /// From 1.
    pub(crate) depth: u32,
    status: Mutex<Conclusion>,
}

impl CompositeFrame {
    #[expect(clippy::too_many_arguments, reason = "one place makes it, with every part by name of its variable")]
    pub(crate) fn new(
        inputs: Value,
        env: EnvMap,
        action: String,
        folder: String,
        repository: String,
        reference: String,
        origin: Origin,
        depth: u32,
    ) -> Self {
        let status = Mutex::new(Conclusion::Success);
        Self { inputs, env, action, folder, repository, reference, origin, depth, status }
    }

    /// The status of the action by its steps.
    pub(crate) fn status(&self) -> Conclusion {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Merges the conclusion of a step into it.
    pub(crate) fn merge(&self, conclusion: Conclusion) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        *status = status.merge(conclusion);
    }
}

impl Frame {
    /// The steps of the job.
    pub(crate) const fn job() -> Self {
        Self { scope: String::new(), level: Level::Job }
    }

    /// The full name of a step in it.
    pub(crate) fn full_name(&self, id: &StepId) -> String {
        if self.scope.is_empty() { id.as_str().to_owned() } else { format!("{}.{id}", self.scope) }
    }

    /// How many composite actions are around it.
    pub(crate) fn depth(&self) -> u32 {
        match &self.level {
            Level::Job => 0,
            Level::Composite(composite) => composite.depth,
        }
    }
}
