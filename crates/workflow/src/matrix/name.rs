//! Names and ids of configurations.

use crate::expr::Value;
use std::collections::HashSet;

/// How many UTF-16 units a name may have.
const MAX_NAME: usize = 100;
/// How many characters an id may have.
const MAX_ID: usize = 25;

/// The texts of the leaf primitives, in order; `null` and empty ones left out.
pub(super) fn segments(value: &Value) -> Vec<String> {
    let mut segments = Vec::new();
    let mut stack = vec![value];
    while let Some(value) = stack.pop() {
        match value {
            Value::Array(items) => stack.extend(items.iter().rev()),
            Value::Object(object) => {
                let values: Vec<&Value> = object.values().collect();
                stack.extend(values.into_iter().rev());
            }
            Value::Null => {}
            leaf => {
                let text = leaf.to_text();
                if !text.is_empty() {
                    segments.push(text.into_owned());
                }
            }
        }
    }
    segments
}

/// `name (v1, v2)`, cut at 100 characters.
#[must_use]
pub fn display_name(name: &str, segments: &[String]) -> String {
    let full = if segments.is_empty() { name.to_owned() } else { format!("{name} ({})", segments.join(", ")) };
    if full.len() <= MAX_NAME || full.encode_utf16().count() <= MAX_NAME {
        return full;
    }
    let mut units = 0;
    let mut cut: String = full
        .chars()
        .take_while(|c| {
            units += c.len_utf16();
            units <= MAX_NAME - 3
        })
        .collect();
    cut.push_str("...");
    cut
}

/// Gives each configuration an id of its own.
#[derive(Debug, Default)]
pub struct ConfigurationIds {
    taken: HashSet<String>,
}

impl ConfigurationIds {
    /// An id from the texts of a configuration: legal characters, at most 25, unique ignoring case.
    pub fn next(&mut self, segments: &[String]) -> String {
        let mut base = String::new();
        for segment in segments {
            if !base.is_empty() || segment.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
                base.push('_');
            }
            base.extend(
                segment.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' }),
            );
        }
        if base.is_empty() {
            base.push_str("job");
        }
        if base.starts_with("__") {
            base = format!("_{}", base.trim_start_matches('_'));
        }
        let mut suffix = String::new();
        let mut attempt = 1_u32;
        loop {
            let length = base.len().min(MAX_ID - suffix.len());
            let candidate = format!("{}{suffix}", &base[..length]);
            if self.taken.insert(candidate.to_ascii_lowercase()) {
                return candidate;
            }
            attempt += 1;
            suffix = if base == "_" { attempt.to_string() } else { format!("_{attempt}") };
        }
    }
}
