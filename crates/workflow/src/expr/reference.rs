//! Which contexts, and which of their properties, an expression uses. For the linter and for the engine's "does this need secrets?".

use super::{Expression, Node, NodeKind, Value};
use std::ops::Range;
use std::sync::Arc;

/// One use of a context: `github.event.commits[0].*`.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// The context as written.
    pub context: Arc<str>,
    /// What is looked up in it, outermost first.
    pub path: Vec<Segment>,
    /// The bytes of the whole chain within the expression.
    pub span: Range<u32>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Segment {
    /// `.name`, `['name']` or another literal, as text.
    Property(Arc<str>),
    /// `[0]`
    Index(f64),
    /// `.*`, `[*]`
    Wildcard,
    /// `[…]` with something that is only known when it is evaluated.
    Computed,
}

impl Reference {
    /// Whether it is about this context; case does not matter.
    #[must_use]
    pub fn is_context(&self, name: &str) -> bool {
        self.context.eq_ignore_ascii_case(name)
    }
}

impl Expression {
    /// Every use of a context, in the order of the text.
    #[must_use]
    pub fn references(&self) -> Vec<Reference> {
        let mut found = Vec::new();
        let mut stack: Vec<&Node> = self.root().into_iter().collect();
        while let Some(node) = stack.pop() {
            match chain(node) {
                Some(reference) => {
                    found.push(reference);
                    stack.extend(inner(node).into_iter().rev());
                }
                None => stack.extend(node.children().rev()),
            }
        }
        found
    }
}

/// The node as a chain of lookups that starts at a context.
fn chain(node: &Node) -> Option<Reference> {
    let mut path = Vec::new();
    let mut at = node;
    loop {
        match &at.kind {
            NodeKind::Context(context) => {
                path.reverse();
                return Some(Reference { context: Arc::clone(context), path, span: node.span.clone() });
            }
            NodeKind::Index { target, index } => {
                path.push(match &index.kind {
                    NodeKind::Literal(Value::Number(number)) => Segment::Index(*number),
                    NodeKind::Literal(value) => Segment::Property(value.to_shared_text()),
                    NodeKind::Wildcard => Segment::Wildcard,
                    _ => Segment::Computed,
                });
                at = target;
            }
            _ => return None,
        }
    }
}

/// The computed indexes of a chain, in the order of the text: they may use contexts of their own.
fn inner(node: &Node) -> Vec<&Node> {
    let mut found = Vec::new();
    let mut at = node;
    while let NodeKind::Index { target, index } = &at.kind {
        found.push(index.as_ref());
        at = target;
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::Segment::{Computed, Index, Property, Wildcard};
    use crate::expr::Expression;

    #[test]
    fn chains_are_found_with_their_places() {
        let text = "github.event.commits[0].* == matrix[env.X] && (inputs).a && toJSON(fromJSON(vars.j).b)";
        let expression = Expression::parse(text).unwrap();
        let found: Vec<_> = expression
            .references()
            .into_iter()
            .map(|r| (text[r.span.start as usize..r.span.end as usize].to_owned(), r.path))
            .collect();
        assert_eq!(
            found,
            [
                (
                    "github.event.commits[0].*".to_owned(),
                    vec![Property("event".into()), Property("commits".into()), Index(0.0), Wildcard]
                ),
                ("matrix[env.X]".to_owned(), vec![Computed]),
                ("env.X".to_owned(), vec![Property("X".into())]),
                ("inputs).a".to_owned(), vec![Property("a".into())]),
                ("vars.j".to_owned(), vec![Property("j".into())]),
            ]
        );
    }
}
