//! Walks the tree. Recursion is bounded by [`super::MAX_DEPTH`].

use super::memory::Memory;
use super::{Comparison, EvaluationError, Function, Node, NodeKind, Scope, Value, fold, json};
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

    fn call(&mut self, function: Function, arguments: &[Node], level: usize) -> Result<Outcome, EvaluationError> {
        let below = level + 1;
        match function {
            Function::Contains => self.contains(arguments, below).map(Outcome::from),
            Function::StartsWith => self.text_pair(arguments, below, fold::starts_with).map(Outcome::from),
            Function::EndsWith => self.text_pair(arguments, below, fold::ends_with).map(Outcome::from),
            Function::Format => self.format(arguments, below).map(Outcome::from),
            Function::Join => self.join(arguments, below).map(Outcome::from),
            Function::ToJson => {
                let value = self.value(&arguments[0], below)?;
                json::write_counted(&value, self.memory.counter()).map(Outcome::from)
            }
            Function::FromJson => {
                let value = self.value(&arguments[0], below)?;
                json::parse_json(&value.to_text()).map(Outcome::from).map_err(EvaluationError::Json)
            }
            Function::Case => self.case(arguments, below),
            Function::HashFiles => self.hash_files(arguments, below).map(Outcome::from),
            Function::Status(status) => {
                let given = arguments.iter().map(|node| self.value(node, below)).collect::<Result<Vec<_>, _>>()?;
                self.scope.status(status, &given).map(Outcome::from)
            }
        }
    }

    fn contains(&mut self, arguments: &[Node], level: usize) -> Result<bool, EvaluationError> {
        match self.value(&arguments[0], level)? {
            Value::Object(_) => Ok(false),
            Value::Array(items) if items.is_empty() => Ok(false),
            Value::Array(items) => {
                let item = self.value(&arguments[1], level)?;
                Ok(items.iter().any(|candidate| item.loose_eq(candidate)))
            }
            text => {
                let item = self.value(&arguments[1], level)?;
                Ok(item.is_primitive() && fold::contains(&text.to_text(), &item.to_text()))
            }
        }
    }

    fn text_pair(
        &mut self,
        arguments: &[Node],
        level: usize,
        test: fn(&str, &str) -> bool,
    ) -> Result<bool, EvaluationError> {
        let text = self.value(&arguments[0], level)?;
        if !text.is_primitive() {
            return Ok(false);
        }
        let part = self.value(&arguments[1], level)?;
        Ok(part.is_primitive() && test(&text.to_text(), &part.to_text()))
    }

    fn join(&mut self, arguments: &[Node], level: usize) -> Result<String, EvaluationError> {
        let items = match self.value(&arguments[0], level)? {
            Value::Object(_) => return Ok(String::new()),
            Value::Array(items) => items,
            primitive => return Ok(primitive.to_text().into_owned()),
        };
        let mut separator = Value::from(",");
        if items.len() > 1
            && let Some(node) = arguments.get(1)
        {
            let given = self.value(node, level)?;
            if given.is_primitive() {
                separator = given;
            }
        }
        let separator = separator.to_text();
        let mut counter = self.memory.counter();
        let mut joined = String::new();
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                counter.text(&separator)?;
                joined.push_str(&separator);
            }
            let text = item.to_text();
            counter.text(&text)?;
            joined.push_str(&text);
        }
        Ok(joined)
    }

    fn case(&mut self, arguments: &[Node], level: usize) -> Result<Outcome, EvaluationError> {
        let mut pairs = arguments.chunks_exact(2);
        for pair in &mut pairs {
            match self.value(&pair[0], level)? {
                Value::Bool(true) => return self.node(&pair[1], level),
                Value::Bool(false) => {}
                other => return Err(EvaluationError::CasePredicate { found: other.kind() }),
            }
        }
        match pairs.remainder() {
            [default, ..] => self.node(default, level),
            [] => Ok(Outcome::Plain(Value::Null)),
        }
    }

    fn hash_files(&mut self, arguments: &[Node], level: usize) -> Result<String, EvaluationError> {
        let mut patterns = Vec::with_capacity(arguments.len());
        for node in arguments {
            patterns.push(self.value(node, level)?.to_text().into_owned());
        }
        if let Some(option) = patterns.first().filter(|first| first.starts_with("--"))
            && !option.eq_ignore_ascii_case("--follow-symbolic-links")
        {
            return Err(EvaluationError::HashOption { option: option.clone() });
        }
        self.scope.hash_files(&patterns).ok_or(EvaluationError::NeedsHash { patterns })
    }

    fn format(&mut self, arguments: &[Node], level: usize) -> Result<String, EvaluationError> {
        let format = self.value(&arguments[0], level)?;
        let format = format.to_text();
        let arguments = &arguments[1..];
        let pieces = super::format::pieces(&format, arguments.len())?;
        let mut counter = self.memory.counter();
        for piece in &pieces {
            if let super::format::Piece::Text(text) = piece {
                counter.text(text)?;
            }
        }
        // Arguments are evaluated when they are first needed, once.
        let mut known: Vec<Option<Value>> = vec![None; arguments.len()];
        let mut out = String::new();
        for piece in pieces {
            match piece {
                super::format::Piece::Text(text) => out.push_str(text),
                super::format::Piece::Argument { index, specifiers } => {
                    let value = match &known[index] {
                        Some(value) => value.clone(),
                        None => self.value(&arguments[index], level)?,
                    };
                    if !specifiers.is_empty() {
                        return Err(EvaluationError::FormatSpecifiers { specifiers, kind: value.kind() });
                    }
                    let text = value.to_text();
                    if !text.is_empty() {
                        counter.text(&text)?;
                        out.push_str(&text);
                    }
                    known[index] = Some(value);
                }
            }
        }
        Ok(out)
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
