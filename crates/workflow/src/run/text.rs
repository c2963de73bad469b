//! Texts that people see: names as written, reasons, places of faults.

use super::state::JobEnd;
use crate::expr::EvaluationError;
use crate::model::{Job, Workflow};
use crate::template::{Template, TemplateKind};
use crate::yaml::Span;
use domain::Conclusion;

/// The name of a job before anything is evaluated.
pub(super) fn raw_name(job: &Job) -> String {
    job.name.as_ref().map(Template::as_written).filter(|name| !name.is_empty()).unwrap_or_else(|| job.id.value.clone())
}

/// `file (Line: L, Col: C): message`, with the key that was read.
pub(super) fn fault(workflow: &Workflow, key: &str, span: Span, error: &EvaluationError) -> String {
    fault_text(workflow, key, span, &error.to_string())
}

pub(super) fn fault_text(workflow: &Workflow, key: &str, span: Span, problem: &str) -> String {
    format!("{} (Line: {}, Col: {}): Error when evaluating '{key}': {problem}", workflow.path, span.line, span.column)
}

/// Why a job is skipped, from its condition and its direct needs.
pub(super) fn skip_reason(condition: &Template, needs: &[(&str, &JobEnd)], cancelled: bool) -> String {
    if cancelled {
        return "it was cancelled".to_owned();
    }
    if !judges_itself(condition) {
        if let Some((id, end)) = needs.iter().find(|(_, end)| end.result != Conclusion::Success) {
            return match end.result {
                Conclusion::Failure => format!("it needs '{id}', which failed"),
                Conclusion::Cancelled => format!("it needs '{id}', which was cancelled"),
                _ => format!("it needs '{id}', which was skipped"),
            };
        }
        if let Some((id, _)) = needs.iter().find(|(_, end)| !end.all_succeeded) {
            return format!("it needs '{id}', and a job before that did not succeed");
        }
    }
    format!("its condition is false: {}", condition_as_written(condition))
}

/// Whether the condition as written calls a status function.
fn judges_itself(condition: &Template) -> bool {
    match &condition.kind {
        TemplateKind::Expression(expression) => expression.parts.iter().any(|part| part.expression.calls_status()),
        _ => false,
    }
}

/// The condition as the file has it, without the `success() &&` that is put before it.
fn condition_as_written(condition: &Template) -> String {
    match &condition.kind {
        TemplateKind::Expression(expression) => match expression.parts.as_ref() {
            [only] => only.expression.text().to_string(),
            _ => expression.text.to_string(),
        },
        _ => condition.as_written(),
    }
}
