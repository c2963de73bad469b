//! The mappings that a value may still be: those of its shape that know all keys seen so far.

use super::schema::{Key, Mapping, Others, Rule, Shape};

/// A set of the mappings of one shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidates {
    of: &'static [Rule],
    /// One bit for each rule that is left.
    left: u32,
}

impl Candidates {
    /// All mappings of a shape.
    pub(super) fn of(shape: &'static Shape) -> Self {
        let bit = |(at, rule): (usize, &Rule)| {
            if matches!(rule, Rule::Mapping(_) | Rule::RareMapping(_)) { 1 << at } else { 0 }
        };
        Self { of: shape.of, left: shape.of.iter().enumerate().map(bit).sum() }
    }

    fn iter(self) -> impl Iterator<Item = (usize, &'static Mapping)> + Clone {
        self.of.iter().enumerate().filter_map(move |(at, rule)| match rule {
            Rule::Mapping(mapping) | Rule::RareMapping(mapping) if self.left & (1 << at) != 0 => Some((at, *mapping)),
            _ => None,
        })
    }

    /// What keys that are not known mean; `None` when no mapping may stand here at all.
    pub(super) fn others(self) -> Option<&'static Others> {
        self.iter().next().map(|(_, mapping)| &mapping.others)
    }

    /// The shape of values when all keys are free.
    pub(super) fn free_values(self) -> Option<&'static Shape> {
        match self.iter().next() {
            Some((_, Mapping { keys: [], others: Others::Allowed(value) })) => Some(*value),
            _ => None,
        }
    }

    /// The one that is left.
    pub(super) fn only(self) -> Option<&'static Mapping> {
        if self.left.count_ones() == 1 { self.iter().next().map(|(_, mapping)| mapping) } else { None }
    }

    /// The known key of a name; leaves only those that know it, if any does.
    pub(super) fn narrow(&mut self, name: &str) -> Option<&'static Key> {
        let mut found = None;
        let mut left = 0;
        for (at, mapping) in self.iter() {
            if let Some(key) = mapping.keys.iter().find(|key| key.name == name) {
                found = found.or(Some(key));
                left |= 1 << at;
            }
        }
        if left != 0 {
            self.left = left;
        }
        found
    }

    /// The first that knows a key.
    pub(super) fn knowing(self, name: &str) -> Option<&'static Mapping> {
        self.iter().map(|(_, mapping)| mapping).find(|mapping| mapping.keys.iter().any(|key| key.name == name))
    }

    /// All known keys.
    pub(super) fn keys(self) -> impl Iterator<Item = &'static str> + Clone {
        self.iter().flat_map(|(_, mapping)| mapping.keys).map(|key| key.name)
    }

    /// The keys that only one of them knows, in order.
    pub(super) fn telling_keys(self) -> Vec<&'static str> {
        let usual = self.iter().filter(|(at, _)| matches!(self.of.get(*at), Some(Rule::Mapping(_))));
        let mut names: Vec<&str> = usual.flat_map(|(_, mapping)| mapping.keys).map(|key| key.name).collect();
        names.sort_unstable();
        let once = |name: &&str| names.iter().filter(|other| *other == name).count() == 1;
        names.iter().copied().filter(once).collect()
    }
}
