//! Literal values of a matrix: shown, compared, matched as `exclude` matches them.

use super::tree;
use crate::template::{Template, TemplateKind};

/// As people would write it on one line.
pub(super) fn show(node: &Template) -> String {
    match &node.kind {
        TemplateKind::Null => "null".to_owned(),
        TemplateKind::Bool(value) => value.to_string(),
        TemplateKind::Number(_, text) => text.to_string(),
        TemplateKind::String(text) => format!("'{text}'"),
        TemplateKind::Expression(_) | TemplateKind::Insert => "${{ … }}".to_owned(),
        TemplateKind::Sequence(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        TemplateKind::Mapping(_) => {
            let entries: Vec<String> =
                tree::entries(node).map(|(key, value)| format!("{}: {}", key.value, show(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// A text that two literal values share exactly when they are the same: a scalar is what it says, whatever its type; the order of
/// keys does not matter.
pub(super) fn key(node: &Template) -> String {
    match &node.kind {
        TemplateKind::Sequence(items) => format!("[{}]", items.iter().map(key).collect::<Vec<_>>().join(",")),
        TemplateKind::Mapping(_) => {
            let mut entries: Vec<String> = tree::entries(node)
                .map(|(name, value)| format!("{:?}:{}", name.value.to_lowercase(), key(value)))
                .collect();
            entries.sort_unstable();
            format!("{{{}}}", entries.join(","))
        }
        TemplateKind::Null => "null".to_owned(),
        _ => format!("{:?}", tree::scalar(node)),
    }
}

/// Whether two literal values are the same.
pub(super) fn same(a: &Template, b: &Template) -> bool {
    match (&a.kind, &b.kind) {
        (TemplateKind::Sequence(x), TemplateKind::Sequence(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y))
        }
        (TemplateKind::Mapping(_), TemplateKind::Mapping(_)) => {
            tree::entries(a).count() == tree::entries(b).count()
                && tree::entries(b).all(|(key, y)| tree::get(a, &key.value).is_some_and(|x| same(x, y)))
        }
        (TemplateKind::Null, TemplateKind::Null) => true,
        _ => matches!((tree::scalar(a), tree::scalar(b)), (Some(x), Some(y)) if x == y),
    }
}

/// Whether an `exclude` value matches a value of the row: every leaf that it names is equal there; a mapping may name fewer keys,
/// a sequence fewer items.
pub(super) fn matches(value: &Template, wanted: &Template) -> bool {
    match (&value.kind, &wanted.kind) {
        (TemplateKind::Sequence(have), TemplateKind::Sequence(want)) => {
            want.len() <= have.len() && have.iter().zip(want).all(|(have, want)| matches(have, want))
        }
        (TemplateKind::Mapping(_), TemplateKind::Mapping(_)) => tree::entries(wanted)
            .all(|(key, want)| tree::get(value, &key.value).is_some_and(|have| matches(have, want))),
        _ => same(value, wanted),
    }
}
