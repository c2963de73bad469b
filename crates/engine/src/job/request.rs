//! What a job is given, and what it reports. The composition root and [`crate::local`] build the one and read the other.

use super::programs::Programs;
use crate::cancel::CancelSignal;
use crate::events::EventSink;
use domain::{Conclusion, JobId, Receipt, Secret};
use mask::Masker;
use sandbox::{Backend, SandboxSpec};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use workflow::action_source::{ActionRef, ActionSource};
use workflow::checkout::CheckoutSource;
use workflow::expr::Value;
use workflow::model::Workflow;
use workflow::plan::FileReference;

/// Everything one job needs. It gets nothing from anywhere else: not from the environment, not from the disk.
#[derive(Debug)]
pub struct JobRequest {
    /// The job.
    pub id: JobId,
    /// The name that people see.
    pub name: String,
    /// Where its steps stand.
    pub source: JobInFile,
    /// What is known before it starts.
    pub contexts: GivenContexts,
    /// Masks what the job says; its own secrets are added. Give each job a [`Masker::fork`] of one that knows them already.
    pub masker: Masker,
    /// The secrets it may see, by the names under which it sees them; each is masked.
    pub secrets: Vec<(String, Secret)>,
    /// `github.token` and `secrets.GITHUB_TOKEN`; both are empty without it.
    pub token: Option<Secret>,
    /// `env` below that of the workflow: what whoever starts the run adds (`exec --env`).
    pub env: Vec<(String, String)>,
    /// Environment for every process of the job, below everything else; not in `env`.
    pub environment: Vec<(String, String)>,
    /// Environment for JavaScript actions only: addresses and tokens of the services that their toolkit talks to. Masked.
    pub action_environment: Vec<(String, Secret)>,
    /// Words that stand for `GITHUB_` in the names of command files too (`GITEA_OUTPUT`), beside the usual ones.
    pub aliases: Vec<&'static str>,
    /// The machine, as the `runner` context tells it.
    pub runner: RunnerFacts,
    /// What the head of the log says beside the usual: where the job comes from, how it is confined. Whole lines.
    pub head: Vec<String>,
    /// Where it runs.
    pub sandbox: SandboxRequest,
    /// Where actions come from.
    pub actions: Arc<dyn ActionSource>,
    /// The built-in `actions/checkout`; without it, that action is an action like any other.
    pub checkout: Option<CheckoutRules>,
    /// `timeout-minutes` of the job.
    pub timeout: Duration,
    /// `cancel-timeout-minutes`: how long after a cancellation the job may take to end.
    pub cancel_timeout: Duration,
    /// Where its events go.
    pub events: EventSink,
    /// Scripts around the job.
    pub hooks: Hooks,
    /// How it hears that it shall end.
    pub cancel: CancelSignal,
    /// The right to run beside other jobs: taken after the set-up, before the first event, given back at the end.
    pub turns: Option<Arc<Semaphore>>,
    /// The programs of the sandbox's root, looked for once for all jobs that share this.
    pub programs: Arc<Programs>,
    /// The waits of cancellations; [`Timing::default`] outside tests.
    pub timing: Timing,
}

/// A job of a workflow file.
#[derive(Debug, Clone)]
pub struct JobInFile {
    /// The file.
    pub workflow: Arc<Workflow>,
    /// Which of its `jobs`; one with steps.
    pub index: usize,
    /// Where the file comes from: what `$/` means in it.
    pub file: FileReference,
    /// The repository of the run at its commit, where the source of actions has it; otherwise `$/` in it is what its checkout brings.
    pub own: Option<ActionRef>,
}

/// Contexts that do not change while the job runs.
#[derive(Debug, Clone)]
pub struct GivenContexts {
    /// `github`, with the payload as `event`; the engine adds what only the runner knows (paths, `job`, `action…`, `token`).
    pub github: Value,
    /// `vars`.
    pub vars: Value,
    /// `inputs`.
    pub inputs: Value,
    /// `needs`: `{result, outputs}` of each direct need.
    pub needs: Value,
    /// `matrix`; null without one.
    pub matrix: Value,
    /// `strategy`.
    pub strategy: Value,
    /// What the server knows of `job`: `check_run_id`, `workflow_ref`, `workflow_sha`, `workflow_repository`, `workflow_file_path`.
    pub job: Value,
}

/// The machine, as the `runner` context tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerFacts {
    /// `runner.name`.
    pub name: String,
    /// `runner.os`: `Linux`, `macOS`, `Windows`.
    pub os: String,
    /// `runner.arch`: `X64`, `ARM64`, `ARM`, `X86`.
    pub arch: String,
    /// `runner.environment`: `self-hosted` or `github-hosted`.
    pub environment: String,
}

impl RunnerFacts {
    /// This machine, under a name.
    #[must_use]
    pub fn here(name: String) -> Self {
        let arch = match std::env::consts::ARCH {
            "x86_64" => "X64",
            "aarch64" => "ARM64",
            "arm" => "ARM",
            "x86" => "X86",
            other => other,
        };
        Self { name, os: "Linux".to_owned(), arch: arch.to_owned(), environment: "self-hosted".to_owned() }
    }
}

/// How the run's own repository comes into the workspace.
#[derive(Debug, Clone)]
pub struct CheckoutRules {
    /// Knows the repository.
    pub source: Arc<dyn CheckoutSource>,
    /// When it is placed.
    pub when: CheckoutTime,
}

/// Scripts of whoever runs the machine, around every job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hooks {
    /// Before the first step: `ACTIONS_RUNNER_HOOK_JOB_STARTED`.
    pub started: Option<Hook>,
    /// After the last: `ACTIONS_RUNNER_HOOK_JOB_COMPLETED`.
    pub completed: Option<Hook>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Its text.
    pub script: Arc<str>,
    /// What runs it.
    pub shell: HookShell,
}

/// What runs a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookShell {
    /// Of a `.sh` file.
    Bash,
    /// Of a `.ps1` file.
    Pwsh,
}

impl HookShell {
    /// The shell of a hook's file, by its name.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "sh" => Some(Self::Bash),
            "ps1" => Some(Self::Pwsh),
            _ => None,
        }
    }

    /// As `shell` of a step says it; hooks have no `pipefail`, as with the reference.
    pub(crate) const fn format(self) -> &'static str {
        match self {
            Self::Bash => "bash -e {0}",
            Self::Pwsh => "pwsh",
        }
    }
}

/// When the run's own repository is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckoutTime {
    /// By the step that uses `actions/checkout`, as on a server.
    #[default]
    Step,
    /// Before the first step (`exec --checkout`).
    First,
    /// It is the workspace already (`exec --bind`).
    Present,
}

/// Where a job runs. The engine adds mounts for the actions and views for the checkouts that it finds in the job.
#[derive(Debug, Clone)]
pub struct SandboxRequest {
    /// Makes the sandbox.
    pub backend: Arc<dyn Backend>,
    /// What to make.
    pub spec: SandboxSpec,
    /// What stays of it.
    pub keep: Keep,
}

/// When a sandbox's files stay after the end of its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// Never.
    #[default]
    Never,
    /// When the job did not succeed.
    Failed,
}

/// Waits (`execution-semantics` 3.13). Tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// From SIGINT to SIGTERM.
    pub interrupt: Duration,
    /// From SIGTERM to SIGKILL.
    pub terminate: Duration,
    /// From the end of a process to the kill of those that still hold its output open.
    pub drain: Duration,
    /// What `timeout-minutes` of a step counts in.
    pub minute: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            interrupt: Duration::from_millis(7500),
            terminate: Duration::from_millis(2500),
            drain: Duration::from_secs(5),
            minute: Duration::from_secs(60),
        }
    }
}

/// How a job ended. The same was said on the event stream.
#[derive(Debug, Clone, PartialEq)]
pub struct JobReport {
    /// The job.
    pub id: JobId,
    /// How.
    pub conclusion: Conclusion,
    /// Its outputs that hold no secret.
    pub outputs: BTreeMap<String, String>,
    /// Where and how it ran; absent when no sandbox could be made.
    pub receipt: Option<Receipt>,
    /// What the platform, not the job, did wrong; masked.
    pub fault: Option<String>,
    /// From the first event to the last.
    pub wall: Duration,
}
