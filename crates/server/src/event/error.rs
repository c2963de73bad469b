//! Why nothing came of an event.

use source::project::ProjectError;
use store::StoreError;
use workflow::dispatch::DispatchError;

/// Why nothing came of an event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The store refused, or is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The project's repository cannot be read.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// There is no such branch, tag or commit.
    #[error("{project} has no branch, tag or commit '{reference}'")]
    Reference {
        /// Its name.
        project: String,
        /// What was asked for.
        reference: String,
    },
    /// There is no such workflow at the commit.
    #[error("{project} has no workflow '{workflow}' at {reference}; it has: {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    Workflow {
        /// The project's name.
        project: String,
        /// What was asked for.
        workflow: String,
        /// Where.
        reference: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Somebody disabled the workflow.
    #[error("the workflow {0} is disabled; enable it first")]
    Disabled(String),
    /// The workflow is not one that people start.
    #[error("the workflow {0} has no trigger 'workflow_dispatch'; add it to its 'on'")]
    NotDispatched(String),
    /// The inputs do not fit.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Inputs(Vec<DispatchError>),
    /// The server ends.
    #[error("the server is stopping; try again in a moment")]
    Stopping,
}
