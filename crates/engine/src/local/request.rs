//! What a run on this machine is given, and what it reports.

use super::room::Room;
use crate::cancel::CancelSignal;
use crate::job::{CheckoutRules, Hooks, Keep, RunnerFacts, Timing};
use domain::{Clock, Conclusion, JobEvent, JobId, Receipt, Secret};
use sandbox::{Backend, SandboxSpec};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use workflow::action_source::{ActionRef, ActionSource};
use workflow::expr::Value;
use workflow::plan::Plan;
use workflow::run::{ConcurrencyGroup, EndedNeed};

/// Everything a run needs.
#[derive(Debug)]
pub struct LocalRun {
    /// What to run.
    pub plan: Arc<Plan>,
    /// Jobs of the plan's own file that have ended elsewhere.
    pub ended: Vec<EndedNeed>,
    /// The run's own repository at its commit, where `$/` in its files comes from; absent: from the checkout's view.
    pub own: Option<ActionRef>,
    /// `github`, with the payload as `event`, as every job sees it.
    pub github: Value,
    /// `vars`.
    pub vars: Value,
    /// `inputs` of the workflow.
    pub inputs: Value,
    /// The workflow's own concurrency group (`workflow::run::workflow_concurrency`).
    pub concurrency: Option<ConcurrencyGroup>,
    /// Which configurations of matrices run; empty: all.
    pub cells: Vec<workflow::run::WantedCell>,
    /// All secrets of the run.
    pub secrets: Vec<(String, Secret)>,
    /// The run's token, when there is one.
    pub token: Option<Secret>,
    /// `--env`: in `env` of every job, below that of the workflow.
    pub env: Vec<(String, String)>,
    /// Environment for every process, below everything else; not in `env`.
    pub environment: Vec<(String, String)>,
    /// Environment for JavaScript actions only.
    pub action_environment: Vec<(String, Secret)>,
    /// What is masked beside secrets and token.
    pub masked: Vec<Secret>,
    /// Words that stand for `GITHUB_` in the names of command files too, beside the usual ones.
    pub aliases: Vec<&'static str>,
    /// What the head of each job's log says beside the usual. Whole lines.
    pub head: Vec<String>,
    /// The machine.
    pub runner: RunnerFacts,
    /// Makes sandboxes.
    pub backend: Arc<dyn Backend>,
    /// What every sandbox is made like; the name, mounts and views are the engine's.
    pub sandbox: SandboxSpec,
    /// What stays of sandboxes.
    pub keep: Keep,
    /// Where actions come from.
    pub actions: Arc<dyn ActionSource>,
    /// Scripts around every job.
    pub hooks: Hooks,
    /// The built-in `actions/checkout`.
    pub checkout: Option<CheckoutRules>,
    /// Which labels this machine serves.
    pub labels: Labels,
    /// The room it shares with the runs beside it.
    pub room: Room,
    /// The longest that a job may take, whatever the workflow says.
    pub longest: Option<Duration>,
    /// Where the events of all jobs go.
    pub events: mpsc::Sender<JobEvent>,
    /// How the run hears that it shall end.
    pub cancel: CancelSignal,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The waits of cancellations; [`Timing::default`] outside tests.
    pub timing: Timing,
}

/// Which labels of `runs-on` this machine serves; compared ignoring case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels {
    /// Those it serves by itself or by `--platform LABEL=local`.
    pub served: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    /// How, as the run's machine says.
    pub conclusion: Conclusion,
    /// Every job, in the order in which they ended.
    pub jobs: Vec<JobSummary>,
    /// The jobs of the plan's own file by their ids, those that call others included.
    pub root: BTreeMap<String, RootEnd>,
}

/// How a job of the plan's own file ended, all its configurations together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootEnd {
    /// How.
    pub conclusion: Conclusion,
    /// Its outputs; of a caller those of the workflow that it calls.
    pub outputs: BTreeMap<String, String>,
}

/// How one job of a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSummary {
    /// The job.
    pub id: JobId,
    /// The name that people see.
    pub name: String,
    /// How.
    pub conclusion: Conclusion,
    /// What its failure means for the run.
    pub weight: JobWeight,
    /// Why it did not run, or what the platform did wrong.
    pub reason: Option<String>,
    /// What the platform, not the job, did wrong.
    pub fault: Option<String>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// Where and how it ran.
    pub receipt: Option<Receipt>,
    /// How long it took.
    pub wall: Duration,
}

/// What the failure of a job means for its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JobWeight {
    /// The run has failed.
    #[default]
    Counts,
    /// Nothing: the job's own `continue-on-error` holds.
    Tolerated,
}

impl From<&workflow::run::ReadyJob> for JobWeight {
    fn from(job: &workflow::run::ReadyJob) -> Self {
        if job.continue_on_error { Self::Tolerated } else { Self::Counts }
    }
}
