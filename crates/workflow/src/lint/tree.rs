//! Reading template mappings by key.

use crate::template::{Template, TemplateKey, TemplateKind};
use crate::yaml::Spanned;
use std::sync::Arc;

/// The literal entries of a mapping; nothing for other nodes.
pub(super) fn entries(node: &Template) -> impl Iterator<Item = (&Spanned<Arc<str>>, &Template)> {
    let pairs = match &node.kind {
        TemplateKind::Mapping(pairs) => pairs.as_slice(),
        _ => &[],
    };
    pairs.iter().filter_map(|(key, value)| match key {
        TemplateKey::Literal(key) => Some((key, value)),
        TemplateKey::Expression(_) | TemplateKey::Insert(_) => None,
    })
}

/// The value of a key; ids ignore case, keys of the language do not matter here because faults are reported elsewhere.
pub(super) fn get<'a>(node: &'a Template, key: &str) -> Option<&'a Template> {
    entries(node).find(|(name, _)| name.value.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}

/// Which of the keys a mapping lacks; nothing for other nodes.
pub(super) fn lacks<'k>(node: &Template, keys: &[&'k str]) -> Option<&'k str> {
    if !matches!(node.kind, TemplateKind::Mapping(_)) {
        return None;
    }
    keys.iter().copied().find(|key| get(node, key).is_none_or(|value| matches!(value.kind, TemplateKind::Null)))
}

/// A literal string.
pub(super) fn text(node: &Template) -> Option<&str> {
    match &node.kind {
        TemplateKind::String(text) => Some(text),
        _ => None,
    }
}

/// A literal scalar as people see it.
pub(super) fn scalar(node: &Template) -> Option<String> {
    match &node.kind {
        TemplateKind::String(text) | TemplateKind::Number(_, text) => Some(text.to_string()),
        TemplateKind::Bool(value) => Some(value.to_string()),
        TemplateKind::Null
        | TemplateKind::Insert
        | TemplateKind::Expression(_)
        | TemplateKind::Sequence(_)
        | TemplateKind::Mapping(_) => None,
    }
}

/// The items of a sequence, or the node itself when it is a scalar: what keys with "one or more" hold.
pub(super) fn items(node: &Template) -> &[Template] {
    match &node.kind {
        TemplateKind::Sequence(items) => items,
        TemplateKind::String(_) | TemplateKind::Number(..) | TemplateKind::Expression(_) => std::slice::from_ref(node),
        TemplateKind::Null | TemplateKind::Insert | TemplateKind::Bool(_) | TemplateKind::Mapping(_) => &[],
    }
}

/// Whether the node or anything in it holds an expression.
pub(super) fn has_expression(node: &Template) -> bool {
    match &node.kind {
        TemplateKind::Expression(_) | TemplateKind::Insert => true,
        TemplateKind::Sequence(items) => items.iter().any(has_expression),
        TemplateKind::Mapping(pairs) => {
            pairs.iter().any(|(key, value)| !matches!(key, TemplateKey::Literal(_)) || has_expression(value))
        }
        TemplateKind::Null | TemplateKind::Bool(_) | TemplateKind::Number(..) | TemplateKind::String(_) => false,
    }
}
