//! The document of one job, as a forge's server hands it to a runner (`runner-protocol` 4.1): from a [`ReadyJob`] to the text of a
//! workflow file with that job alone. Called by the server when a runner takes a job; read back by `parse::payload`, Gitea's
//! `act_runner` and Forgejo's runner.
//!
//! What the machine decided stands there decided: the name, the labels, the configuration of the matrix, `continue-on-error`, the
//! environment's name, and an `if` that was true is `always()`, since a runner would ask it again, of the needs that it is told of. What
//! needs the runner's contexts stays as it was written: `env`, steps, outputs, containers, services, defaults, times. Whatever was
//! evaluated to a text with `${{` in it is written as an expression that gives this text, so that no runner evaluates it again.
//!
//! Left out is what is the server's affair: `needs`, `permissions`, `concurrency`, `deployment` of environments, `snapshot`, what `on`
//! filters by. `strategy.job-index` and `strategy.job-total` have no place in such a document: a runner sees 0 and 1, from every forge.

mod inputs;
mod job;
mod node;
mod step;

pub use inputs::event_inputs;

use crate::run::ReadyJob;
use crate::yaml::{self, Limits, WriteError};

/// A job that no document can say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The job is none that runs steps.
    #[error("the job '{0}' calls a reusable workflow: only its jobs can be handed to a runner")]
    NoSteps(String),
    /// A key of the matrix that means something else there.
    #[error(
        "the matrix has a configuration with the key '{0}', which a matrix of one configuration cannot have; rename it"
    )]
    MatrixKey(String),
    /// An evaluated text with `${{`, too long for an expression.
    #[error(
        "a value that was evaluated before the job began holds '${{{{' and has {characters} characters; at most {limit} can be kept from being evaluated again"
    )]
    Text {
        /// How many it has.
        characters: usize,
        /// How many it may have.
        limit: usize,
    },
    /// The document is past the budgets of YAML files.
    #[error("the job's document cannot be written: {0}")]
    Size(#[source] WriteError),
}

/// Writes the document of a job: YAML in block style, every string in double quotes.
///
/// # Errors
/// When the job cannot be said in a document that a runner reads: the job has then failed, with this text.
pub fn write(ready: &ReadyJob) -> Result<String, DocumentError> {
    yaml::write(&job::document(ready)?, &Limits::default()).map_err(DocumentError::Size)
}
