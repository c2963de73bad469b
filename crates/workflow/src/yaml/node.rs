//! The tree of a document.

use super::Span;
use std::borrow::Cow;
use std::rc::Rc;

/// One node; cheap to clone, so that an alias shares what its anchor holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Node<'a> {
    /// What it is.
    pub kind: NodeKind<'a>,
    /// Where it stands; for an alias: where its anchor's node stands.
    pub span: Span,
}

/// The kinds of nodes, by the core schema.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind<'a> {
    /// `null`, `~` or nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number, and its text.
    Number(f64, Cow<'a, str>),
    /// A string.
    String(Cow<'a, str>),
    /// A sequence.
    Sequence(Rc<[Node<'a>]>),
    /// A mapping; keys are not checked for duplicates here.
    Mapping(Rc<[(Node<'a>, Node<'a>)]>),
}

impl Node<'_> {
    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::String(text) => Some(text),
            _ => None,
        }
    }
}
