//! Which actions have something to do before the first step.

use super::actions::{LoadedAction, Origin};
use super::running::Job;
use workflow::model::{Runs, StepKind, Uses};

/// Whether a `uses` has a `pre`; actions from the workspace have none, they come with the checkout.
pub(crate) fn has_pre(job: &Job, uses: &Uses, origin: &Origin) -> bool {
    let action = job.catalog.remote(uses, origin).and_then(|action| job.catalog.get(&action));
    action.is_some_and(|action| action_has_pre(job, &action))
}

fn action_has_pre(job: &Job, action: &LoadedAction) -> bool {
    match action.runs() {
        Some(Runs::Node(node)) => node.pre.is_some(),
        Some(Runs::Composite(composite)) => composite
            .steps
            .iter()
            .any(|step| matches!(&step.kind, StepKind::Uses { uses, .. } if has_pre(job, &uses.value, &action.origin))),
        Some(Runs::Docker(_)) | None => false,
    }
}
