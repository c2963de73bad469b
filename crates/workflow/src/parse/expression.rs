//! Findings about expressions, at the character they are about.

use super::findings::Findings;
use crate::diagnostic::code;
use crate::expr::{ExpressionError, ExpressionErrorKind};
use crate::template::{ScanError, ScanProblem};
use crate::yaml::{Span, locate};

/// Reports what is wrong with the `${{ }}` of a scalar whose value is `text`.
pub(super) fn report_scan(findings: &mut Findings, source: &str, span: Span, text: &str, error: &ScanError) {
    findings.mark(span);
    if findings.is_full() {
        return findings.error(code::EXPRESSION, span, "");
    }
    // What is said of the scalar as a whole stands where it does.
    let whole = error.position == 0 && error.end >= text.len();
    let at = if whole { span } else { locate(source, span, text, error.position, error.end) };
    let (code, help) = match &error.problem {
        ScanProblem::Expression(error) => (code_of(&error.kind), error.help.clone()),
        _ => (code::EXPRESSION, None),
    };
    findings.error_with(code, at, error.to_string(), help);
}

/// Reports what is wrong with a scalar whose value is an expression as a whole.
pub(super) fn report(findings: &mut Findings, source: &str, span: Span, text: &str, error: &ExpressionError) {
    let at = locate(source, span, text, error.position, error.end);
    findings.mark(span);
    findings.error_with(code_of(&error.kind), at, error.to_string(), error.help.clone());
}

const fn code_of(kind: &ExpressionErrorKind) -> &'static str {
    match kind {
        ExpressionErrorKind::UnknownContext => code::UNKNOWN_CONTEXT,
        ExpressionErrorKind::UnknownFunction => code::UNKNOWN_FUNCTION,
        _ => code::EXPRESSION,
    }
}
