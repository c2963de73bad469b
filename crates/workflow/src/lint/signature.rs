//! What each function takes and gives.

use super::check::Checker;
use super::literal;
use super::types::Type;
use crate::expr::{Function, Node, NodeKind, StatusFunction, Value};

/// Checks the arguments of a call and gives the type of its result.
pub(super) fn check(
    checker: &mut Checker<'_>,
    node: &Node,
    function: Function,
    arguments: &[Node],
    types: &[Type],
) -> Type {
    match function {
        Function::Contains => {
            let list = matches!(types.first(), Some(Type::Array(_) | Type::Any) | None);
            if !list {
                expect_text(checker, function, arguments, types, 0..2);
            }
            Type::Bool
        }
        Function::StartsWith | Function::EndsWith => {
            expect_text(checker, function, arguments, types, 0..2);
            Type::Bool
        }
        Function::Format => {
            expect_text(checker, function, arguments, types, 0..1);
            placeholders(checker, node, arguments);
            Type::String
        }
        Function::Join => {
            if !matches!(types.first(), Some(Type::Array(_))) {
                expect_text(checker, function, arguments, types, 0..1);
            }
            expect_text(checker, function, arguments, types, 1..2);
            Type::String
        }
        Function::ToJson => Type::String,
        Function::FromJson => {
            expect_text(checker, function, arguments, types, 0..1);
            from_json(checker, arguments)
        }
        Function::Case => {
            let values =
                types.iter().enumerate().filter(|(i, _)| i % 2 == 1 || i + 1 == types.len()).map(|(_, t)| t.clone());
            values.reduce(Type::join).unwrap_or(Type::Any)
        }
        Function::HashFiles => {
            expect_text(checker, function, arguments, types, 0..arguments.len());
            Type::String
        }
        Function::Status(
            StatusFunction::Always | StatusFunction::Success | StatusFunction::Failure | StatusFunction::Cancelled,
        ) => Type::Bool,
    }
}

fn expect_text(
    checker: &mut Checker<'_>,
    function: Function,
    arguments: &[Node],
    types: &[Type],
    which: std::ops::Range<usize>,
) {
    for at in which {
        let (Some(argument), Some(given)) = (arguments.get(at), types.get(at)) else { return };
        if !given.is_textual() && *given != Type::Null {
            let message =
                format!("argument {} of {}() is text, but a value of type {given} is given", at + 1, function.name());
            checker.report("expression-argument", argument, message);
        }
    }
}

fn from_json(checker: &mut Checker<'_>, arguments: &[Node]) -> Type {
    let Some(NodeKind::Literal(Value::String(text))) = arguments.first().map(|argument| &argument.kind) else {
        return Type::Any;
    };
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => literal::json(&value),
        Err(error) => {
            checker.report("broken-json", &arguments[0], format!("fromJSON() is given text that is no JSON: {error}"));
            Type::Any
        }
    }
}

/// `{N}` of a literal format text against the number of arguments.
fn placeholders(checker: &mut Checker<'_>, node: &Node, arguments: &[Node]) {
    let Some(NodeKind::Literal(Value::String(text))) = arguments.first().map(|argument| &argument.kind) else { return };
    let given = arguments.len() - 1;
    let Some(used) = used_placeholders(text) else {
        checker.report(
            "format-arguments",
            node,
            format!("'{text}' is no valid text for format(): write '{{{{' for a brace and '{{0}}' for an argument"),
        );
        return;
    };
    if let Some(missing) = used.iter().find(|at| **at >= given) {
        checker.report("format-arguments", node, format!("'{{{missing}}}' has no argument: format() is given {given}"));
    }
    if let Some(idle) = (0..given).find(|at| !used.contains(at)) {
        checker.report(
            "format-arguments",
            node,
            format!("argument {} of format() is not used: the text has no '{{{idle}}}'", idle + 2),
        );
    }
}

/// The numbers of the placeholders; `None` when a brace stands alone.
fn used_placeholders(text: &str) -> Option<Vec<usize>> {
    let mut used = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let tail = &rest[at..];
        if tail.starts_with("{{") || tail.starts_with("}}") {
            rest = &tail[2..];
            continue;
        }
        let inner = tail.strip_prefix('{')?;
        let end = inner.find('}')?;
        used.push(inner[..end].parse().ok()?);
        rest = &inner[end + 1..];
    }
    Some(used)
}
