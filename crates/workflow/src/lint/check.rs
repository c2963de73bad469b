//! Infers the type of an expression and says what cannot be meant.

use super::environment::Environment;
use super::signature;
use super::types::Type;
use crate::expr::{Comparison, Expression, Node, NodeKind, Value};
use std::ops::Range;

/// So many properties are named where one is missing.
const MOST_NAMED: usize = 64;

/// So many findings of one expression are kept, as of a file.
const MOST: usize = 500;

/// One finding within an expression.
#[derive(Debug)]
pub(super) struct ExpressionFinding {
    /// The stable code.
    pub(super) code: &'static str,
    /// What is wrong.
    pub(super) message: String,
    /// The bytes of the expression that it is about.
    pub(super) at: Range<u32>,
}

/// The type of an expression, and what is wrong with it.
pub(super) fn infer(expression: &Expression, environment: &Environment) -> (Type, Vec<ExpressionFinding>) {
    let mut checker = Checker { environment, findings: Vec::new() };
    let kind = expression.root().map_or(Type::Null, |root| checker.infer(root));
    (kind, checker.findings)
}

/// Carries the findings through the tree.
pub(super) struct Checker<'a> {
    environment: &'a Environment,
    findings: Vec<ExpressionFinding>,
}

impl Checker<'_> {
    pub(super) fn report(&mut self, code: &'static str, node: &Node, message: String) {
        self.findings.push(ExpressionFinding { code, message, at: node.span.clone() });
    }

    pub(super) fn infer(&mut self, node: &Node) -> Type {
        match &node.kind {
            NodeKind::Literal(value) => literal(value),
            NodeKind::Wildcard => Type::Any,
            NodeKind::Context(name) => self.environment.get(name).cloned().unwrap_or(Type::Any),
            NodeKind::Call { function, arguments, .. } => {
                let types: Vec<Type> = arguments.iter().map(|argument| self.infer(argument)).collect();
                signature::check(self, node, *function, arguments, &types)
            }
            NodeKind::Not(operand) => {
                self.infer(operand);
                Type::Bool
            }
            NodeKind::Compare { operator, left, right } => {
                let (left, right) = (self.infer(left), self.infer(right));
                self.compare(node, *operator, &left, &right);
                Type::Bool
            }
            NodeKind::And(operands) | NodeKind::Or(operands) => {
                let mut types = operands.iter().map(|operand| self.infer(operand));
                let first = types.next().unwrap_or(Type::Any);
                types.fold(first, Type::join)
            }
            NodeKind::Index { target, index } => self.index(node, target, index),
        }
    }

    fn compare(&mut self, node: &Node, operator: Comparison, left: &Type, right: &Type) {
        let sensible = match operator {
            Comparison::Equal | Comparison::NotEqual => left.is_comparable(right),
            Comparison::Less | Comparison::LessOrEqual | Comparison::Greater | Comparison::GreaterOrEqual => {
                left.is_ordered() && right.is_ordered()
            }
        };
        if !sensible {
            let message = format!(
                "a value of type {left} cannot be compared with one of type {right} by '{}'",
                operator.as_str()
            );
            self.report("expression-comparison", node, message);
        }
    }

    fn index(&mut self, node: &Node, target: &Node, index: &Node) -> Type {
        let from = self.infer(target);
        let filtered = is_filtered(target);
        if let (Type::Object(_), NodeKind::Literal(value)) = (&from, &index.kind)
            && !matches!(value, Value::String(_))
        {
            self.report("expression-type", node, "an object is indexed by a string".to_owned());
        }
        match &index.kind {
            NodeKind::Wildcard => match from {
                Type::Array(item) => Type::Array(item),
                Type::Object(object) => Type::array(object.any_value()),
                Type::Any => Type::array(Type::Any),
                other => {
                    self.report(
                        "expression-type",
                        node,
                        format!("'*' needs an object or an array, not a value of type {other}"),
                    );
                    Type::Any
                }
            },
            NodeKind::Literal(Value::String(name)) => match from {
                Type::Array(item) if filtered => Type::array(self.property(node, Type::clone(&item), name)),
                other => self.property(node, other, name),
            },
            _ => {
                let by = self.infer(index);
                match from {
                    Type::Array(item) => {
                        if !matches!(by, Type::Any | Type::Number) {
                            self.report(
                                "expression-type",
                                node,
                                format!("an array is indexed by a number, not by a value of type {by}"),
                            );
                        }
                        Type::clone(&item)
                    }
                    Type::Object(object) => {
                        if !matches!(by, Type::Any | Type::String) {
                            self.report(
                                "expression-type",
                                node,
                                format!("an object is indexed by a string, not by a value of type {by}"),
                            );
                        }
                        object.any_value()
                    }
                    Type::Any => Type::Any,
                    other => {
                        self.report("expression-type", node, format!("a value of type {other} has no elements"));
                        Type::Any
                    }
                }
            }
        }
    }

    fn property(&mut self, node: &Node, from: Type, name: &str) -> Type {
        match from {
            Type::Any => Type::Any,
            Type::Object(object) => object.property(name).unwrap_or_else(|| {
                if self.findings.len() >= MOST {
                    return Type::Any;
                }
                let mut known: Vec<&str> = object.properties.keys().map(String::as_str).take(MOST_NAMED + 1).collect();
                if known.len() > MOST_NAMED {
                    known[MOST_NAMED] = "…";
                }
                let among = if known.is_empty() {
                    "there are none".to_owned()
                } else {
                    format!("there are: {}", known.join(", "))
                };
                self.report("undefined-property", node, format!("there is no property '{name}'; {among}"));
                Type::Any
            }),
            other => {
                self.report("expression-type", node, format!("'.{name}' needs an object, not a value of type {other}"));
                Type::Any
            }
        }
    }
}

/// Whether the value is what a `.*` gave, so that a property is looked up in each of its items.
fn is_filtered(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Index { target, index } => matches!(index.kind, NodeKind::Wildcard) || is_filtered(target),
        _ => false,
    }
}

fn literal(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Number(_) => Type::Number,
        Value::String(_) => Type::String,
        Value::Array(_) | Value::Object(_) => Type::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<&'static str> {
        let environment = Environment::of([
            ("runner", Type::strings(&["os"])),
            ("matrix", Type::strict([("n", Type::Number), ("list", Type::array(Type::strings(&["a"])))])),
        ]);
        let expression = Expression::parse(text).expect("valid");
        infer(&expression, &environment).1.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn what_cannot_be_meant_is_found() {
        for (text, code) in [
            ("runner.oss", "undefined-property"),
            ("runner['oss']", "undefined-property"),
            ("runner.os.name", "expression-type"),
            ("matrix.list.*.b", "undefined-property"),
            ("matrix.list == 1", "expression-comparison"),
            ("matrix.n > true", "expression-comparison"),
            ("join(runner, 1 == 1)", "expression-argument"),
            ("contains(matrix.n.x, 'a')", "expression-type"),
            ("fromJSON('{')", "broken-json"),
            ("format('{0} {2}', 1, 2, 3) == format('{', 1)", "format-arguments"),
        ] {
            assert!(findings(text).contains(&code), "{text}: {:?}", findings(text));
        }
    }

    #[test]
    fn what_can_be_meant_is_left_alone() {
        for text in [
            "runner.OS == 'Linux' && matrix.n || github.anything.at.all",
            "matrix.list.*.a[0]",
            "contains(matrix.list.*.a, 'x')",
            "contains(fromJSON('[1, 2]'), matrix.n)",
            "fromJSON('{\"a\": {\"b\": 1}}').a.b > 0",
            "format('{{}} {0}', matrix.n)",
            "startsWith(github.ref, 'refs/tags/') == true",
            "case(matrix.n == 1, 'a', 'b')",
        ] {
            assert_eq!(findings(text), [""; 0], "{text}");
        }
    }
}
