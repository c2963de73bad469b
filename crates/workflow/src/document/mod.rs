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
//! filters by. `strategy.job-index` and `strategy.job-total` stand beside the matrix, as Gitea writes them after 1.27; [`without_place`]
//! takes them out again, since Forgejo's runner fails a job over keys that it does not know.

mod inputs;
mod job;
mod node;
mod step;

pub use inputs::event_inputs;

use crate::run::ReadyJob;
use crate::yaml::{self, Limits, WriteError};
use std::borrow::Cow;

/// A document without `job-index` and `job-total`.
#[must_use]
pub fn without_place(document: &str) -> Cow<'_, str> {
    // One job, in block style: what belongs to its `strategy` is indented deeper, and the configuration deeper than that.
    let from = document.find("\njobs:\n").and_then(|job| {
        let at = document[job..].find("\n    strategy:\n")?;
        Some(job + at + "\n    strategy:\n".len())
    });
    let Some(from) = from else { return Cow::Borrowed(document) };
    let is_place = |line: &str| ["      job-index: ", "      job-total: "].iter().any(|key| line.starts_with(key));
    let lines = document[from..].split_inclusive('\n');
    let length = lines.clone().take_while(|line| line.starts_with("      ")).map(str::len).sum::<usize>();
    let kept = lines.take_while(|line| line.starts_with("      ")).filter(|line| !is_place(line));
    Cow::Owned(format!("{}{}{}", &document[..from], kept.collect::<String>(), &document[from + length..]))
}

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
