//! Putting a task together.

use super::context::context;
use super::labels::spelled;
use super::runs::KnownRuns;
use super::secrets::{held, secrets};
use super::token::job_token;
use crate::dispatch::Given;
use crate::keys::UnsealError;
use crate::plane::Plane;
use crate::run::{FactsError, JobFacts};
use domain::{Conclusion, Task, TaskNeed, TaskResult};
use std::borrow::Cow;
use std::collections::BTreeMap;
use store::StoreError;
use workflow::expr::EvaluationError;

/// A task that cannot be put together: its job fails with this text.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The store refused, or is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was noted of the run or the job cannot be read.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// A secret does not open.
    #[error(transparent)]
    Secret(#[from] UnsealError),
    /// What a caller hands on cannot be evaluated.
    #[error("the secrets that its caller gives cannot be evaluated: {0}")]
    Given(#[from] EvaluationError),
    /// The machine does not know the job any more.
    #[error("the run's workflow gives no job '{job}' any more; run it again from the start")]
    Forgotten {
        /// The job's id in the run.
        job: String,
    },
}

/// Whose program a runner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerKind {
    /// Ours: it asks to be held.
    Ekiden,
    /// That of Gitea, from 2.0: it says what it can do.
    Gitea,
    /// That of a forge.
    Other,
}

/// Who gets a task.
#[derive(Debug, Clone, Copy)]
pub struct Receiver<'a> {
    /// Whose program it is.
    pub kind: RunnerKind,
    /// Its labels, as it writes them.
    pub labels: &'a [String],
}

/// The task of a lease.
///
/// # Errors
/// When what it needs cannot be read.
pub async fn make(plane: &Plane, runs: &KnownRuns, given: &Given, receiver: Receiver<'_>) -> Result<Task, TaskError> {
    let Given { task, job } = given;
    let (run_facts, facts) = (runs.of(&plane.store, job).await?, JobFacts::of(job)?);
    let token = job_token(&plane.keys, task.id);
    let held = held(plane, job.project).await?;
    let document = match receiver.kind {
        RunnerKind::Ekiden | RunnerKind::Gitea => Cow::Borrowed(job.document.as_str()),
        RunnerKind::Other => workflow::document::without_place(&job.document),
    };
    Ok(Task {
        id: task.id,
        workflow: spelled(&document, &job.labels, receiver.labels).into_bytes(),
        context: context(&plane.site, &run_facts, &facts, &token, receiver.kind),
        secrets: secrets(plane, held, job, (&run_facts, &facts), &token).await?,
        vars: run_facts.variables(),
        needs: needs(&facts),
    })
}

fn needs(facts: &JobFacts) -> BTreeMap<String, TaskNeed> {
    let needs = facts.needs.as_object().into_iter().flatten();
    needs
        .map(|(job, need)| {
            let result = need.get("result").and_then(serde_json::Value::as_str).and_then(|word| {
                [Conclusion::Success, Conclusion::Failure, Conclusion::Cancelled, Conclusion::Skipped]
                    .into_iter()
                    .find(|known| known.as_str() == word)
            });
            let outputs = need.get("outputs").and_then(serde_json::Value::as_object).into_iter().flatten();
            let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let outputs = outputs.map(|(name, value)| (name.clone(), text(value))).collect();
            (job.clone(), TaskNeed { result: result.map(TaskResult::Concluded), outputs })
        })
        .collect()
}
