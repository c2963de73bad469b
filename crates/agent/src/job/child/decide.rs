//! Whether and as what a task's job runs: its payload, its needs, its condition. Pure.

use super::super::JobOrder;
use super::contexts;
use domain::{Conclusion, TaskResult};
use workflow::diagnostic::{Diagnostic, Severity};
use workflow::expr::Value;
use workflow::parse;
use workflow::run::{EndedNeed, OneJob, RunInputs, one_job};

/// What was decided, and what of the run the decision saw.
pub(super) struct Decided {
    pub(super) job: OneJob,
    pub(super) inputs: RunInputs,
}

/// Decides an order's job.
pub(super) fn decide(order: &JobOrder) -> Decided {
    let task = &order.task;
    let failed = |message: String| Decided { job: OneJob::Failed { message }, inputs: RunInputs::default() };
    let Ok(text) = std::str::from_utf8(&task.workflow) else {
        return failed("The forge sent a workflow that is no UTF-8 text".to_owned());
    };
    let path = contexts::text(&task.context, &["workflow"]).unwrap_or("workflow").to_owned();
    let parsed = parse::payload(&path, text);
    let Some(payload) = parsed.value else {
        return failed(faults(&path, &parsed.diagnostics));
    };
    let inputs = RunInputs {
        github: Value::from_json(&contexts::github(task, &order.forge, &payload.workflow)),
        vars: Value::from_json(&serde_json::json!(task.vars)),
        inputs: Value::from_json(&contexts::inputs(task, &payload.workflow)),
        cells: Vec::new(),
        place: None,
    };
    let needs = task.needs.iter().map(|(id, need)| EndedNeed {
        id: id.clone(),
        // The forge lets a job run whose needs it says nothing of: they were no hindrance.
        result: match need.result {
            Some(TaskResult::Concluded(conclusion)) => conclusion,
            Some(TaskResult::Other(_)) | None => Conclusion::Success,
        },
        outputs: need.outputs.clone(),
    });
    Decided { job: one_job(payload, inputs.clone(), needs.collect()), inputs }
}

fn faults(path: &str, diagnostics: &[Diagnostic]) -> String {
    let mut text = format!("The workflow {path}, as the forge sent it, is not valid:");
    for fault in diagnostics.iter().filter(|fault| fault.severity == Severity::Error) {
        text.push_str(&format!("\n{path} (Line: {}, Col: {}): {}", fault.span.line, fault.span.column, fault.message));
    }
    text
}
