//! What the expressions of a job see before it runs.

use crate::expr::{EvaluationError, Object, Scope, StatusFunction, Value};
use std::sync::Arc;

/// The contexts of a job. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct JobScope {
    pub(super) github: Value,
    pub(super) vars: Value,
    pub(super) inputs: Value,
    pub(super) needs: Value,
    pub(super) strategy: Value,
    pub(super) matrix: Value,
    /// Only while `secrets` of a call is evaluated, and `jobs` only for the outputs of a callee.
    pub(super) extra: Option<(&'static str, Value)>,
    pub(super) ancestors: Arc<Ancestors>,
}

/// Values of contexts are left out: they may hold secrets.
impl std::fmt::Debug for JobScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobScope").field("ancestors", &self.ancestors).finish_non_exhaustive()
    }
}

/// How what came before a job went.
#[derive(Debug, Clone, Default)]
pub(super) struct Ancestors {
    /// Whether all succeeded.
    pub(super) all_succeeded: bool,
    /// Whether any failed.
    pub(super) any_failed: bool,
    /// Whether the run, or the call that the job belongs to, was cancelled.
    pub(super) cancelled: bool,
    /// Each ancestor's id and how it went.
    pub(super) each: Vec<(String, domain::Conclusion)>,
}

impl JobScope {
    pub(super) fn with_secrets(&self, secrets: Value) -> Self {
        Self { extra: Some(("secrets", secrets)), ..self.clone() }
    }

    pub(super) fn with_jobs(&self, jobs: Value) -> Self {
        Self { extra: Some(("jobs", jobs)), ..self.clone() }
    }

    /// Whether one of the named jobs, all of which must be ancestors, ended so.
    fn named(
        &self,
        function: StatusFunction,
        names: &[Value],
        wanted: domain::Conclusion,
    ) -> Result<Vec<bool>, EvaluationError> {
        names
            .iter()
            .map(|name| {
                let name = name.to_text();
                let found = self.ancestors.each.iter().find(|(id, _)| id.eq_ignore_ascii_case(&name));
                found
                    .map(|(_, conclusion)| *conclusion == wanted)
                    .ok_or_else(|| EvaluationError::UnknownJob { function: function.name(), job: name.into_owned() })
            })
            .collect()
    }
}

impl Scope for JobScope {
    fn context(&self, name: &str) -> Option<Value> {
        match name {
            "github" => Some(self.github.clone()),
            "vars" => Some(self.vars.clone()),
            "inputs" => Some(self.inputs.clone()),
            "needs" => Some(self.needs.clone()),
            "strategy" => Some(self.strategy.clone()),
            "matrix" => Some(self.matrix.clone()),
            _ => self.extra.as_ref().filter(|(extra, _)| *extra == name).map(|(_, value)| value.clone()),
        }
    }

    fn status(&self, function: StatusFunction, names: &[Value]) -> Result<bool, EvaluationError> {
        use domain::Conclusion::{Failure, Success};
        match function {
            StatusFunction::Always => Ok(true),
            StatusFunction::Cancelled => Ok(self.ancestors.cancelled),
            StatusFunction::Success if names.is_empty() => {
                Ok(self.ancestors.all_succeeded && !self.ancestors.cancelled)
            }
            StatusFunction::Success => Ok(self.named(function, names, Success)?.into_iter().all(|succeeded| succeeded)
                && !self.ancestors.cancelled),
            StatusFunction::Failure if names.is_empty() => Ok(self.ancestors.any_failed),
            StatusFunction::Failure => Ok(self.named(function, names, Failure)?.into_iter().any(|failed| failed)),
        }
    }

    fn hash_files(&self, _: &[String]) -> Option<String> {
        None
    }
}

/// `needs.<id>` or `jobs.<id>`.
pub(super) fn job_entry(result: domain::Conclusion, outputs: Value) -> Value {
    let mut entry = Object::new();
    entry.insert("result", result.as_str());
    entry.insert("outputs", outputs);
    Value::object(entry)
}
