//! What expressions see while a job runs (`execution-semantics` 3.1).

use super::frame::{Frame, Level};
use super::running::Job;
use super::state::EnvMap;
use domain::Conclusion;
use sandbox::SandboxError;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use workflow::expr::{EvaluationError, Object, Scope, StatusFunction, Value};

/// Which phase of the job a step runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Pre,
    Main,
    Post,
}

/// What of `github` changes from step to step.
#[derive(Debug, Clone, Default)]
pub(crate) struct GithubFacts {
    /// `github.action`.
    pub(crate) action: String,
    /// `github.action_path`, inside a composite action.
    pub(crate) action_path: Option<String>,
    /// `github.action_repository`.
    pub(crate) action_repository: String,
    /// `github.action_ref`.
    pub(crate) action_ref: String,
    /// `github.env`, `github.output`, …: the name in the context and the path.
    pub(crate) files: Vec<(&'static str, String)>,
}

/// The contexts of one step at one moment.
pub(crate) struct StepScope<'a> {
    pub(crate) job: &'a Job,
    pub(crate) frame: &'a Frame,
    pub(crate) phase: Phase,
    pub(crate) env: &'a EnvMap,
    pub(crate) github: &'a GithubFacts,
    cache: [OnceLock<Value>; 4],
    hashes: Mutex<HashMap<Vec<String>, String>>,
}

/// An expression of a step that has no value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContextError {
    /// The expression failed.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// `hashFiles` could not read the files.
    #[error("hashFiles('{patterns}') failed: {source}")]
    Hash { patterns: String, source: SandboxError },
}

impl<'a> StepScope<'a> {
    pub(crate) fn new(job: &'a Job, frame: &'a Frame, phase: Phase, env: &'a EnvMap, github: &'a GithubFacts) -> Self {
        Self { job, frame, phase, env, github, cache: Default::default(), hashes: Mutex::default() }
    }

    /// Evaluates something; digests that it needs are computed in the sandbox.
    pub(crate) async fn evaluate<T>(
        &self,
        evaluation: impl Fn(&dyn Scope) -> Result<T, EvaluationError>,
    ) -> Result<T, ContextError> {
        loop {
            match evaluation(self) {
                Err(EvaluationError::NeedsHash { patterns }) => {
                    let digest = self.job.sandbox.hash(&patterns).await;
                    let digest =
                        digest.map_err(|source| ContextError::Hash { patterns: patterns.join("', '"), source })?;
                    self.hashes.lock().unwrap_or_else(PoisonError::into_inner).insert(patterns, digest);
                }
                other => return Ok(other?),
            }
        }
    }

    fn cached(&self, place: usize, make: impl FnOnce() -> Value) -> Option<Value> {
        Some(self.cache[place].get_or_init(make).clone())
    }

    fn github(&self) -> Value {
        let facts = self.github;
        let mut github = self.job.fixed.github.clone();
        github.insert("action", facts.action.as_str());
        if let Some(path) = &facts.action_path {
            github.insert("action_path", path.as_str());
        }
        github.insert("action_repository", facts.action_repository.as_str());
        github.insert("action_ref", facts.action_ref.as_str());
        if let Level::Composite(composite) = &self.frame.level {
            github.insert("action_status", self.composite_status(composite.status()).as_str());
        }
        for (name, path) in &facts.files {
            github.insert(*name, path.as_str());
        }
        github.into()
    }

    fn job_context(&self) -> Value {
        let mut job = Object::new();
        job.insert("status", self.job.status().as_str());
        for name in ["check_run_id", "workflow_ref", "workflow_sha", "workflow_repository", "workflow_file_path"] {
            if let Some(value) = self.job.given.job.get(name) {
                job.insert(name, value.clone());
            }
        }
        job.insert("container", Object::new());
        job.insert("services", Object::new());
        job.into()
    }

    /// A composite action whose job was cancelled counts as cancelled.
    fn composite_status(&self, own: Conclusion) -> Conclusion {
        if self.job.cancel.now().is_asked() { Conclusion::Cancelled } else { own }
    }
}

impl Scope for StepScope<'_> {
    fn context(&self, name: &str) -> Option<Value> {
        let given = &self.job.given;
        match name {
            "github" => self.cached(0, || self.github()),
            "env" => self.cached(1, || {
                let mut env = Object::new_case_sensitive();
                for (name, value) in self.env {
                    env.insert(name.clone(), value.clone());
                }
                env.into()
            }),
            "job" => self.cached(2, || self.job_context()),
            "steps" => self.cached(3, || self.job.state.steps(&self.frame.scope)),
            "runner" => Some(self.job.fixed.runner.clone()),
            "matrix" => Some(given.matrix.clone()),
            "strategy" => Some(given.strategy.clone()),
            "inputs" => match &self.frame.level {
                Level::Job => Some(given.inputs.clone()),
                Level::Composite(composite) => Some(composite.inputs.clone()),
            },
            "needs" => Some(given.needs.clone()),
            "vars" => Some(given.vars.clone()),
            "secrets" if matches!(self.frame.level, Level::Job) => Some(self.job.fixed.secrets.clone()),
            _ => None,
        }
    }

    fn status(&self, function: StatusFunction, _: &[Value]) -> Result<bool, EvaluationError> {
        let status = match (&self.frame.level, self.phase) {
            (Level::Composite(composite), Phase::Main) => self.composite_status(composite.status()),
            _ => self.job.status(),
        };
        Ok(match function {
            StatusFunction::Always => true,
            StatusFunction::Cancelled => self.job.status() == Conclusion::Cancelled,
            StatusFunction::Success => status == Conclusion::Success,
            StatusFunction::Failure => status == Conclusion::Failure,
        })
    }

    fn hash_files(&self, patterns: &[String]) -> Option<String> {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner).get(patterns).cloned()
    }
}
