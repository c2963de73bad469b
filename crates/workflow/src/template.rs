//! Values of a workflow file that may hold expressions: what the reference calls template tokens.

use crate::yaml::{Span, Spanned};
use std::sync::Arc;

/// A node of a file after its `${{ }}` were found and compiled. Spans on everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// What it is.
    pub kind: TemplateKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of template nodes.
#[derive(Debug, Clone, PartialEq)]
pub enum TemplateKind {
    /// `null`, `~` or nothing.
    Null,
    /// A boolean of the core schema.
    Bool(bool),
    /// A number of the core schema; the text as written stands beside it.
    Number(f64, Arc<str>),
    /// A string without expressions.
    String(Arc<str>),
    /// One expression, or several joined to a `format(…)` call.
    Expression(ExpressionText),
    /// A sequence.
    Sequence(Vec<Template>),
    /// A mapping in the order of the file; a key may hold an expression or be `${{ insert }}`.
    Mapping(Vec<(TemplateKey, Template)>),
}

/// A key of a template mapping.
#[derive(Debug, Clone, PartialEq)]
pub enum TemplateKey {
    /// A literal key.
    Literal(Spanned<Arc<str>>),
    /// A key with an expression.
    Expression(Spanned<ExpressionText>),
    /// `${{ insert }}`: the value's entries are merged in here.
    Insert(Span),
}

/// An expression as text, checked and ready to be compiled: the text between `${{` and `}}`, or the `format(…)` made of mixed text.
/// The expression module gives it a compiled form; this type keeps the canonical text that conformance data compares.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpressionText {
    /// The canonical text.
    pub text: Arc<str>,
}
