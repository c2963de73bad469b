//! From configurations to cells: what is evaluated per configuration before a job can run.

use super::job::Evaluated;
use super::machine::Run;
use super::scope::JobScope;
use super::state::{Cell, CellAt, CellState, Expansion, FailFast, Phase, Tolerance, Work};
use super::text::{fault, fault_text, raw_name};
use super::{ConcurrencyGroup, ConcurrencyQueue, Decision, ReadyJob, RunInputs};
use crate::expr::{EvaluationError, Object, Value};
use crate::matrix::{Configuration, display_name};
use crate::model::{Concurrency, Job, JobKind, NormalJob, Workflow};
use crate::plan::Plan;
use crate::template::{Template, TemplateKind};
use domain::{Conclusion, JobId};
use std::sync::Arc;

/// Minutes, when the file says nothing.
const TIMEOUT: f64 = 360.0;
const CANCEL_TIMEOUT: f64 = 5.0;
/// How many characters a concurrency group may have.
const MAX_GROUP: usize = 400;

impl Run {
    pub(super) fn expand_cells(
        &mut self,
        graph: usize,
        index: usize,
        job: &Job,
        scope: JobScope,
        strategy: Evaluated,
    ) -> Expansion {
        let Evaluated { mut configurations, fail_fast, max_parallel } = strategy;
        let has_matrix = !configurations.is_empty();
        if !has_matrix {
            configurations.push(Configuration {
                id: "__default".to_owned(),
                segments: Vec::new(),
                matrix: Value::Null,
            });
        }
        // A document has one configuration of those that there are.
        let place = self.place.filter(|_| has_matrix && configurations.len() == 1);
        let (first, total) = place.map_or((0, configurations.len()), |place| (place.index, place.total));
        let parallel = max_parallel.filter(|_| has_matrix).unwrap_or(total);
        let mut cells = Vec::with_capacity(configurations.len());
        let mut open = 0;
        for (i, configuration) in configurations.into_iter().enumerate() {
            let mut scope = scope.clone();
            scope.strategy = strategy_context(fail_fast != FailFast::Off, first + i, total, parallel);
            scope.matrix = configuration.matrix;
            let cell = self.cell(graph, index, job, &configuration.segments, scope);
            open += usize::from(matches!(cell.state, CellState::Held(_)));
            self.cells.insert(cell.id.clone(), CellAt { graph, job: index, cell: i });
            cells.push(cell);
        }
        let ancestors = Arc::clone(&scope.ancestors);
        Expansion {
            cells,
            fail_fast,
            max_parallel: parallel.max(1),
            active: 0,
            open,
            next: 0,
            outputs: Object::new(),
            ancestors,
            scope,
        }
    }

    /// A configuration that failed while it was evaluated trips `fail-fast` before any other begins.
    pub(super) fn fail_fast_at_start(&mut self, graph: usize, job: usize) {
        let Phase::Open(expansion) = &self.graphs[graph].jobs[job].phase else { return };
        let failed =
            expansion.cells.iter().position(|cell| matches!(cell.state, CellState::Ended(Conclusion::Failure)));
        if let Some(cell) = failed {
            self.trip_fail_fast(CellAt { graph, job, cell });
        }
    }

    fn cell(&mut self, graph: usize, index: usize, job: &Job, segments: &[String], scope: JobScope) -> Cell {
        let state = &self.graphs[graph];
        let workflow = Arc::clone(&state.handle.workflow);
        let id = self.unique_id(&format!("{}{}", state.id_prefix, display_name(&job.id.value, segments)));
        let name_prefix = state.name_prefix.clone();
        let name = name(job, segments, &scope).map(|name| format!("{name_prefix}{name}"));
        let (name, prepared) = match name {
            Ok(name) => {
                let prepared = self.prepare(graph, index, job, &id, &name, scope, &workflow);
                (name, prepared)
            }
            Err(error) => {
                let span = job.name.as_ref().map_or(job.id.span, |name| name.span);
                (format!("{name_prefix}{}", raw_name(job)), Err(fault(&workflow, "name", span, &error)))
            }
        };
        match prepared {
            Ok((work, tolerance)) => Cell { id, name, tolerance, state: CellState::Held(work) },
            Err(message) => {
                self.decisions.push(Decision::Failed { job: id.clone(), name: name.clone(), message });
                Cell { id, name, tolerance: Tolerance::None, state: CellState::Ended(Conclusion::Failure) }
            }
        }
    }

    /// An id that no other cell of the run has.
    fn unique_id(&self, wanted: &str) -> JobId {
        let mut id = JobId::new(wanted);
        let mut attempt = 1;
        while self.cells.contains_key(&id) {
            attempt += 1;
            id = JobId::new(format!("{wanted} #{attempt}"));
        }
        id
    }

    #[expect(clippy::too_many_arguments, reason = "one cell's parts, used once")]
    fn prepare(
        &self,
        graph: usize,
        index: usize,
        job: &Job,
        id: &JobId,
        name: &str,
        scope: JobScope,
        workflow: &Arc<Workflow>,
    ) -> Result<(Work, Tolerance), String> {
        let state = &self.graphs[graph];
        let mut concurrency = state.concurrency.clone();
        if let Some(own) = &job.concurrency {
            concurrency.push(evaluate_concurrency(workflow, own, &scope, Some(id))?);
        }
        let normal = match &job.kind {
            JobKind::Normal(normal) => normal,
            JobKind::Reusable(reusable) => {
                let planned = &state.handle.jobs[index];
                let call = super::call::prepare(workflow, job, id, reusable, planned, state, scope, concurrency)?;
                return Ok((Work::Call(Box::new(call)), Tolerance::None));
            }
        };
        let read = Reader { workflow, scope: &scope };
        let continue_on_error = read.bool("continue-on-error", normal.continue_on_error.as_ref())?;
        let (labels, group) = read.runs_on(normal)?;
        let ready = ReadyJob {
            id: id.clone(),
            origin: state.handle.origin(),
            name: name.to_owned(),
            file: workflow.file,
            workflow: Arc::clone(workflow),
            index,
            permissions: state.handle.jobs[index].permissions.clone(),
            labels,
            group,
            environment: read.environment(normal)?,
            concurrency,
            continue_on_error,
            timeout_minutes: read.minutes("timeout-minutes", normal.timeout_minutes.as_ref(), TIMEOUT)?,
            cancel_timeout_minutes: read.minutes(
                "cancel-timeout-minutes",
                normal.cancel_timeout_minutes.as_ref(),
                CANCEL_TIMEOUT,
            )?,
            secrets: state.secrets.clone(),
            github: scope.github,
            vars: scope.vars,
            inputs: scope.inputs,
            needs: scope.needs,
            strategy: scope.strategy,
            matrix: scope.matrix,
        };
        let tolerance = if continue_on_error { Tolerance::Failure } else { Tolerance::None };
        Ok((Work::Run(Box::new(ready)), tolerance))
    }
}

/// The name of a cell: a literal name or the id with the values of the matrix, or what an expression gives.
fn name(job: &Job, segments: &[String], scope: &JobScope) -> Result<String, EvaluationError> {
    let default = |base: &str| display_name(base, segments);
    let Some(template) = &job.name else { return Ok(default(&job.id.value)) };
    if !matches!(template.kind, TemplateKind::Expression(_)) {
        return Ok(default(&raw_name(job)));
    }
    let name = template.evaluate_text(scope)?;
    Ok(if name.is_empty() { default(&job.id.value) } else { name.to_string() })
}

fn strategy_context(fail_fast: bool, index: usize, total: usize, parallel: usize) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "at most 256, or a bound that the file gives")]
    let number = |n: usize| Value::Number(n as f64);
    let mut strategy = Object::new();
    strategy.insert("fail-fast", fail_fast);
    strategy.insert("job-index", number(index));
    strategy.insert("job-total", number(total));
    strategy.insert("max-parallel", number(parallel));
    Value::object(strategy)
}

/// The group of the workflow that is started: whoever starts the run enters it first.
///
/// # Errors
/// A message with its place, for a group that cannot be evaluated.
pub fn workflow_concurrency(plan: &Plan, inputs: &RunInputs) -> Result<Option<ConcurrencyGroup>, String> {
    let workflow = &plan.root.workflow;
    let RunInputs { github, vars, inputs, .. } = inputs.clone();
    let inputs = if matches!(inputs, Value::Null) { Value::object(Object::new()) } else { inputs };
    let scope = JobScope { github, vars, inputs, ..JobScope::default() };
    let group = workflow.concurrency.as_ref().map(|own| evaluate_concurrency(workflow, own, &scope, None));
    group.transpose()
}

pub(super) fn evaluate_concurrency(
    workflow: &Workflow,
    concurrency: &Concurrency,
    scope: &JobScope,
    held_by: Option<&JobId>,
) -> Result<ConcurrencyGroup, String> {
    let read = Reader { workflow, scope };
    let group = concurrency
        .group
        .evaluate_text(scope)
        .map_err(|error| fault(workflow, "concurrency", concurrency.group.span, &error))?;
    let problem = match group.chars().count() {
        0 => "the group is empty; name one, or leave 'concurrency' out".to_owned(),
        n if n > MAX_GROUP => format!("the group has {n} characters; at most {MAX_GROUP} are allowed"),
        _ => String::new(),
    };
    if !problem.is_empty() {
        return Err(fault_text(workflow, "concurrency", concurrency.group.span, &problem));
    }
    let cancel_in_progress = read.bool("concurrency", concurrency.cancel_in_progress.as_ref())?;
    // The reader lets nothing but `single` and `max` stand here.
    let queue = match concurrency.queue.as_ref().and_then(|queue| queue.as_literal_str()) {
        Some(queue) if &**queue == "max" => ConcurrencyQueue::Max,
        _ => ConcurrencyQueue::Single,
    };
    Ok(ConcurrencyGroup { group: group.to_string(), cancel_in_progress, queue, held_by: held_by.cloned() })
}

/// Reads keys of a job; errors are messages with their place.
struct Reader<'a> {
    workflow: &'a Workflow,
    scope: &'a JobScope,
}

impl Reader<'_> {
    fn fault(&self, key: &str, template: &Template, error: &EvaluationError) -> String {
        fault(self.workflow, key, template.span, error)
    }

    fn bool(&self, key: &str, template: Option<&Template>) -> Result<bool, String> {
        let Some(template) = template else { return Ok(false) };
        template.evaluate_bool(self.scope).map_err(|error| self.fault(key, template, &error))
    }

    fn minutes(&self, key: &str, template: Option<&Template>, default: f64) -> Result<f64, String> {
        let Some(template) = template else { return Ok(default) };
        let minutes = template.evaluate_number(self.scope).map_err(|error| self.fault(key, template, &error))?;
        // Nothing, and what is no span of time, means the default.
        Ok(if minutes > 0.0 { minutes } else { default })
    }

    fn environment(&self, job: &NormalJob) -> Result<Option<String>, String> {
        let Some(environment) = &job.environment else { return Ok(None) };
        let name = &environment.name;
        let text = name.evaluate_text(self.scope).map_err(|error| self.fault("environment", name, &error))?;
        Ok(Some(text.to_string()).filter(|name| !name.is_empty()))
    }

    /// Labels and group.
    fn runs_on(&self, job: &NormalJob) -> Result<(Vec<String>, Option<String>), String> {
        let evaluate = |template: &Template| {
            template.evaluate(self.scope).map_err(|error| self.fault("runs-on", template, &error))
        };
        let mut labels = job.runs_on.labels.as_ref().map_or(Ok(Value::Null), evaluate)?;
        let mut group = job.runs_on.group.as_ref().map_or(Ok(Value::Null), evaluate)?;
        if let Value::Object(mapping) = &labels {
            let given = mapping.get("group").cloned();
            let inner = mapping.get("labels").cloned().unwrap_or_default();
            group = given.unwrap_or(group);
            labels = inner;
        }
        let texts: Vec<&Value> = match &labels {
            Value::Array(items) => items.iter().collect(),
            Value::Null => Vec::new(),
            one => vec![one],
        };
        let problem = |problem: &str| fault_text(self.workflow, "runs-on", job.runs_on.span, problem);
        if texts.iter().any(|label| !label.is_primitive()) || !group.is_primitive() {
            return Err(problem("labels must be strings"));
        }
        let labels: Vec<String> = texts.iter().map(|label| label.to_text().into_owned()).collect();
        let group = Some(group.to_text().into_owned()).filter(|group| !group.is_empty());
        if labels.iter().any(String::is_empty) || (labels.is_empty() && group.is_none()) {
            return Err(problem("a label is empty; name the runner, such as 'ubuntu-latest'"));
        }
        Ok((labels, group))
    }
}
