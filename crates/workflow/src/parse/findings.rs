//! What was found wrong so far. A place that is at fault once is not reported again by a later check.

use crate::diagnostic::{Diagnostic, Severity};
use crate::yaml::Span;
use std::collections::HashSet;

/// The findings of one file.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Diagnostic>,
    /// First bytes of values that are at fault.
    faulty: HashSet<u32>,
}

impl Findings {
    /// Reports an error.
    pub(super) fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.error_with(code, span, message, None);
    }

    /// Reports an error, and what would be right.
    pub(super) fn error_with(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.faulty.insert(span.start);
        self.list.push(Diagnostic { code, severity: Severity::Error, message: message.into(), help, span });
    }

    /// Reports an error, unless the place is at fault already: for checks that build on earlier ones.
    pub(super) fn check(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        if !self.is_faulty(span) {
            self.error(code, span, message);
        }
    }

    /// Reports a warning.
    pub(super) fn warning(&mut self, code: &'static str, span: Span, message: impl Into<String>, help: Option<String>) {
        self.list.push(Diagnostic { code, severity: Severity::Warning, message: message.into(), help, span });
    }

    /// Marks a value that an inner place of was reported.
    pub(super) fn mark(&mut self, span: Span) {
        self.faulty.insert(span.start);
    }

    /// Whether the value at this place is known to be wrong.
    pub(super) fn is_faulty(&self, span: Span) -> bool {
        self.faulty.contains(&span.start)
    }

    /// Whether anything is an error.
    pub(super) fn has_errors(&self) -> bool {
        self.list.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Everything, in the order of the document.
    pub(super) fn finish(self) -> Vec<Diagnostic> {
        let mut list = self.list;
        list.sort_by_key(|finding| finding.span.start);
        list
    }
}
