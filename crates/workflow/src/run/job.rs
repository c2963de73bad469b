//! A job whose needs have ended: its `if` and its `strategy`.

use super::Decision;
use super::machine::{MAX_JOBS, Run};
use super::scope::{Ancestors, JobScope};
use super::state::{FailFast, JobEnd, Phase};
use super::text::{fault, fault_text, raw_name, skip_reason};
use crate::expr::{EvaluationError, Function, NodeKind, Object, Value, ValueKind};
use crate::matrix::{Configuration, expand};
use crate::model::{Job, Strategy, Workflow};
use crate::template::{Template, TemplateKind};
use domain::{Conclusion, JobId};
use std::sync::Arc;

/// `strategy`, evaluated.
pub(super) struct Evaluated {
    pub(super) configurations: Vec<Configuration>,
    pub(super) fail_fast: FailFast,
    pub(super) max_parallel: Option<usize>,
}

impl Run {
    pub(super) fn start_job(&mut self, graph: usize, index: usize) {
        let state = &self.graphs[graph];
        // One that ended before its needs did.
        let Phase::Waiting = state.jobs[index].phase else { return };
        let workflow = Arc::clone(&state.handle.workflow);
        let Some(job) = workflow.jobs.get(index) else { return };
        let mut scope = state.scope.clone();
        scope.needs = self.needs_of(graph, index);
        scope.ancestors = Arc::new(self.ancestors(graph, index, &job.condition));
        match job.condition.evaluate_condition(&scope) {
            Ok(true) => {}
            Ok(false) => {
                let reason = skip_reason(&job.condition, &self.direct_needs(graph, index), scope.ancestors.cancelled);
                let (job, name) = self.unexpanded(graph, job);
                self.decisions.push(Decision::Skipped { job, name, reason });
                return self.end_job(graph, index, Conclusion::Skipped, Value::object(Object::new()));
            }
            Err(error) => {
                return self.fail_job(graph, index, job, fault(&workflow, "if", job.condition.span, &error));
            }
        }
        match evaluate_strategy(&workflow, job, &scope) {
            Ok(strategy) if self.cells.len() + strategy.configurations.len().max(1) > MAX_JOBS => {
                let problem =
                    format!("the run would have more than {MAX_JOBS} jobs, matrices and called workflows counted");
                self.fail_job(graph, index, job, fault_text(&workflow, "strategy", job.id.span, &problem));
            }
            Ok(mut strategy) => {
                let has_matrix = !strategy.configurations.is_empty();
                strategy.configurations.retain(|configuration| self.is_wanted(&configuration.matrix));
                if has_matrix && strategy.configurations.is_empty() {
                    let reason = "none of its configurations has the values that were asked for".to_owned();
                    let (job, name) = self.unexpanded(graph, job);
                    self.decisions.push(Decision::Skipped { job, name, reason });
                    return self.end_job(graph, index, Conclusion::Skipped, Value::object(Object::new()));
                }
                let expansion = self.expand_cells(graph, index, job, scope, strategy);
                self.graphs[graph].jobs[index].phase = Phase::Open(Box::new(expansion));
                self.fail_fast_at_start(graph, index);
                self.advance(graph, index);
            }
            Err(message) => self.fail_job(graph, index, job, message),
        }
    }

    /// Whether a configuration has, for each of its keys that values were asked for, one of them.
    fn is_wanted(&self, matrix: &Value) -> bool {
        let Value::Object(matrix) = matrix else { return true };
        self.wanted.iter().all(|wanted| {
            matrix.get(&wanted.key).is_none_or(|value| {
                let text = value.to_text();
                let of_key = self.wanted.iter().filter(|other| other.key.eq_ignore_ascii_case(&wanted.key));
                of_key.into_iter().any(|other| other.value == *text)
            })
        })
    }

    fn fail_job(&mut self, graph: usize, index: usize, job: &Job, message: String) {
        let (job, name) = self.unexpanded(graph, job);
        self.decisions.push(Decision::Failed { job, name, message });
        self.end_job(graph, index, Conclusion::Failure, Value::object(Object::new()));
    }

    /// The id and name of a job as a whole.
    pub(super) fn unexpanded(&self, graph: usize, job: &Job) -> (JobId, String) {
        let state = &self.graphs[graph];
        let id = JobId::new(format!("{}{}", state.id_prefix, job.id.value));
        (id, format!("{}{}", state.name_prefix, raw_name(job)))
    }

    fn direct_needs(&self, graph: usize, index: usize) -> Vec<(&str, &JobEnd)> {
        let state = &self.graphs[graph];
        let ended = |need: &usize| match &state.jobs[*need].phase {
            Phase::Ended(end) => Some((state.handle.workflow.jobs[*need].id.value.as_str(), end)),
            _ => None,
        };
        state.handle.jobs[index].needs.iter().filter_map(ended).collect()
    }

    /// How what came before went. The single jobs are listed only when the condition names some.
    pub(super) fn ancestors(&self, graph: usize, index: usize, condition: &Template) -> Ancestors {
        let state = &self.graphs[graph];
        let mut ancestors = Ancestors {
            all_succeeded: true,
            any_failed: false,
            cancelled: state.course.is_cancelled(),
            each: Vec::new(),
        };
        for (_, end) in self.direct_needs(graph, index) {
            ancestors.all_succeeded &= end.all_succeeded;
            ancestors.any_failed |= end.any_failed;
        }
        if names_jobs(condition) {
            for ancestor in &state.handle.jobs[index].ancestors {
                if let Phase::Ended(end) = &state.jobs[*ancestor].phase {
                    ancestors.each.push((state.handle.workflow.jobs[*ancestor].id.value.clone(), end.result));
                }
            }
        }
        ancestors
    }
}

/// Whether the condition says `success('a')` or the like.
fn names_jobs(condition: &Template) -> bool {
    let TemplateKind::Expression(expression) = &condition.kind else { return false };
    expression.expression.nodes().any(|node| match &node.kind {
        NodeKind::Call { function: Function::Status(_), arguments, .. } => !arguments.is_empty(),
        _ => false,
    })
}

/// Evaluates `strategy` and expands its matrix; the error is a message with its place.
fn evaluate_strategy(workflow: &Workflow, job: &Job, scope: &JobScope) -> Result<Evaluated, String> {
    let mut evaluated = Evaluated { configurations: Vec::new(), fail_fast: FailFast::On, max_parallel: None };
    let Some(strategy) = &job.strategy else { return Ok(evaluated) };
    let Parts { matrix, fail_fast, max_parallel } = parts(workflow, strategy, scope)?;
    let wrong = |key: &str, expected: &'static str, found: &Value| {
        let error = EvaluationError::Type { key: key.to_owned(), expected, found: found.kind() };
        fault(workflow, "strategy", strategy.span, &error)
    };
    match fail_fast {
        Value::Bool(false) => evaluated.fail_fast = FailFast::Off,
        Value::Bool(true) | Value::Null => {}
        other => return Err(wrong("fail-fast", ValueKind::Boolean.as_str(), &other)),
    }
    match max_parallel {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 1; the cast saturates")]
        Value::Number(n) if n >= 1.0 => evaluated.max_parallel = Some(n as usize),
        Value::Number(_) | Value::Null => {}
        other => return Err(wrong("max-parallel", ValueKind::Number.as_str(), &other)),
    }
    if !matches!(matrix, Value::Null) {
        let span = strategy.matrix.as_ref().map_or(strategy.span, |matrix| matrix.template.span);
        evaluated.configurations = expand(&matrix).map_err(|faults| {
            let problems: Vec<String> = faults.iter().map(ToString::to_string).collect();
            fault_text(workflow, "strategy", span, &problems.join("; "))
        })?;
    }
    Ok(evaluated)
}

/// The parts of `strategy`, null where absent.
struct Parts {
    matrix: Value,
    fail_fast: Value,
    max_parallel: Value,
}

fn parts(workflow: &Workflow, strategy: &Strategy, scope: &JobScope) -> Result<Parts, String> {
    let written = &strategy.written;
    let value = written.evaluate(scope).map_err(|error| {
        // The part that is at fault has the better place.
        let parts = [
            strategy.matrix.as_ref().map(|matrix| &matrix.template),
            strategy.fail_fast.as_ref(),
            strategy.max_parallel.as_ref(),
        ];
        let span = parts
            .into_iter()
            .flatten()
            .find(|part| part.evaluate(scope).is_err())
            .map_or(written.span, |part| part.span);
        fault(workflow, "strategy", span, &error)
    })?;
    let mapping = match &value {
        Value::Object(mapping) => mapping,
        Value::Null => return Ok(Parts { matrix: Value::Null, fail_fast: Value::Null, max_parallel: Value::Null }),
        other => {
            let error = EvaluationError::Type { key: "strategy".to_owned(), expected: "Object", found: other.kind() };
            return Err(fault(workflow, "strategy", written.span, &error));
        }
    };
    if let Some((key, _)) = mapping.iter().find(|(key, _)| !matches!(*key, "matrix" | "fail-fast" | "max-parallel")) {
        return Err(fault_text(workflow, "strategy", written.span, &format!("Unexpected value '{key}'")));
    }
    let get = |key| mapping.get(key).cloned().unwrap_or_default();
    Ok(Parts { matrix: get("matrix"), fail_fast: get("fail-fast"), max_parallel: get("max-parallel") })
}
