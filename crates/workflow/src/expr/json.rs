//! JSON as the language writes and reads it: `toJSON`, `fromJSON`, and what `ekiden eval` prints.

use super::memory::Counter;
use super::{EvaluationError, JsonError, Object, Value, number::format_number};

/// How deep JSON may be nested.
const MAX_DEPTH: usize = 100;

/// Writes a value as `toJSON` does: two spaces a level, numbers with 15 digits; `NaN` and the infinities are bare words.
#[must_use]
pub fn write_json(value: &Value) -> String {
    let mut writer = Writer { out: String::new(), counter: None };
    // Without a counter nothing can fail.
    let _ = writer.value(value, 0);
    writer.out
}

/// As [`write_json`], within the memory of the evaluation.
pub(super) fn write_counted(value: &Value, counter: Counter) -> Result<String, EvaluationError> {
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

/// Reads strict JSON: no comments, no trailing commas, at most 100 levels; of keys that differ only in case the last wins.
///
/// # Errors
/// When the text is no JSON.
pub fn parse_json(text: &str) -> Result<Value, JsonError> {
    let mut reader = Reader { text, at: 0 };
    reader.space();
    if reader.at == text.len() {
        return Err(reader.error("the text is empty, a JSON value was expected"));
    }
    let value = reader.value(1)?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.error("unexpected text after the JSON value"));
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn error(&self, problem: impl Into<String>) -> JsonError {
        let before = &self.text[..self.at];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        JsonError {
            problem: problem.into(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    fn unexpected(&self, expected: &str) -> JsonError {
        match self.text[self.at..].chars().next() {
            Some(c) => self.error(format!("unexpected character '{c}', {expected} was expected")),
            None => self.error(format!("unexpected end of the text, {expected} was expected")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps over one byte when it is there.
    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        if there {
            self.at += 1;
        }
        there
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Value::from),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                for (word, value) in [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)]
                {
                    if self.text[self.at..].starts_with(word) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                Err(self.unexpected("a JSON value"))
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.take(b']') {
            return Ok(Value::array(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take(b']') {
                return Ok(Value::array(items));
            }
            if !self.take(b',') {
                return Err(self.unexpected("',' or ']'"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut object = Object::new();
        self.space();
        if self.take(b'}') {
            return Ok(Value::object(object));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let key = self.string()?;
            self.space();
            if !self.take(b':') {
                return Err(self.unexpected("':'"));
            }
            self.space();
            let value = self.value(depth + 1)?;
            object.insert(key, value);
            self.space();
            if self.take(b'}') {
                return Ok(Value::object(object));
            }
            if !self.take(b',') {
                return Err(self.unexpected("',' or '}'"));
            }
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') && self.digits() == 0 {
            return Err(self.unexpected("a digit"));
        }
        if self.take(b'.') && self.digits() == 0 {
            return Err(self.unexpected("a digit"));
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            if self.digits() == 0 {
                return Err(self.unexpected("a digit"));
            }
        }
        self.text[start..self.at].parse().map(Value::Number).map_err(|_| self.unexpected("a number"))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|b| b != b'"' && b != b'\\' && b >= 0x20) {
                self.at += 1;
            }
            text.push_str(&self.text[start..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return Err(self.error("a control character in a string must be escaped")),
                None => return Err(self.unexpected("'\"'")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        self.at += 1;
        let c = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                let high = self.hex()?;
                if !(0xd800..0xe000).contains(&high) {
                    return char::from_u32(high).ok_or_else(|| self.error("an escape is no character"));
                }
                if high < 0xdc00 && self.text[self.at..].starts_with("\\u") {
                    self.at += 2;
                    let low = self.hex()?;
                    if (0xdc00..0xe000).contains(&low) {
                        let c = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                        return char::from_u32(c).ok_or_else(|| self.error("an escape is no character"));
                    }
                }
                return Err(self.error("half of a surrogate pair in an escape"));
            }
            _ => return Err(self.unexpected("an escape such as \\n")),
        };
        self.at += 1;
        Ok(c)
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(unit) => {
                self.at += 4;
                Ok(unit)
            }
            None => Err(self.unexpected("four hexadecimal digits")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{parse_json, write_json};
    use crate::expr::Value;

    #[test]
    fn reads_strict_json() {
        let value = parse_json(" {\"a\": [1, -2.5e3, true, null, \"x\\u00e9\\ud83d\\ude00\\n\"], \"A\": 2} ").unwrap();
        assert_eq!(value.get("a"), Some(&Value::Number(2.0)));
        assert_eq!(parse_json("1e999").unwrap(), Value::Number(f64::INFINITY));
        for (bad, place) in [
            ("", (1, 1)),
            ("[1,]", (1, 4)),
            ("{\"a\":1,}", (1, 8)),
            ("'a'", (1, 1)),
            ("// x\n1", (1, 1)),
            ("[\n  01]", (2, 4)),
            ("\"\\ud800\"", (1, 8)),
            ("\"\n\"", (1, 2)),
            ("1 2", (1, 3)),
            ("NaN", (1, 1)),
            ("+1", (1, 1)),
            (".5", (1, 1)),
            ("[", (1, 2)),
        ] {
            let error = parse_json(bad).unwrap_err();
            assert_eq!((error.line, error.column), place, "{bad}: {error}");
        }
        assert!(parse_json(&"[".repeat(100_000)).is_err());
        assert!(parse_json(&format!("{}{}", "[".repeat(100), "]".repeat(100))).is_ok());
    }

    #[test]
    fn writes_as_the_reference() {
        let value = parse_json("{\"a\":[],\"b\":{},\"c\":[1,{\"d\":null}],\"e\":\"\\u0001/'<é\\u2028\"}").unwrap();
        assert_eq!(
            write_json(&value),
            "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": null\n    }\n  ],\n  \"e\": \"\\u0001/'<é\\u2028\"\n}"
        );
    }
}
