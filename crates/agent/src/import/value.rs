//! Values of a `config.yaml` as Go's YAML library gives them to the runners: what they take as text, truth, number and time.

use std::time::Duration;
use workflow::yaml::{Node, NodeKind};

/// A single value as text; `None` for lists and mappings.
pub(super) fn text(node: &Node<'_>) -> Option<String> {
    match &node.kind {
        NodeKind::Null => Some(String::new()),
        NodeKind::Bool(value) => Some(value.to_string()),
        NodeKind::Number(_, text) => Some(text.to_string()),
        NodeKind::String(text) => Some(text.to_string()),
        NodeKind::Sequence(_) | NodeKind::Mapping(_) => None,
    }
}

/// A list of texts; one text counts as a list of it.
pub(super) fn list(node: &Node<'_>) -> Option<Vec<String>> {
    match &node.kind {
        NodeKind::Null => Some(Vec::new()),
        NodeKind::Sequence(items) => items.iter().map(text).collect(),
        _ => text(node).map(|text| vec![text]),
    }
}

/// Names and values.
pub(super) fn pairs(node: &Node<'_>) -> Option<Vec<(String, String)>> {
    match &node.kind {
        NodeKind::Null => Some(Vec::new()),
        NodeKind::Mapping(pairs) => pairs.iter().map(|(key, value)| Some((text(key)?, text(value)?))).collect(),
        _ => None,
    }
}

/// Truth, in the words that Go's library takes where it is wanted.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Some(true),
        "" | "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Some(false),
        _ => None,
    }
}

/// A time as Go writes it: `1h30m`, `1.5s`, `500ms`; a bare number is nanoseconds.
pub(super) fn time(text: &str) -> Option<Duration> {
    if let Ok(nanos) = text.parse::<u64>() {
        return Some(Duration::from_nanos(nanos));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut seconds = 0.0_f64;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, after) = rest.split_at(end);
        let unit_end = after.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let scale = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        rest = next;
    }
    Duration::try_from_secs_f64(seconds).ok().filter(|_| !text.is_empty())
}

/// A time as `ekiden.toml` has it: whole hours, minutes, seconds, or milliseconds, of which there is one at least.
pub(super) fn our_time(time: Duration) -> String {
    let millis = time.as_millis().max(1);
    match millis {
        _ if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
        _ if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        _ if millis.is_multiple_of(1000) => format!("{}s", millis / 1000),
        _ => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::{our_time, time, truth};
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn times_are_those_of_go() {
        for (text, ours) in [
            ("3h", "3h"),
            ("1h30m", "90m"),
            ("1.5s", "1500ms"),
            ("500ms", "500ms"),
            ("90s", "90s"),
            ("2000000000", "2s"),
        ] {
            assert_eq!(time(text).map(our_time).as_deref(), Some(ours), "{text}");
        }
        assert_eq!(time("0"), Some(Duration::ZERO));
        for text in ["", "3", "h", "3x", "-1s", "1h 30m", "99999999999999999999h", "."] {
            assert!(text == "3" || time(text).is_none(), "{text}");
        }
        assert_eq!((truth("yes"), truth("off"), truth("maybe")), (Some(true), Some(false), None));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,20}") {
            let _ = time(&text);
        }
    }
}
