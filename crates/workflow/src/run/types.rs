//! What goes into the machine and what comes out.

use super::SecretsView;
use crate::expr::Value;
use crate::matrix::CellPlace;
use crate::model::{Job, JobKind, NormalJob, Permissions, Workflow};
use crate::yaml::FileId;
use domain::{Conclusion, JobId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a run knows from its start.
#[derive(Debug, Clone, Default)]
pub struct RunInputs {
    /// The `github` context, with the payload as `event`.
    pub github: Value,
    /// The `vars` context.
    pub vars: Value,
    /// The `inputs` context of the workflow that was started: typed, of a dispatch; else an empty mapping.
    pub inputs: Value,
    /// Which configurations of matrices run (`exec --matrix`); empty: all. A configuration must have one of the values wanted for each
    /// key that it has; keys that it does not have do not count.
    pub cells: Vec<WantedCell>,
    /// Of a forge's document, whose matrix has one configuration: which of how many it is.
    pub place: Option<CellPlace>,
}

/// A value that a configuration must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedCell {
    /// A key of matrices.
    pub key: String,
    /// The value, as text.
    pub value: String,
}

/// What happened to a job.
#[derive(Debug, Clone, PartialEq)]
pub enum RunChange {
    /// A job that was [`Decision::Ready`] began.
    Started {
        /// Which.
        job: JobId,
    },
    /// A job that was [`Decision::Ready`] ended, or will never begin (cancelled, no machine for its labels: skipped).
    Ended {
        /// Which.
        job: JobId,
        /// How, before the job's `continue-on-error`.
        conclusion: Conclusion,
        /// Its outputs.
        outputs: BTreeMap<String, String>,
    },
    /// Somebody wants the run to end: jobs whose conditions hold still go on.
    CancelRequested,
    /// Somebody wants all of the run to end, whatever conditions say.
    EndRequested,
    /// A call gave way to a newer one of its concurrency group before any of its jobs began: all of it ends, whatever conditions say. Told before the end
    /// of the job that waited for the group.
    GaveWay {
        /// The job that waited with it.
        job: JobId,
        /// The group.
        group: String,
    },
}

/// What follows.
#[derive(Debug, Clone)]
pub enum Decision {
    /// This job can run. Answer with [`RunChange::Started`] and [`RunChange::Ended`].
    Ready(Box<ReadyJob>),
    /// This job will not run; with it all jobs of the reusable workflow that it calls.
    Skipped {
        /// Which: no configuration is named, its matrix was not expanded.
        job: JobId,
        /// The name that people see; not evaluated when it holds expressions, as on GitHub.
        name: String,
        /// Why, in words.
        reason: String,
    },
    /// Something of this job could not be evaluated: it has failed.
    Failed {
        /// Which.
        job: JobId,
        /// The name that people see.
        name: String,
        /// Where and what.
        message: String,
    },
    /// This job was waiting for its turn (`max-parallel`) or, where all of the run ends, for its needs, and will not run: it was cancelled.
    Cancelled {
        /// Which.
        job: JobId,
        /// The name that people see.
        name: String,
        /// Why, in words.
        reason: String,
    },
    /// End this job, which was [`Decision::Ready`], whether it began or not. Its [`RunChange::Ended`] is still awaited.
    Cancel {
        /// Which.
        job: JobId,
        /// Why, in words.
        reason: String,
    },
    /// A call that holds concurrency groups has ended: they are free ([`ConcurrencyGroup::held_by`]).
    CallEnded {
        /// Which.
        call: JobId,
    },
    /// All jobs have ended. Comes once, as the last.
    Finished {
        /// How the run ended.
        conclusion: Conclusion,
    },
}

/// How a job's file came into the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The event started it.
    Event,
    /// A job called it, as a reusable workflow.
    Call,
}

/// A job that can run. `env`, `container`, `services`, `outputs` and steps are not evaluated: whoever runs it does that.
#[derive(Debug, Clone)]
pub struct ReadyJob {
    /// Its id in the run.
    pub id: JobId,
    /// Whether its file was started or called.
    pub origin: Origin,
    /// The name that people see.
    pub name: String,
    /// The file that holds it.
    pub file: FileId,
    /// That file, parsed.
    pub workflow: Arc<Workflow>,
    /// Which of the file's `jobs`; it has steps.
    pub index: usize,
    /// What its token may do; absent: the repository's default.
    pub permissions: Option<Permissions>,
    /// `github`
    pub github: Value,
    /// `vars`
    pub vars: Value,
    /// `inputs`
    pub inputs: Value,
    /// `needs`: `{result, outputs}` of each direct need.
    pub needs: Value,
    /// `strategy`
    pub strategy: Value,
    /// `matrix`; null without one.
    pub matrix: Value,
    /// Which secrets it sees, under which names.
    pub secrets: SecretsView,
    /// The labels of `runs-on`.
    pub labels: Vec<String>,
    /// The group of `runs-on`.
    pub group: Option<String>,
    /// The name of its `environment`.
    pub environment: Option<String>,
    /// The groups it must enter, outermost first: those of its callers, then its own.
    pub concurrency: Vec<ConcurrencyGroup>,
    /// Whether its failure counts as success for the run and its dependants.
    pub continue_on_error: bool,
    /// How long it may run, minutes.
    pub timeout_minutes: f64,
    /// How long it may take to end after it was cancelled, minutes.
    pub cancel_timeout_minutes: f64,
}

impl ReadyJob {
    /// The job in its file.
    #[must_use]
    pub fn job(&self) -> Option<&Job> {
        self.workflow.jobs.get(self.index)
    }

    /// Its steps and what belongs to them; always there for a job that the machine gave.
    #[must_use]
    pub fn normal(&self) -> Option<&NormalJob> {
        match &self.job()?.kind {
            JobKind::Normal(normal) => Some(normal),
            JobKind::Reusable(_) => None,
        }
    }
}

/// An evaluated `concurrency`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConcurrencyGroup {
    /// The group; case does not matter.
    pub group: String,
    /// Whether what runs in the group is cancelled for the new one.
    pub cancel_in_progress: bool,
    /// Who waits for the group.
    pub queue: ConcurrencyQueue,
    /// The job, or the call of a reusable workflow, that holds it as long as it goes on; `None`: the run.
    pub held_by: Option<JobId>,
}

/// Who waits for a concurrency group: its `queue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConcurrencyQueue {
    /// `single`: the newest; those that waited before are cancelled.
    #[default]
    Single,
    /// `max`: up to a hundred, the first comes first.
    Max,
}
