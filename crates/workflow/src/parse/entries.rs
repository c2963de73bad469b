//! Taking known keys out of a mapping that was read along its shape.

use crate::template::{Template, TemplateKey, TemplateKind};
use crate::yaml::{Span, Spanned};
use std::sync::Arc;

/// The entries of a mapping with literal keys; what has computed keys stays a template and is not taken apart.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pairs: Vec<(TemplateKey, Template)>,
}

impl Entries {
    /// The literal entries of a mapping; none when it is something else, which was reported by then or is one expression.
    pub(super) fn of(template: Template) -> Self {
        match template.kind {
            TemplateKind::Mapping(pairs) => Self { pairs },
            _ => Self::default(),
        }
    }

    /// Takes the value of a key out.
    pub(super) fn take(&mut self, name: &str) -> Option<Template> {
        let at = self.pairs.iter().position(|(key, _)| is_named(key, name))?;
        Some(self.pairs.swap_remove(at).1)
    }

    /// The value of a key.
    pub(super) fn get(&self, name: &str) -> Option<&Template> {
        self.pairs.iter().find(|(key, _)| is_named(key, name)).map(|(_, value)| value)
    }

    /// Where a key stands.
    pub(super) fn key_span(&self, name: &str) -> Option<Span> {
        self.pairs.iter().find(|(key, _)| is_named(key, name)).map(|(key, _)| key.span())
    }

    /// How many there are, computed ones too.
    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Where the keys stand.
    pub(super) fn key_spans(&self) -> impl Iterator<Item = Span> {
        self.pairs.iter().map(|(key, _)| key.span())
    }

    /// All literal entries, in order (as long as nothing was taken).
    pub(super) fn into_list(self) -> impl Iterator<Item = (Spanned<Arc<str>>, Template)> {
        self.pairs.into_iter().filter_map(|(key, value)| match key {
            TemplateKey::Literal(key) => Some((key, value)),
            TemplateKey::Expression(_) | TemplateKey::Insert(_) => None,
        })
    }
}

fn is_named(key: &TemplateKey, name: &str) -> bool {
    matches!(key, TemplateKey::Literal(key) if &*key.value == name)
}

/// A literal string and its place.
pub(super) fn text(template: &Template) -> Option<Spanned<String>> {
    literal(template).map(|text| Spanned::new(text.to_owned(), template.span))
}

/// A literal string.
pub(super) fn literal(template: &Template) -> Option<&str> {
    match &template.kind {
        TemplateKind::String(text) => Some(text),
        _ => None,
    }
}

/// The items of a sequence, or the one value that stands for a sequence of one.
pub(super) fn items(template: Template) -> Vec<Template> {
    match template.kind {
        TemplateKind::Sequence(items) => items,
        TemplateKind::Null => Vec::new(),
        _ => vec![template],
    }
}

/// The literal strings of a sequence, or of the one value that stands for it.
pub(super) fn texts(template: Template) -> Vec<Spanned<String>> {
    items(template).iter().filter_map(text).collect()
}

/// A literal boolean.
pub(super) fn boolean(template: &Template) -> Option<bool> {
    match template.kind {
        TemplateKind::Bool(value) => Some(value),
        _ => None,
    }
}

/// Whether the template or anything in it, keys too, is an expression.
pub(super) fn has_expressions(template: &Template) -> bool {
    match &template.kind {
        TemplateKind::Expression(_) | TemplateKind::Insert => true,
        TemplateKind::Sequence(items) => items.iter().any(has_expressions),
        TemplateKind::Mapping(pairs) => {
            pairs.iter().any(|(key, value)| !matches!(key, TemplateKey::Literal(_)) || has_expressions(value))
        }
        TemplateKind::Null | TemplateKind::Bool(_) | TemplateKind::Number(..) | TemplateKind::String(_) => false,
    }
}
