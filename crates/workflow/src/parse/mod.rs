//! From a spanned tree to the model, reporting every fault in the order of the document.

use crate::diagnostic::Diagnostic;

/// A parsed file and what was found on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed<T> {
    /// The value; absent when a diagnostic is an error.
    pub value: Option<T>,
    /// Findings in the order of the document.
    pub diagnostics: Vec<Diagnostic>,
}
