//! Mappings of the expression language.

use super::{Value, fold};
use indexmap::IndexMap;
use std::sync::Arc;

/// A mapping that keeps the order of insertion. Keys are looked up ignoring case, but for the `env` context on Unix.
#[derive(Debug, Clone, Default)]
pub struct Object {
    /// Keyed by the folded key (or the key itself when case matters); holds the key as written, and the value.
    entries: IndexMap<Box<str>, (Arc<str>, Value)>,
    keys: Keys,
}

/// How keys are looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Keys {
    #[default]
    IgnoringCase,
    Exact,
}

impl Object {
    /// An empty mapping whose keys are looked up ignoring case.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty mapping whose keys are looked up exactly: the `env` context on Unix.
    #[must_use]
    pub fn new_case_sensitive() -> Self {
        Self { entries: IndexMap::new(), keys: Keys::Exact }
    }

    /// Sets a key. A key that is there already keeps its place and its spelling, and gets the new value; the old one is returned.
    pub fn insert(&mut self, key: impl Into<Arc<str>>, value: impl Into<Value>) -> Option<Value> {
        let key = key.into();
        let value = value.into();
        let folded: Box<str> = match self.keys {
            Keys::IgnoringCase => fold::fold(&key).into(),
            Keys::Exact => Box::from(key.as_ref()),
        };
        match self.entries.entry(folded) {
            indexmap::map::Entry::Occupied(mut entry) => Some(std::mem::replace(&mut entry.get_mut().1, value)),
            indexmap::map::Entry::Vacant(entry) => {
                entry.insert((key, value));
                None
            }
        }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.get_entry(key).map(|(_, value)| value)
    }

    /// The key as written and its value.
    #[must_use]
    pub fn get_entry(&self, key: &str) -> Option<(&Arc<str>, &Value)> {
        let entry = match self.keys {
            Keys::IgnoringCase => self.entries.get(fold::fold(key).as_ref()),
            Keys::Exact => self.entries.get(key),
        };
        entry.map(|(key, value)| (key, value))
    }

    /// Takes a key out; the order of the others stays.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let removed = match self.keys {
            Keys::IgnoringCase => self.entries.shift_remove(fold::fold(key).as_ref()),
            Keys::Exact => self.entries.shift_remove(key),
        };
        removed.map(|(_, value)| value)
    }

    /// Whether the key is there.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Keys as written and values, in the order of insertion.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.entries.values().map(|(key, value)| (key.as_ref(), value))
    }

    /// As [`Object::iter`], with keys that can be shared.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Value)> {
        self.entries.values().map(|(key, value)| (key, value))
    }

    /// The values, in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.entries.values().map(|(_, value)| value)
    }

    /// How many entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<K: Into<Arc<str>>, V: Into<Value>> FromIterator<(K, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut object = Self::new();
        object.extend(entries);
        object
    }
}

impl<K: Into<Arc<str>>, V: Into<Value>> Extend<(K, V)> for Object {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

/// Same keys as written, same values, same order.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().zip(other.iter()).all(|(a, b)| a == b)
    }
}

#[cfg(test)]
mod tests {
    use super::Object;
    use crate::expr::Value;

    #[test]
    fn keys_ignore_case_and_keep_their_first_spelling_and_place() {
        let mut object: Object = [("One", 1.0), ("two", 2.0)].into_iter().collect();
        assert_eq!(object.insert("oNE", 3.0), Some(Value::Number(1.0)));
        assert_eq!(object.get("ONE"), Some(&Value::Number(3.0)));
        assert_eq!(object.iter().map(|(k, _)| k).collect::<Vec<_>>(), ["One", "two"]);
    }

    #[test]
    fn case_matters_in_env() {
        let mut object = Object::new_case_sensitive();
        object.insert("Path", "a");
        object.insert("PATH", "b");
        assert_eq!(object.len(), 2);
        assert_eq!(object.get("path"), None);
    }
}
