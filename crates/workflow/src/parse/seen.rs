//! Which keys of a mapping were there.

use std::collections::HashSet;
use std::sync::Arc;

/// The keys of a mapping so far, ignoring case.
pub(super) enum Seen {
    /// Few: compared one by one.
    Few(Vec<Arc<str>>),
    /// Many: folded.
    Many(HashSet<String>),
}

impl Seen {
    pub(super) fn new(count: usize) -> Self {
        if count <= 24 { Self::Few(Vec::with_capacity(count)) } else { Self::Many(HashSet::with_capacity(count)) }
    }

    /// Takes note of a key; says whether it is new.
    pub(super) fn insert(&mut self, name: &Arc<str>) -> bool {
        match self {
            Self::Few(list) => {
                let is_new = !list.iter().any(|seen| same(seen, name));
                list.push(Arc::clone(name));
                is_new
            }
            Self::Many(set) => set.insert(name.to_lowercase()),
        }
    }

    /// Takes a key back.
    pub(super) fn forget(&mut self, name: &str) {
        match self {
            Self::Few(list) => list.retain(|seen| !same(seen, name)),
            Self::Many(set) => {
                set.remove(&name.to_lowercase());
            }
        }
    }

    /// Whether the key was there.
    pub(super) fn contains(&self, name: &str) -> bool {
        match self {
            Self::Few(list) => list.iter().any(|seen| same(seen, name)),
            Self::Many(set) => set.contains(name),
        }
    }
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || !(a.is_ascii() && b.is_ascii()) && a.to_lowercase() == b.to_lowercase()
}
