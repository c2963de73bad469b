//! Which contexts and special functions an expression may use at which key (`execution-semantics` 1.13).

use super::{Function, StatusFunction};

/// What expressions of one key may use. The ordinary functions (`contains`, `format`, …) are allowed everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    key: &'static str,
    contexts: Contexts,
    special: Special,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Contexts {
    Listed(&'static [&'static str]),
    Named(Vec<String>),
}

/// The functions that only some keys know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Special {
    None,
    /// `hashFiles`
    Hash,
    /// Status functions that may name jobs.
    JobStatus,
    /// Status functions without arguments, and `hashFiles`.
    StepStatus,
    /// Everything.
    All,
}

/// What other forges call the context `github`, so that their workflows can name their own.
const GITHUB_ELSEWHERE: &[&str] = &["gitea", "forgejo", "forge"];

/// The context that a name means.
pub(super) fn context_of(name: &str) -> &str {
    if GITHUB_ELSEWHERE.iter().any(|other| other.eq_ignore_ascii_case(name)) { "github" } else { name }
}

const G_I_V: &[&str] = &["github", "inputs", "vars"];
const WORKFLOW_ENV_CONTEXTS: &[&str] = &["github", "inputs", "vars", "secrets"];
const CALL_OUTPUT_CONTEXTS: &[&str] = &["github", "inputs", "vars", "jobs"];
const NEEDS_CONTEXTS: &[&str] = &["github", "inputs", "vars", "needs"];
const MATRIX_CONTEXTS: &[&str] = &["github", "inputs", "vars", "needs", "strategy", "matrix"];
const JOB_ENV_CONTEXTS: &[&str] = &["github", "inputs", "vars", "needs", "strategy", "matrix", "secrets"];
const DEFAULTS_CONTEXTS: &[&str] = &["github", "inputs", "vars", "needs", "strategy", "matrix", "env"];
const CREDENTIALS_CONTEXTS: &[&str] = &["github", "inputs", "vars", "needs", "strategy", "matrix", "secrets", "env"];
const RUNNER_CONTEXTS: &[&str] =
    &["github", "inputs", "vars", "needs", "strategy", "matrix", "secrets", "steps", "job", "runner", "env"];
const NO_SECRETS_CONTEXTS: &[&str] =
    &["github", "inputs", "vars", "needs", "strategy", "matrix", "steps", "job", "runner", "env"];
const ACTION_INPUT_CONTEXTS: &[&str] = &["github", "strategy", "matrix", "job", "runner"];
const ACTION_OUTPUT_CONTEXTS: &[&str] = &["github", "strategy", "matrix", "steps", "inputs", "job", "runner", "env"];
const ACTION_DOCKER_CONTEXTS: &[&str] = &["inputs"];
const ACTION_CONDITION_CONTEXTS: &[&str] = &["runner", "github", "job", "strategy", "matrix", "env", "inputs"];

const fn at(key: &'static str, contexts: &'static [&'static str], special: Special) -> Availability {
    Availability { key, contexts: Contexts::Listed(contexts), special }
}

/// `run-name`
pub const RUN_NAME: Availability = at("run-name", G_I_V, Special::None);
/// `concurrency` of a workflow.
pub const WORKFLOW_CONCURRENCY: Availability = at("concurrency", G_I_V, Special::None);
/// `env` of a workflow.
pub const WORKFLOW_ENV: Availability = at("env", WORKFLOW_ENV_CONTEXTS, Special::None);
/// `on.workflow_call.inputs.<id>.default`
pub const CALL_INPUT_DEFAULT: Availability = at("on.workflow_call.inputs.<id>.default", G_I_V, Special::None);
/// `on.workflow_call.outputs.<id>.value`
pub const CALL_OUTPUT: Availability = at("on.workflow_call.outputs.<id>.value", CALL_OUTPUT_CONTEXTS, Special::None);
/// `jobs.<id>.if`
pub const JOB_IF: Availability = at("jobs.<id>.if", NEEDS_CONTEXTS, Special::JobStatus);
/// `jobs.<id>.strategy`
pub const STRATEGY: Availability = at("jobs.<id>.strategy", NEEDS_CONTEXTS, Special::None);
/// `jobs.<id>.name`
pub const JOB_NAME: Availability = at("jobs.<id>.name", MATRIX_CONTEXTS, Special::None);
/// `jobs.<id>.runs-on`
pub const RUNS_ON: Availability = at("jobs.<id>.runs-on", MATRIX_CONTEXTS, Special::None);
/// `jobs.<id>.timeout-minutes`
pub const JOB_TIMEOUT: Availability = at("jobs.<id>.timeout-minutes", MATRIX_CONTEXTS, Special::None);
/// `jobs.<id>.cancel-timeout-minutes`
pub const JOB_CANCEL_TIMEOUT: Availability = at("jobs.<id>.cancel-timeout-minutes", MATRIX_CONTEXTS, Special::None);
/// `jobs.<id>.continue-on-error`
pub const JOB_CONTINUE_ON_ERROR: Availability = at("jobs.<id>.continue-on-error", MATRIX_CONTEXTS, Special::None);
/// `jobs.<id>.container`
pub const CONTAINER: Availability = at("jobs.<id>.container", MATRIX_CONTEXTS, Special::None);
/// `jobs.<id>.container.env`
pub const CONTAINER_ENV: Availability = at("jobs.<id>.container.env", RUNNER_CONTEXTS, Special::None);
/// `jobs.<id>.container.credentials`
pub const CONTAINER_CREDENTIALS: Availability =
    at("jobs.<id>.container.credentials", CREDENTIALS_CONTEXTS, Special::None);
/// `jobs.<id>.services`
pub const SERVICES: Availability = at("jobs.<id>.services", MATRIX_CONTEXTS, Special::None);
/// `jobs.<id>.services.<id>.env`
pub const SERVICES_ENV: Availability = at("jobs.<id>.services.<id>.env", RUNNER_CONTEXTS, Special::None);
/// `jobs.<id>.services.<id>.credentials`
pub const SERVICES_CREDENTIALS: Availability =
    at("jobs.<id>.services.<id>.credentials", CREDENTIALS_CONTEXTS, Special::None);
/// `jobs.<id>.environment`
pub const ENVIRONMENT: Availability = at("jobs.<id>.environment", MATRIX_CONTEXTS, Special::None);
/// `jobs.<id>.environment.url`
pub const ENVIRONMENT_URL: Availability = at("jobs.<id>.environment.url", NO_SECRETS_CONTEXTS, Special::None);
/// `jobs.<id>.concurrency`
pub const JOB_CONCURRENCY: Availability = at("jobs.<id>.concurrency", MATRIX_CONTEXTS, Special::None);
/// `jobs.<id>.with` of a reusable job.
pub const CALL_WITH: Availability = at("jobs.<id>.with", MATRIX_CONTEXTS, Special::None);
/// `jobs.<id>.secrets` of a reusable job.
pub const CALL_SECRETS: Availability = at("jobs.<id>.secrets", JOB_ENV_CONTEXTS, Special::None);
/// `jobs.<id>.snapshot`
pub const SNAPSHOT: Availability = at("jobs.<id>.snapshot", MATRIX_CONTEXTS, Special::None);
/// `jobs.<id>.snapshot.if`
pub const SNAPSHOT_IF: Availability = at("jobs.<id>.snapshot.if", NO_SECRETS_CONTEXTS, Special::StepStatus);
/// `jobs.<id>.env`
pub const JOB_ENV: Availability = at("jobs.<id>.env", JOB_ENV_CONTEXTS, Special::None);
/// `jobs.<id>.defaults.run`
pub const JOB_DEFAULTS: Availability = at("jobs.<id>.defaults.run", DEFAULTS_CONTEXTS, Special::None);
/// `jobs.<id>.outputs`
pub const JOB_OUTPUTS: Availability = at("jobs.<id>.outputs", RUNNER_CONTEXTS, Special::None);
/// `jobs.<id>.steps[*].if`
pub const STEP_IF: Availability = at("jobs.<id>.steps[*].if", NO_SECRETS_CONTEXTS, Special::StepStatus);
/// `name`, `run`, `env`, `with`, `working-directory`, `timeout-minutes`, `continue-on-error` of a step.
pub const STEP: Availability = at("jobs.<id>.steps[*]", RUNNER_CONTEXTS, Special::Hash);
/// `inputs.<id>.default` of an action.
pub const ACTION_INPUT_DEFAULT: Availability = at("inputs.<id>.default", ACTION_INPUT_CONTEXTS, Special::Hash);
/// `outputs.<id>.value` of a composite action.
pub const ACTION_OUTPUT: Availability = at("outputs.<id>.value", ACTION_OUTPUT_CONTEXTS, Special::None);
/// `runs.args`, `runs.env` of a container action.
pub const ACTION_DOCKER: Availability = at("runs.args", ACTION_DOCKER_CONTEXTS, Special::None);
/// `runs.pre-if` and `runs.post-if` of an action.
pub const ACTION_CONDITION: Availability = at("runs.pre-if", ACTION_CONDITION_CONTEXTS, Special::StepStatus);
/// A step of a composite action.
pub const ACTION_STEP: Availability = at("runs.steps[*]", ACTION_OUTPUT_CONTEXTS, Special::Hash);
/// `if` of a step of a composite action.
pub const ACTION_STEP_IF: Availability = at("runs.steps[*].if", ACTION_OUTPUT_CONTEXTS, Special::StepStatus);

/// Every context that workflows know.
const ALL_CONTEXTS: &[&str] =
    &["github", "inputs", "vars", "needs", "strategy", "matrix", "secrets", "steps", "job", "jobs", "runner", "env"];

impl Availability {
    /// Every context and function that workflows know.
    pub const ALL: Self = at("", ALL_CONTEXTS, Special::All);

    /// Exactly these contexts, and every function: `ekiden eval`.
    pub fn of_contexts(names: impl IntoIterator<Item = String>) -> Self {
        Self { key: "", contexts: Contexts::Named(names.into_iter().collect()), special: Special::All }
    }

    /// The key as documents name it, such as `jobs.<id>.if`; empty when it is no key of a file.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        self.key
    }

    /// The same rules under another key's name (`pre-if` and `post-if` share theirs).
    #[must_use]
    pub fn named(mut self, key: &'static str) -> Self {
        self.key = key;
        self
    }

    /// Whether a context may be used; case does not matter.
    #[must_use]
    pub fn allows_context(&self, name: &str) -> bool {
        let name = context_of(name);
        self.contexts().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }

    /// The contexts that may be used.
    pub fn contexts(&self) -> impl Iterator<Item = &str> {
        let (listed, named): (&[&str], &[String]) = match &self.contexts {
            Contexts::Listed(listed) => (listed, &[]),
            Contexts::Named(named) => (&[], named),
        };
        listed.iter().copied().chain(named.iter().map(String::as_str))
    }

    /// The least and the most arguments that a function takes here; `None` when it may not be used.
    #[must_use]
    pub fn arity(&self, function: Function) -> Option<(usize, usize)> {
        match (function, self.special) {
            (Function::HashFiles, Special::Hash | Special::StepStatus | Special::All) => Some(function.arity()),
            (Function::HashFiles, _) => None,
            (Function::Status(_), Special::JobStatus | Special::All) => Some(function.arity()),
            (Function::Status(_), Special::StepStatus) => Some((0, 0)),
            (Function::Status(_), _) => None,
            _ => Some(function.arity()),
        }
    }

    /// The functions that may be used.
    pub fn functions(&self) -> impl Iterator<Item = Function> {
        super::function::FUNCTIONS.into_iter().filter(|function| self.arity(*function).is_some())
    }

    /// Whether `success()` and its kin may be used: this is a condition.
    #[must_use]
    pub fn allows_status(&self) -> bool {
        self.arity(Function::Status(StatusFunction::Success)).is_some()
    }
}
