//! A compiled expression.

use super::evaluate::Evaluator;
use super::{
    Availability, EVALUATION_MEMORY, EvaluationError, ExpressionError, ExpressionErrorKind, Function, Node, NodeKind,
    Scope, Value, parser,
};
use std::sync::{Arc, OnceLock};

/// How many characters (UTF-16 units) an expression may have.
pub const MAX_LENGTH: usize = 21_000;
/// How deep its tree may be.
pub const MAX_DEPTH: usize = 50;

/// A compiled expression. Cloning shares it; equal means the same text.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    text: Arc<str>,
    /// Made when it is first asked for where the text was put together of expressions that hold: most of those are never evaluated.
    root: OnceLock<Option<Node>>,
}

impl Expression {
    /// Compiles a text that may use every context and function that workflows know.
    ///
    /// # Errors
    /// When the text is no expression.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        Self::parse_for(text, &Availability::ALL)
    }

    /// Compiles a text that may use what its key has.
    ///
    /// # Errors
    /// When the text is no expression, or uses a context or function that is not available.
    pub fn parse_for(text: &str, availability: &Availability) -> Result<Self, ExpressionError> {
        check_length(text)?;
        let root = parser::parse(text, availability)?;
        Ok(Self(Arc::new(Compiled { text: text.into(), root: OnceLock::from(root) })))
    }

    /// An expression made of others, which were compiled for its key. `depth` is that of the tree which it is to have.
    ///
    /// # Errors
    /// When it is too long or too deep.
    pub(crate) fn joined(text: String, depth: usize) -> Result<Self, ExpressionError> {
        check_length(&text)?;
        if depth > MAX_DEPTH {
            let kind = ExpressionErrorKind::TooDeep;
            let end = text.len();
            return Err(ExpressionError { kind, position: 0, end, token: String::new(), expression: text, help: None });
        }
        Ok(Self(Arc::new(Compiled { text: text.into(), root: OnceLock::new() })))
    }

    /// How deep the tree is, as it counts against [`MAX_DEPTH`]; nothing has no depth.
    pub(crate) fn depth(&self) -> usize {
        self.root().map_or(0, Node::depth)
    }

    /// The condition of an `if` from its own expression: `success() && (…)` when that calls no status function, `success()` when it is
    /// empty.
    ///
    /// # Errors
    /// When the joined expression is too long or too deep.
    pub fn into_condition(self) -> Result<Self, ExpressionError> {
        if self.is_empty() {
            // Most steps and jobs have no `if`: theirs is compiled once.
            static SUCCESS: OnceLock<Expression> = OnceLock::new();
            if let Some(success) = SUCCESS.get() {
                return Ok(success.clone());
            }
            let success = Self::parse("success()")?;
            return Ok(SUCCESS.get_or_init(|| success).clone());
        }
        if self.calls_status() {
            return Ok(self);
        }
        // A chain of `&&` takes the first of its operands in; anything else lies one deeper.
        let depth = match self.root().map(|root| &root.kind) {
            Some(NodeKind::And(_)) => self.depth().max(2),
            _ => self.depth() + 1,
        };
        Self::joined(format!("success() && ({})", self.text()), depth)
    }

    /// The text it was compiled from.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.0.text
    }

    /// The tree; `None` when the text holds nothing.
    #[must_use]
    pub fn root(&self) -> Option<&Node> {
        self.0.root.get_or_init(|| parser::parse(&self.0.text, &Availability::ALL).ok().flatten()).as_ref()
    }

    /// Whether the text holds nothing but white space.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root().is_none()
    }

    /// The text, when the expression is a string literal and nothing else.
    #[must_use]
    pub fn string_literal(&self) -> Option<&Arc<str>> {
        match &self.root()?.kind {
            NodeKind::Literal(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether `success`, `failure`, `cancelled` or `always` is called anywhere.
    #[must_use]
    pub fn calls_status(&self) -> bool {
        self.nodes().any(|node| matches!(node.kind, NodeKind::Call { function: Function::Status(_), .. }))
    }

    /// All nodes, each before its children.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.root().into_iter().flat_map(Node::walk)
    }

    /// Evaluates within 1 MiB. An empty expression gives `null`.
    ///
    /// # Errors
    /// When a function refuses its arguments, memory runs out, or a digest of files is needed.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvaluationError> {
        self.evaluate_within(scope, EVALUATION_MEMORY)
    }

    /// Evaluates within so many bytes, counted as [`super::EVALUATION_MEMORY`] is.
    ///
    /// # Errors
    /// As [`Expression::evaluate`].
    pub fn evaluate_within(&self, scope: &dyn Scope, memory: usize) -> Result<Value, EvaluationError> {
        match self.root() {
            Some(root) => Evaluator::new(scope, memory).evaluate(root),
            None => Ok(Value::Null),
        }
    }
}

fn check_length(text: &str) -> Result<(), ExpressionError> {
    if text.len() > MAX_LENGTH && text.encode_utf16().take(MAX_LENGTH + 1).count() > MAX_LENGTH {
        return Err(ExpressionError {
            kind: ExpressionErrorKind::TooLong,
            position: 0,
            end: text.len(),
            token: String::new(),
            // A text of any size must not be copied into its error.
            expression: text.chars().take(500).collect(),
            help: None,
        });
    }
    Ok(())
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.0.text).finish()
    }
}

impl std::fmt::Display for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.text)
    }
}
