//! Whether a scalar fits a shape, and how both are named.

use super::schema::{Rule, Shape, Text};
use crate::expr::format_number;
use crate::yaml::NodeKind;

/// Whether a string is among those.
pub(super) fn matches(text: &Text, value: &str) -> bool {
    match text {
        Text::Any => true,
        Text::NonEmpty => !value.is_empty(),
        Text::OneOf(words) => words.contains(&value),
        Text::Placeholder => value
            .strip_prefix('$')
            .is_some_and(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')),
    }
}

/// A scalar as a string, independent of how it was written.
pub(super) fn as_text(kind: &NodeKind<'_>) -> String {
    match kind {
        NodeKind::Bool(value) => value.to_string(),
        NodeKind::Number(value, _) => format_number(*value),
        NodeKind::String(text) => text.to_string(),
        NodeKind::Null | NodeKind::Sequence(_) | NodeKind::Mapping(_) => String::new(),
    }
}

/// What a shape takes, in words.
pub(super) fn expected(shape: &Shape) -> Option<String> {
    let mut words: Vec<&str> = shape
        .of
        .iter()
        .filter(|rule| !matches!(rule, Rule::Text(Text::Placeholder)))
        .map(|rule| match rule {
            Rule::Null => "nothing",
            Rule::Bool => "true or false",
            Rule::Number => "a number",
            Rule::Text(Text::NonEmpty) => "a text that is not empty",
            Rule::Text(_) => "a text",
            Rule::Sequence(_) => "a sequence",
            Rule::Mapping(_) | Rule::RareMapping(_) => "a mapping",
        })
        .collect();
    words.dedup();
    (!words.is_empty()).then(|| format!("expected here: {}", words.join(", or ")))
}
