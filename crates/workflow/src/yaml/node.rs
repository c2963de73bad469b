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

/// An anchor and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// Its name, without `&`.
    pub name: String,
    /// Where it stands, with its `&`.
    pub span: Span,
}

impl Node<'_> {
    /// The same without borrowing from the text; what aliases shared is there as often as it was named.
    #[must_use]
    pub fn into_owned(self) -> Node<'static> {
        let kind = match self.kind {
            NodeKind::Null => NodeKind::Null,
            NodeKind::Bool(value) => NodeKind::Bool(value),
            NodeKind::Number(value, text) => NodeKind::Number(value, text.into_owned().into()),
            NodeKind::String(text) => NodeKind::String(text.into_owned().into()),
            NodeKind::Sequence(items) => NodeKind::Sequence(items.iter().cloned().map(Node::into_owned).collect()),
            NodeKind::Mapping(pairs) => NodeKind::Mapping(
                pairs.iter().cloned().map(|(key, value)| (key.into_owned(), value.into_owned())).collect(),
            ),
        };
        Node { kind, span: self.span }
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::String(text) => Some(text),
            _ => None,
        }
    }
}
