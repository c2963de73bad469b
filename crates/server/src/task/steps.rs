//! The steps of a job for people: their names from the document, how they stand from what the runner said. Called by routes and pages.

use super::progress::{Progress, StepProgress};
use domain::{Conclusion, Timestamp};
use store::{StoredJob, StoredTask};
use workflow::model::{JobKind, Step, StepKind};
use workflow::parse;

/// A name is no longer than this, as with Gitea.
const NAME: usize = 255;

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepView {
    /// Its place, from 0.
    pub number: u32,
    /// Its name, or what it does.
    pub name: String,
    /// Where it is.
    pub state: StepState,
    /// When it began.
    pub started: Option<Timestamp>,
    /// The first row of the log that is its own.
    pub row: u64,
    /// How many rows are its own.
    pub rows: u64,
}

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Its turn has not come.
    Waiting,
    /// It runs.
    Running,
    /// It is over.
    Ended {
        /// How.
        conclusion: Conclusion,
        /// When.
        at: Option<Timestamp>,
    },
}

/// The steps of a job, with what its newest task said of them.
#[must_use]
pub fn steps(job: &StoredJob, task: Option<&StoredTask>) -> Vec<StepView> {
    let names = names(&job.document);
    let progress = task.map(Progress::of).unwrap_or_default();
    let over = job.phase.end();
    let count = names.len().max(progress.steps.len());
    let view = |at: usize| {
        let said = progress.steps.get(at).copied().unwrap_or_default();
        let StepProgress { started, stopped, conclusion, row, rows } = said;
        let state = match (conclusion, started, over) {
            (Some(conclusion), ..) => StepState::Ended { conclusion, at: stopped },
            // What a job's end finds running or waiting is over with it.
            (None, Some(_), Some(end)) => {
                StepState::Ended { conclusion: end.conclusion(), at: stopped.or(job.finished) }
            }
            (None, None, Some(_)) => StepState::Ended { conclusion: Conclusion::Skipped, at: None },
            (None, Some(_), None) => StepState::Running,
            (None, None, None) => StepState::Waiting,
        };
        let name = names.get(at).cloned().unwrap_or_else(|| format!("step {}", at + 1));
        StepView { number: u32::try_from(at).unwrap_or(u32::MAX), name, state, started, row, rows }
    };
    (0..count).map(view).collect()
}

fn names(document: &str) -> Vec<String> {
    let parsed = parse::payload("job", document).value;
    let job = parsed.as_ref().and_then(|payload| payload.workflow.jobs.first());
    match job.map(|job| &job.kind) {
        Some(JobKind::Normal(job)) => job.steps.iter().map(name).collect(),
        _ => Vec::new(),
    }
}

fn name(step: &Step) -> String {
    let text = match (&step.name, &step.kind) {
        (Some(name), _) => name.as_written(),
        (None, StepKind::Run { script, .. }) => {
            format!(
                "Run {}",
                script.as_written().lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim()
            )
        }
        (None, StepKind::Uses { text, .. }) => format!("Run {text}"),
        (None, StepKind::Wait(_) | StepKind::WaitAll) => "wait".to_owned(),
        (None, StepKind::Cancel(_)) => "cancel".to_owned(),
        (None, StepKind::Parallel(_)) => "parallel".to_owned(),
    };
    text.chars().take(NAME).collect()
}
