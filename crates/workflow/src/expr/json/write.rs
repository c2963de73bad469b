//! `toJSON`: indented, with the language's numbers.

use crate::expr::memory::Counter;
use crate::expr::{EvaluationError, Value, format_number};

/// Writes a value as `toJSON` does: two spaces a level, numbers with 15 digits; `NaN` and the infinities are bare words.
#[must_use]
pub fn write_json(value: &Value) -> String {
    let mut writer = Writer { out: String::new(), counter: None };
    // Without a counter nothing can fail.
    let _ = writer.value(value, 0);
    writer.out
}

/// As [`write_json`], within the memory of the evaluation.
pub(in crate::expr) fn write_counted(value: &Value, counter: Counter) -> Result<String, EvaluationError> {
    let mut writer = Writer { out: String::new(), counter: Some(counter) };
    writer.value(value, 0)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    counter: Option<Counter>,
}

impl Writer {
    /// Counts what was written since `from`.
    fn count(&mut self, from: usize) -> Result<(), EvaluationError> {
        match &mut self.counter {
            Some(counter) => counter.text(&self.out[from..]),
            None => Ok(()),
        }
    }

    fn line(&mut self, level: usize) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("  ", level));
    }

    fn value(&mut self, value: &Value, level: usize) -> Result<(), EvaluationError> {
        let from = self.out.len();
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(b) => self.out.push_str(if *b { "true" } else { "false" }),
            Value::Number(n) => self.out.push_str(&format_number(*n)),
            Value::String(text) => quote(&mut self.out, text),
            Value::Array(items) if items.is_empty() => self.out.push_str("[]"),
            Value::Object(object) if object.is_empty() => self.out.push_str("{}"),
            Value::Array(items) => {
                self.out.push('[');
                self.count(from)?;
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        self.out.push(',');
                    }
                    self.line(level + 1);
                    self.value(item, level + 1)?;
                }
                return self.close(']', level);
            }
            Value::Object(object) => {
                self.out.push('{');
                self.count(from)?;
                for (i, (key, item)) in object.iter().enumerate() {
                    let from = self.out.len();
                    if i > 0 {
                        self.out.push(',');
                    }
                    self.line(level + 1);
                    quote(&mut self.out, key);
                    self.out.push_str(": ");
                    self.count(from)?;
                    self.value(item, level + 1)?;
                }
                return self.close('}', level);
            }
        }
        self.count(from)
    }

    fn close(&mut self, bracket: char, level: usize) -> Result<(), EvaluationError> {
        let from = self.out.len();
        self.line(level);
        self.out.push(bracket);
        self.count(from)
    }
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}
