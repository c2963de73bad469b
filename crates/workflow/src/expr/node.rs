//! The tree of an expression. Read-only for others: the linter walks it.

use super::{Function, Value};
use std::ops::Range;
use std::sync::Arc;

/// One node and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its bytes within the text of the expression, without enclosing parentheses.
    pub span: Range<u32>,
}

/// The kinds of nodes.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// `null`, `true`, `1`, `'text'`; the name after a `.` too.
    Literal(Value),
    /// A context, as written.
    Context(Arc<str>),
    /// A call.
    Call {
        /// What is called.
        function: Function,
        /// The bytes of its name.
        name: Range<u32>,
        /// What it is given.
        arguments: Vec<Node>,
    },
    /// `target.name`, `target[index]`, `target.*`
    Index {
        /// What is looked into.
        target: Box<Node>,
        /// A literal for `.name`, [`NodeKind::Wildcard`] for `*`.
        index: Box<Node>,
    },
    /// `*`, only as the index of [`NodeKind::Index`].
    Wildcard,
    /// `!operand`
    Not(Box<Node>),
    /// `left == right` and the like.
    Compare {
        /// How.
        operator: Comparison,
        /// The left side.
        left: Box<Node>,
        /// The right side.
        right: Box<Node>,
    },
    /// `a && b && …`, two operands at least.
    And(Vec<Node>),
    /// `a || b || …`, two operands at least.
    Or(Vec<Node>),
}

/// A comparing operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// As written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl Node {
    /// The nodes directly below, in the order of the text.
    pub fn children(&self) -> impl DoubleEndedIterator<Item = &Self> {
        let (one, two, many): (Option<&Self>, Option<&Self>, &[Self]) = match &self.kind {
            NodeKind::Literal(_) | NodeKind::Context(_) | NodeKind::Wildcard => (None, None, &[]),
            NodeKind::Call { arguments, .. } => (None, None, arguments),
            NodeKind::Index { target, index } => (Some(target), Some(index), &[]),
            NodeKind::Not(operand) => (Some(operand), None, &[]),
            NodeKind::Compare { left, right, .. } => (Some(left), Some(right), &[]),
            NodeKind::And(operands) | NodeKind::Or(operands) => (None, None, operands),
        };
        one.into_iter().chain(two).chain(many)
    }

    /// How deep the tree below is, as it counts against [`super::MAX_DEPTH`], which bounds this recursion.
    pub(crate) fn depth(&self) -> usize {
        1 + self.children().map(Self::depth).max().unwrap_or(0)
    }

    /// This node and all below, each before its children.
    pub fn walk(&self) -> impl Iterator<Item = &Self> {
        let mut stack = vec![self];
        std::iter::from_fn(move || {
            let node = stack.pop()?;
            stack.extend(node.children().rev());
            Some(node)
        })
    }
}
