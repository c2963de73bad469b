//! Which keys of a mapping were there, ignoring case.

use crate::template::{Template, TemplateKey};
use std::collections::HashSet;

/// Up to so many keys are compared one by one.
const FEW: usize = 24;

/// The keys of a mapping that were taken; its entries are kept elsewhere.
#[derive(Debug)]
pub(super) enum Seen {
    /// Few, all of ASCII: looked for among the entries.
    Few,
    /// Many, or some with other letters: folded.
    Many(HashSet<String>),
}

impl Seen {
    /// For a mapping of so many keys.
    pub(super) fn new(count: usize) -> Self {
        if count <= FEW { Self::Few } else { Self::Many(HashSet::with_capacity(count)) }
    }

    /// Takes note of a key that becomes an entry; says whether it is new.
    pub(super) fn insert(&mut self, name: &str, entries: &[(TemplateKey, Template)]) -> bool {
        if matches!(self, Self::Few) && !name.is_ascii() {
            let taken = entries.iter().filter_map(|(key, _)| match key {
                TemplateKey::Literal(key) => Some(key.value.to_lowercase()),
                TemplateKey::Expression(_) | TemplateKey::Insert(_) => None,
            });
            *self = Self::Many(taken.collect());
        }
        match self {
            Self::Few => !among(name, entries),
            Self::Many(set) => set.insert(name.to_lowercase()),
        }
    }

    /// Takes a key back.
    pub(super) fn forget(&mut self, name: &str) {
        if let Self::Many(set) = self {
            set.remove(&name.to_lowercase());
        }
    }

    /// Whether the key was there.
    pub(super) fn contains(&self, name: &str, entries: &[(TemplateKey, Template)]) -> bool {
        match self {
            Self::Few => among(name, entries),
            Self::Many(set) => set.contains(name),
        }
    }
}

fn among(name: &str, entries: &[(TemplateKey, Template)]) -> bool {
    entries.iter().any(|(key, _)| matches!(key, TemplateKey::Literal(key) if key.value.eq_ignore_ascii_case(name)))
}
