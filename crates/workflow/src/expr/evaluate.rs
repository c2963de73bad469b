//! Walks the tree. Recursion is bounded by [`super::MAX_DEPTH`].

mod functions;

use super::availability::context_of;
use super::memory::Memory;
use super::{Comparison, EvaluationError, Node, NodeKind, Scope, Value};
use std::cmp::Ordering;
use std::sync::Arc;

/// What a node gave: a value, or the list that a `*` made, whose further lookups go to each item.
#[derive(Debug, Clone)]
enum Outcome {
    Plain(Value),
    Filtered(Arc<Vec<Value>>),
}

impl Outcome {
    fn value(self) -> Value {
        match self {
            Self::Plain(value) => value,
            Self::Filtered(items) => Value::Array(items),
        }
    }

    fn is_truthy(&self) -> bool {
        match self {
            Self::Plain(value) => value.is_truthy(),
            Self::Filtered(_) => true,
        }
    }
}

impl<T: Into<Value>> From<T> for Outcome {
    fn from(value: T) -> Self {
        Self::Plain(value.into())
    }
}

/// One evaluation.
pub(super) struct Evaluator<'a> {
    scope: &'a dyn Scope,
    memory: Memory,
}

impl<'a> Evaluator<'a> {
    pub(super) const fn new(scope: &'a dyn Scope, memory: usize) -> Self {
        Self { scope, memory: Memory::new(memory) }
    }

    pub(super) fn evaluate(mut self, root: &Node) -> Result<Value, EvaluationError> {
        self.node(root, 0).map(Outcome::value)
    }

    fn value(&mut self, node: &Node, level: usize) -> Result<Value, EvaluationError> {
        self.node(node, level).map(Outcome::value)
    }

    fn node(&mut self, node: &Node, level: usize) -> Result<Outcome, EvaluationError> {
        let mut counted = None;
        let outcome = match &node.kind {
            NodeKind::Literal(value) => Outcome::Plain(value.clone()),
            NodeKind::Wildcard => Outcome::Plain(Value::Null),
            NodeKind::Context(name) => {
                let name = context_of(name);
                let value = if name.bytes().any(|b| b.is_ascii_uppercase()) {
                    self.scope.context(&name.to_ascii_lowercase())
                } else {
                    self.scope.context(name)
                };
                Outcome::Plain(value.unwrap_or_default())
            }
            NodeKind::Not(operand) => Outcome::from(!self.node(operand, level + 1)?.is_truthy()),
            NodeKind::Compare { operator, left, right } => {
                let left = self.value(left, level + 1)?;
                let right = self.value(right, level + 1)?;
                Outcome::from(compare(*operator, &left, &right))
            }
            NodeKind::And(operands) => self.chain(operands, level, false)?,
            NodeKind::Or(operands) => self.chain(operands, level, true)?,
            NodeKind::Index { target, index } => self.index(target, index, level, &mut counted)?,
            NodeKind::Call { function, arguments, .. } => self.call(*function, arguments, level)?,
        };
        match &outcome {
            Outcome::Plain(value) => self.memory.add(level, value, counted)?,
            Outcome::Filtered(items) => self.memory.add(level, &Value::Array(Arc::clone(items)), counted)?,
        }
        Ok(outcome)
    }

    /// The first operand whose truth is `until`, or the last.
    fn chain(&mut self, operands: &[Node], level: usize, until: bool) -> Result<Outcome, EvaluationError> {
        let mut result = Outcome::Plain(Value::Null);
        for operand in operands {
            result = self.node(operand, level + 1)?;
            if result.is_truthy() == until {
                break;
            }
        }
        Ok(result)
    }

    fn index(
        &mut self,
        target: &Node,
        index: &Node,
        level: usize,
        counted: &mut Option<usize>,
    ) -> Result<Outcome, EvaluationError> {
        let target = self.node(target, level + 1)?;
        let wildcard = matches!(index.kind, NodeKind::Wildcard);
        let value = match target {
            Outcome::Filtered(items) => return self.filtered(&items, index, level, counted),
            Outcome::Plain(value) if value.is_primitive() => {
                return Ok(if wildcard { Outcome::Filtered(Arc::default()) } else { Outcome::Plain(Value::Null) });
            }
            Outcome::Plain(value) => value,
        };
        if wildcard {
            let mut counter = self.memory.counter();
            let mut items = Vec::new();
            for item in children(&value) {
                counter.item()?;
                items.push(item.clone());
            }
            *counted = Some(counter.bytes());
            return Ok(Outcome::Filtered(Arc::new(items)));
        }
        let key = self.value(index, level + 1)?;
        Ok(Outcome::Plain(lookup(&value, &key).cloned().unwrap_or_default()))
    }

    /// A lookup in the list that a `*` made goes to each item that is a collection; items without the key are left out.
    fn filtered(
        &mut self,
        items: &[Value],
        index: &Node,
        level: usize,
        counted: &mut Option<usize>,
    ) -> Result<Outcome, EvaluationError> {
        let key = match index.kind {
            NodeKind::Wildcard => None,
            _ => Some(self.value(index, level + 1)?),
        };
        let mut counter = self.memory.counter();
        let mut found = Vec::new();
        for item in items {
            match &key {
                None => {
                    for child in children(item) {
                        counter.item()?;
                        found.push(child.clone());
                    }
                }
                Some(key) => {
                    if let Some(child) = lookup(item, key) {
                        counter.item()?;
                        found.push(child.clone());
                    }
                }
            }
        }
        *counted = Some(counter.bytes());
        Ok(Outcome::Filtered(Arc::new(found)))
    }
}

fn compare(operator: Comparison, left: &Value, right: &Value) -> bool {
    match operator {
        Comparison::Equal => left.loose_eq(right),
        Comparison::NotEqual => !left.loose_eq(right),
        Comparison::Less => left.loose_cmp(right) == Some(Ordering::Less),
        Comparison::LessOrEqual => left.loose_eq(right) || left.loose_cmp(right) == Some(Ordering::Less),
        Comparison::Greater => left.loose_cmp(right) == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => left.loose_eq(right) || left.loose_cmp(right) == Some(Ordering::Greater),
    }
}

/// The items of a list, the values of a mapping, nothing of a primitive.
fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(object) => Box::new(object.values()),
        _ => Box::new(std::iter::empty()),
    }
}

/// What stands at a key of a mapping or an index of a list.
fn lookup<'v>(value: &'v Value, key: &Value) -> Option<&'v Value> {
    match value {
        Value::Object(object) if key.is_primitive() => object.get(&key.to_text()),
        Value::Array(items) => {
            let index = key.to_number();
            if index.is_nan() || index < 0.0 || index.floor() > f64::from(i32::MAX) {
                return None;
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and i32::MAX")]
            items.get(index.floor() as usize)
        }
        _ => None,
    }
}
