//! `if` keys that do not mean what they say.

use super::environment::Environment;
use super::linter::{Linter, scan};
use crate::expr::{Expression, Function, NodeKind};
use crate::template::{Template, TemplateKind};

/// Checks an `if`.
pub(super) fn check(linter: &mut Linter<'_>, node: &Template, environment: &Environment) {
    let raw = linter.raw(node.span);
    let found = scan(raw);
    let bare = inner(raw);
    match found.as_slice() {
        [] => {
            let start = node.span.start as usize + (bare.as_ptr() as usize - raw.as_ptr() as usize);
            if let Ok(expression) = Expression::parse(bare) {
                one(linter, node, &expression, start, environment);
            }
        }
        [(text, start)] if is_all(bare, text) => {
            let start = node.span.start as usize + start + (text.len() - text.trim_start().len());
            match &node.kind {
                // As it was compiled when the file was read.
                TemplateKind::Expression(written) if &*written.text == text.trim() => {
                    one(linter, node, &written.expression, start, environment);
                }
                _ => {
                    if let Ok(expression) = Expression::parse(text.trim()) {
                        one(linter, node, &expression, start, environment);
                    }
                }
            }
        }
        // Text around an expression is what `parse` warns of.
        several => {
            for (text, start) in several {
                if let Ok(expression) = Expression::parse(text) {
                    linter.expression(&expression, node.span.start as usize + start, environment);
                }
            }
        }
    }
}

fn one(linter: &mut Linter<'_>, node: &Template, expression: &Expression, start: usize, environment: &Environment) {
    linter.expression(expression, start, environment);
    if !expression.is_empty() && is_constant(expression) {
        linter.warn(
            "constant-condition",
            node.span,
            format!("the condition '{}' never changes: remove the 'if'", expression.text().trim()),
        );
    }
}

/// Whether nothing in the expression depends on the run.
fn is_constant(expression: &Expression) -> bool {
    expression.nodes().all(|node| match &node.kind {
        NodeKind::Context(_) => false,
        NodeKind::Call { function, .. } => !matches!(function, Function::Status(_) | Function::HashFiles),
        _ => true,
    })
}

/// Whether a scalar holds one `${{ }}` and nothing else.
fn is_all(bare: &str, text: &str) -> bool {
    bare.trim().strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}")) == Some(text)
}

/// The text of a plain or quoted scalar, or of a block scalar, without its marks.
fn inner(raw: &str) -> &str {
    let mut raw = raw.trim_end();
    // An anchor belongs to the node that it names.
    if let Some((anchor, rest)) = raw.split_once(' ')
        && anchor.starts_with('&')
    {
        raw = rest.trim_start();
    }
    if let Some(quoted) = raw.strip_prefix(['\'', '"']) {
        return quoted.strip_suffix(['\'', '"']).unwrap_or(quoted);
    }
    match raw.strip_prefix(['|', '>']) {
        // Nothing, but at its place: the caller counts from the start.
        Some(block) => block.split_once('\n').map_or(&block[block.len()..], |(_, text)| text),
        None => raw,
    }
}
