//! The nodes of a template.

use crate::expr::Expression;
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
    /// `${{ insert }}`: what [`super::scan`] gives for it. It may only stand as a key, where it becomes [`TemplateKey::Insert`].
    Insert,
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

impl TemplateKey {
    /// Where it stands.
    #[must_use]
    pub const fn span(&self) -> Span {
        match self {
            Self::Literal(key) => key.span,
            Self::Expression(key) => key.span,
            Self::Insert(span) => *span,
        }
    }
}

/// A compiled expression of a scalar: the text between `${{` and `}}`, the `format(…)` made of mixed text, or a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpressionText {
    /// The canonical text, as the reference keeps it and conformance data compares it.
    pub text: Arc<str>,
    /// That text, compiled.
    pub expression: Expression,
    /// The expressions as they were written, one for each `${{ }}`; of a condition without `${{ }}`, the whole.
    pub parts: Arc<[ExpressionPart]>,
}

/// One `${{ }}` of a scalar.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpressionPart {
    /// The expression as written.
    pub expression: Expression,
    /// The first byte of its text within the value of the scalar (after quotes, escapes and folding were undone).
    pub position: usize,
}

impl Template {
    /// Whether nothing in it must be evaluated.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.expressions().next().is_none()
            && !self.any(|node| match &node.kind {
                TemplateKind::Mapping(pairs) => pairs.iter().any(|(key, _)| matches!(key, TemplateKey::Insert(_))),
                TemplateKind::Insert => true,
                _ => false,
            })
    }

    /// The text of a literal string.
    #[must_use]
    pub fn as_literal_str(&self) -> Option<&Arc<str>> {
        match &self.kind {
            TemplateKind::String(text) => Some(text),
            _ => None,
        }
    }

    /// Every expression in it, keys included, with the place of its scalar, in the order of the file.
    pub fn expressions(&self) -> impl Iterator<Item = Spanned<&ExpressionText>> {
        enum At<'t> {
            Node(&'t Template),
            Key(&'t TemplateKey),
        }
        let mut stack = vec![At::Node(self)];
        std::iter::from_fn(move || {
            loop {
                match stack.pop()? {
                    At::Key(TemplateKey::Expression(key)) => return Some(Spanned::new(&key.value, key.span)),
                    At::Key(_) => {}
                    At::Node(node) => match &node.kind {
                        TemplateKind::Expression(expression) => return Some(Spanned::new(expression, node.span)),
                        TemplateKind::Sequence(items) => stack.extend(items.iter().rev().map(At::Node)),
                        TemplateKind::Mapping(pairs) => {
                            for (key, value) in pairs.iter().rev() {
                                stack.push(At::Node(value));
                                stack.push(At::Key(key));
                            }
                        }
                        _ => {}
                    },
                }
            }
        })
    }

    /// Whether a node of the tree passes the test.
    fn any(&self, test: impl Fn(&Self) -> bool) -> bool {
        let mut stack = vec![self];
        while let Some(node) = stack.pop() {
            if test(node) {
                return true;
            }
            match &node.kind {
                TemplateKind::Sequence(items) => stack.extend(items),
                TemplateKind::Mapping(pairs) => stack.extend(pairs.iter().map(|(_, value)| value)),
                _ => {}
            }
        }
        false
    }

    /// The value of a literal key of a mapping; case does not matter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let TemplateKind::Mapping(pairs) = &self.kind else { return None };
        pairs.iter().find_map(|(key, value)| match key {
            TemplateKey::Literal(key) if key.value.eq_ignore_ascii_case(name) => Some(value),
            _ => None,
        })
    }
}
