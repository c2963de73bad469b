//! The name of a run: `run-name`, evaluated when it starts. Called by the server.

use super::RunInputs;
use super::scope::JobScope;
use super::text::fault;
use crate::expr::{Object, Value};
use crate::plan::Plan;

/// The run's own name; `None` where the file gives none, or an empty one.
///
/// # Errors
/// A message with its place, for a name that cannot be evaluated.
pub fn run_name(plan: &Plan, inputs: &RunInputs) -> Result<Option<String>, String> {
    let workflow = &plan.root.workflow;
    let Some(template) = &workflow.run_name else { return Ok(None) };
    let RunInputs { github, vars, inputs, .. } = inputs.clone();
    let inputs = if matches!(inputs, Value::Null) { Value::object(Object::new()) } else { inputs };
    let scope = JobScope { github, vars, inputs, ..JobScope::default() };
    let name = template.evaluate_text(&scope).map_err(|error| fault(workflow, "run-name", template.span, &error))?;
    Ok(Some(name.trim().to_owned()).filter(|name| !name.is_empty()))
}
