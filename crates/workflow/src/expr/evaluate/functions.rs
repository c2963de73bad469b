//! The functions. Arguments are evaluated as late as the reference does it, and each at most once.

use super::{Evaluator, Outcome};
use crate::expr::{EvaluationError, Function, Node, Value, fold, format, json};

impl Evaluator<'_> {
    pub(super) fn call(
        &mut self,
        function: Function,
        arguments: &[Node],
        level: usize,
    ) -> Result<Outcome, EvaluationError> {
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
        let pieces = format::pieces(&format, arguments.len())?;
        let mut counter = self.memory.counter();
        for piece in &pieces {
            if let format::Piece::Text(text) = piece {
                counter.text(text)?;
            }
        }
        // Arguments are evaluated when they are first needed, once.
        let mut known: Vec<Option<Value>> = vec![None; arguments.len()];
        let mut out = String::new();
        for piece in pieces {
            match piece {
                format::Piece::Text(text) => out.push_str(text),
                format::Piece::Argument { index, specifiers } => {
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
