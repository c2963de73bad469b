//! What was found wrong so far. A place that is at fault once is not reported again by a later check.

use crate::diagnostic::{Diagnostic, Severity, code};
use crate::yaml::Span;
use std::collections::HashSet;

/// So many findings of one file are kept; who mends these can ask again.
const MOST: usize = 500;

/// So many of them come with a guess at what was meant.
const MOST_HELPED: usize = 50;

/// So many characters of expressions one file may hold: nobody writes so many, and each costs more than ten of anything else.
const EXPRESSIONS: usize = 200_000;

/// The findings of one file.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Diagnostic>,
    /// First bytes of values that are at fault.
    faulty: HashSet<u32>,
    has_errors: bool,
    /// Characters of expressions so far.
    expressions: usize,
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
        self.push(Diagnostic { code, severity: Severity::Error, message: message.into(), help, span });
    }

    /// Reports an error, unless the place is at fault already: for checks that build on earlier ones.
    pub(super) fn check(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        if !self.is_faulty(span) {
            self.error(code, span, message);
        }
    }

    /// Reports a warning.
    pub(super) fn warning(&mut self, code: &'static str, span: Span, message: impl Into<String>, help: Option<String>) {
        self.push(Diagnostic { code, severity: Severity::Warning, message: message.into(), help, span });
    }

    fn push(&mut self, finding: Diagnostic) {
        let first_error = finding.severity == Severity::Error && !self.has_errors;
        self.has_errors |= first_error;
        if self.is_full() && first_error {
            // Among so many warnings, what makes the file invalid must be there.
            self.list.pop();
        }
        if !self.is_full() {
            self.list.push(finding);
        }
    }

    /// Whether an expression of so many characters may be parsed; the first that is too much for the file is reported.
    pub(super) fn admits_expression(&mut self, characters: usize, span: Span) -> bool {
        let admitted_before = self.expressions <= EXPRESSIONS;
        self.expressions = self.expressions.saturating_add(characters);
        let admitted = self.expressions <= EXPRESSIONS;
        if admitted_before && !admitted {
            self.error(code::LIMIT, span, format!("More than {EXPRESSIONS} characters of expressions in one file"));
        }
        admitted
    }

    /// Whether no more findings are kept: then their words need not be made.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= MOST
    }

    /// Whether what was meant is still looked for: in a file with so many findings it is not a slip.
    pub(super) fn helps(&self) -> bool {
        self.list.len() < MOST_HELPED
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
    pub(super) const fn has_errors(&self) -> bool {
        self.has_errors
    }

    /// Everything, in the order of the document.
    pub(super) fn finish(self) -> Vec<Diagnostic> {
        let mut list = self.list;
        list.sort_by_key(|finding| finding.span.start);
        list
    }
}
