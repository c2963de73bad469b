//! Calls of reusable workflows (`execution-semantics` 4.4).

use super::machine::{Opening, Run};
use super::scope::{JobScope, job_entry};
use super::state::{Call, CellAt, CellState, GraphHandle, GraphState, Phase};
use super::text::{fault, fault_text};
use super::{ConcurrencyGroup, Decision, SecretsView};
use crate::expr::{EvaluationError, Object, Value};
use crate::model::{CallInput, CallOutput, InputType, Job, ReusableJob, SecretsGiven, TriggerKind, Workflow};
use crate::plan::PlannedJob;
use crate::yaml::Span;
use domain::{Conclusion, JobId};
use std::sync::Arc;

/// Evaluates what a call gives: inputs, secrets, groups. The error is a message with its place.
#[expect(clippy::too_many_arguments, reason = "one call's parts, used once")]
pub(super) fn prepare(
    workflow: &Workflow,
    job: &Job,
    id: &JobId,
    reusable: &ReusableJob,
    planned: &PlannedJob,
    caller: &GraphState,
    scope: JobScope,
    mut concurrency: Vec<ConcurrencyGroup>,
) -> Result<Call, String> {
    let Some(graph) = &planned.callee else {
        return Err(fault_text(workflow, "uses", reusable.uses.span, "the called workflow was not loaded"));
    };
    let callee = &graph.workflow;
    let given = match &reusable.with {
        Some(with) => with.evaluate(&scope).map_err(|error| fault(workflow, "with", with.span, &error))?,
        None => Value::Null,
    };
    let with_span = reusable.with.as_ref().map_or(job.id.span, |with| with.span);
    let mut callee_scope = JobScope { github: scope.github.clone(), vars: scope.vars.clone(), ..JobScope::default() };
    // Defaults see the inputs of the caller.
    callee_scope.inputs = scope.inputs.clone();
    let mut inputs = Object::new();
    for input in call_inputs(callee) {
        let value = match given.get(&input.id.value) {
            Some(value) => typed(input, value).map_err(|error| {
                let written = reusable.with.as_ref().and_then(|with| with.get(&input.id.value));
                fault(workflow, "with", written.map_or(with_span, |written| written.span), &error)
            })?,
            None => default(callee, input, &callee_scope)?,
        };
        inputs.insert(input.id.value.as_str(), value);
    }
    callee_scope.inputs = Value::object(inputs);
    let secrets = match &reusable.secrets {
        SecretsGiven::None => SecretsView::NONE,
        SecretsGiven::Inherit(_) => caller.secrets.clone(),
        SecretsGiven::Given(mapping) => SecretsView::given(caller.secrets.clone(), mapping.clone(), scope),
    };
    if let Some(own) = &callee.concurrency {
        let group = super::cells::evaluate_concurrency(callee, own, &callee_scope, Some(id))?;
        if concurrency.iter().any(|outer| outer.group.eq_ignore_ascii_case(&group.group)) {
            let problem = format!(
                "the group '{}' is that of a caller too: the workflow would wait for itself; give one of them another name",
                group.group
            );
            return Err(fault_text(callee, "concurrency", own.group.span, &problem));
        }
        concurrency.push(group);
    }
    Ok(Call { graph: Arc::clone(graph), scope: callee_scope, secrets, concurrency })
}

fn call_trigger(workflow: &Workflow) -> Option<(&[CallInput], &[CallOutput])> {
    workflow.on.iter().find_map(|trigger| match &trigger.kind {
        TriggerKind::Call { inputs, outputs, .. } => Some((inputs.as_slice(), outputs.as_slice())),
        _ => None,
    })
}

fn call_inputs(workflow: &Workflow) -> &[CallInput] {
    call_trigger(workflow).map_or(&[], |(inputs, _)| inputs)
}

fn default(callee: &Workflow, input: &CallInput, scope: &JobScope) -> Result<Value, String> {
    match &input.default {
        Some(template) => template
            .evaluate(scope)
            .and_then(|value| typed(input, &value))
            .map_err(|error| fault(callee, "default", template.span, &error)),
        None => Ok(match input.kind {
            InputType::Boolean => Value::Bool(false),
            InputType::Number => Value::Number(0.0),
            InputType::String | InputType::Choice | InputType::Environment => Value::from(""),
        }),
    }
}

/// A value as the input's type; texts are not turned into booleans or numbers.
fn typed(input: &CallInput, value: &Value) -> Result<Value, EvaluationError> {
    let wrong = |expected: &'static str| EvaluationError::Value {
        key: input.id.value.clone(),
        value: value.to_text().into_owned(),
        problem: format!(
            "the input is a {expected}, the value is {} {}",
            article(value),
            value.kind().as_str().to_lowercase()
        ),
    };
    match (input.kind, value) {
        (InputType::Boolean, Value::Bool(_)) | (InputType::Number, Value::Number(_)) => Ok(value.clone()),
        (InputType::Boolean, _) => Err(wrong("boolean")),
        (InputType::Number, _) => Err(wrong("number")),
        (_, Value::Array(_) | Value::Object(_)) => Err(wrong("string")),
        (_, value) => Ok(Value::String(value.to_shared_text())),
    }
}

fn article(value: &Value) -> &'static str {
    if matches!(value, Value::Array(_) | Value::Object(_)) { "an" } else { "a" }
}

impl Run {
    /// Opens the graph that a cell calls.
    pub(super) fn call(&mut self, at: CellAt, call: Call) {
        let Some(cell) = self.cell_mut(at) else { return };
        let (id_prefix, name_prefix) = (format!("{} / ", cell.id), format!("{} / ", cell.name));
        let Call { graph, scope, secrets, concurrency } = call;
        let course = self.graphs[at.graph].course;
        let graph = self.open(Opening {
            handle: GraphHandle::Callee(graph),
            caller: Some(at),
            id_prefix,
            name_prefix,
            scope,
            secrets,
            concurrency,
            course,
        });
        if let Some(cell) = self.cell_mut(at) {
            cell.state = CellState::Calling(graph);
        }
    }

    /// The outputs of a callee whose jobs have all ended; an output that cannot be evaluated fails the call.
    pub(super) fn call_outputs(&mut self, graph: usize, at: CellAt, conclusion: Conclusion) -> (Conclusion, Object) {
        let workflow = Arc::clone(&self.graphs[graph].handle.workflow);
        let mut outputs = Object::new();
        let Some((_, declared)) = call_trigger(&workflow).filter(|(_, outputs)| !outputs.is_empty()) else {
            return (conclusion, outputs);
        };
        let state = &self.graphs[graph];
        let mut jobs = Object::new();
        for (job, file) in state.jobs.iter().zip(&workflow.jobs) {
            if let Phase::Ended(end) = &job.phase {
                jobs.insert(file.id.value.as_str(), job_entry(end.result, end.outputs.clone()));
            }
        }
        let scope = state.scope.with_jobs(Value::object(jobs));
        for output in declared {
            match output.value.evaluate_text(&scope) {
                Ok(value) => {
                    outputs.insert(output.id.value.as_str(), value);
                }
                Err(error) => {
                    let span: Span = output.value.span;
                    let message = fault(&workflow, &format!("outputs.{}", output.id.value), span, &error);
                    if let Some(cell) = self.cell_mut(at) {
                        let (job, name) = (cell.id.clone(), cell.name.clone());
                        self.decisions.push(Decision::Failed { job, name, message });
                    }
                    return (Conclusion::Failure, Object::new());
                }
            }
        }
        (conclusion, outputs)
    }
}
