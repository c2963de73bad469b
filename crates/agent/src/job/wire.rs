//! What passes between the agent and a job's process, one JSON value a line, its kind outermost: what a line holds is read as it comes. The agent writes [`ToJob`] to the process's standard
//! input: perhaps what will be wanted, then the order, then at most a cancellation. The process writes [`FromJob`] to its standard output, in the order in which
//! things happened and in big chunks; what a step says follows a line of its own as it is. Its own talk goes to standard error. The end of its input means that the agent is gone: the
//! process ends at once, and its sandbox with it.

use super::JobSettings;
use super::child::Where;
use super::task_form;
use crate::Label;
use domain::{Conclusion, JobEvent, JobEventKind, JobId, StepRef, Task, Timestamp};
use protocol::Dialect;
use sandbox::Expected;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// From the agent to a job's process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToJob {
    /// What the order will probably want; before it, at most once.
    Ahead(Box<Ahead>),
    /// What to run.
    Order(Box<JobOrder>),
    /// The forge or the machine's owner wants the job to end.
    Cancel,
}

/// What a job that is not known yet will probably want, so that its process can have it ready. A job that wants something else gets it all
/// the same, only later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead {
    /// Where it will run.
    pub place: Where,
    /// In what sandbox.
    pub expected: Expected,
    /// Where sandboxes keep what a crash leaves to clean, as in [`JobSettings::state`].
    pub state: PathBuf,
}

/// One job, with all that it needs. The runner's own key is not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobOrder {
    /// The task; its secrets are written out here.
    #[serde(with = "task_form")]
    pub task: Task,
    /// Whose task it is.
    pub forge: ForgeFacts,
    /// The runner's name.
    pub runner: String,
    /// All labels of the runner: the first of them that `runs-on` names says where the job runs.
    pub labels: Vec<Label>,
    /// How it runs.
    pub settings: JobSettings,
}

/// A forge, as its tasks' jobs need to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgeFacts {
    /// URL of the instance, without a slash at its end.
    pub url: String,
    /// Which it is.
    #[serde(with = "DialectForm")]
    pub dialect: Dialect,
    /// What it said that it can do (`X-Gitea-Actions-Capabilities`), as jobs see it: `GITEA_ACTIONS_CAPABILITIES`.
    pub capabilities: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Dialect", rename_all = "snake_case")]
pub(crate) enum DialectForm {
    Gitea,
    Forgejo,
}

/// From a job's process to the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "all but the last are events, one at a time")]
pub enum FromJob {
    /// The order is read; nothing of the job has run before this line is in the pipe. A process that ends without it has run nothing.
    Begins,
    /// Something happened. Events of a step of the file carry its place there (`index` of `StepStarted` and `StepFinished`), which is
    /// the number that forges know it by.
    Event(JobEvent),
    /// The same as an event of output: so many bytes of its text follow this line, as they are. Most of what is ever said is text, and takes
    /// this way ([`write_event`]).
    Output {
        /// Which job.
        job: JobId,
        /// When.
        at: Timestamp,
        /// Which step.
        step: StepRef,
        /// How long the text is.
        bytes: usize,
    },
    /// The last line, after the event `JobFinished` or `JobSkipped`. A process that ends without it did not end well.
    Ended(Ended),
}

/// How a job ended, as its process sees it. Its outputs are in the event `JobFinished`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How.
    pub conclusion: Conclusion,
    /// What the machine or we, not the job, did wrong; masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// A line of the pipe, with its newline.
///
/// # Errors
/// Never for these types; JSON of other shapes could fail.
pub fn line(of: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = serde_json::to_vec(of)?;
    line.push(b'\n');
    Ok(line)
}

/// Writes an event into a buffer, as a job's process says it.
///
/// # Errors
/// As [`line()`].
pub fn write_event(event: JobEvent, to: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let (said, text) = match event.kind {
        JobEventKind::Output { step, text } => {
            (FromJob::Output { job: event.job, at: event.at, step, bytes: text.len() }, Some(text))
        }
        kind => (FromJob::Event(JobEvent { kind, ..event }), None),
    };
    serde_json::to_writer(&mut *to, &said)?;
    to.push(b'\n');
    to.extend_from_slice(text.as_deref().unwrap_or_default().as_bytes());
    Ok(())
}

/// Reads a line of the pipe, with or without its newline.
///
/// # Errors
/// When it is not of the type.
pub fn read<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(line)
}

#[cfg(test)]
mod tests;
