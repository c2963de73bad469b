//! Script injection: text of an outsider that becomes part of a script.

use super::contexts;
use crate::expr::{Expression, Function, Node, NodeKind, Reference, Segment};
use std::ops::Range;

/// The outsiders' inputs that an expression puts into its result, with their places. What a function turns into a boolean or a
/// digest is harmless.
pub(super) fn inputs(expression: &Expression) -> Vec<(&'static str, Range<u32>)> {
    let harmless = harmless_ranges(expression);
    let dangerous = |span: &Range<u32>| !harmless.iter().any(|h| h.start <= span.start && span.end <= h.end);
    expression
        .references()
        .iter()
        .filter(|reference| dangerous(&reference.span))
        .filter_map(|reference| Some((contexts::untrusted(&path(reference))?, reference.span.clone())))
        .collect()
}

/// Calls and comparisons whose result holds nothing of their arguments.
fn harmless_ranges(expression: &Expression) -> Vec<Range<u32>> {
    expression
        .nodes()
        .filter(|node: &&Node| match &node.kind {
            NodeKind::Call { function, .. } => {
                matches!(function, Function::Contains | Function::StartsWith | Function::EndsWith | Function::HashFiles)
            }
            NodeKind::Compare { .. } | NodeKind::Not(_) => true,
            _ => false,
        })
        .map(|node| node.span.clone())
        .collect()
}

fn path(reference: &Reference) -> Vec<String> {
    let segments = reference.path.iter().map(|segment| match segment {
        Segment::Property(name) => name.to_lowercase(),
        Segment::Index(_) | Segment::Wildcard | Segment::Computed => "*".to_owned(),
    });
    std::iter::once(reference.context.to_lowercase()).chain(segments).collect()
}

#[cfg(test)]
mod tests {
    use super::inputs;
    use crate::expr::Expression;

    #[test]
    fn only_what_reaches_the_result_is_dangerous() {
        let found = |text: &str| inputs(&Expression::parse(text).expect("valid")).len();
        assert_eq!(found("github.event.issue.title"), 1);
        assert_eq!(found("format('{0}', github.event['issue']['body'])"), 1);
        assert_eq!(found("github.event.commits[0].message || github.head_ref"), 2);
        assert_eq!(found("contains(github.event.issue.title, 'x') && github.ref"), 0);
        assert_eq!(found("github.head_ref == 'main'"), 0);
    }
}
