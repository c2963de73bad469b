//! A bounded memory of what was read at commits, which never changes: the least recently used goes first.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Values by key, with a limit on what they hold together.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    most: u64,
    inner: Mutex<Inner<K, V>>,
}

#[derive(Debug)]
struct Inner<K, V> {
    kept: HashMap<K, Kept<V>>,
    size: u64,
    moment: u64,
}

#[derive(Debug)]
struct Kept<V> {
    value: V,
    size: u64,
    used: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    /// At most so many bytes.
    pub(super) fn new(most: u64) -> Self {
        Self { most, inner: Mutex::new(Inner { kept: HashMap::new(), size: 0, moment: 0 }) }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.moment += 1;
        let moment = inner.moment;
        let kept = inner.kept.get_mut(key)?;
        kept.used = moment;
        Some(kept.value.clone())
    }

    /// Keeps a value of this many bytes; one that takes more than a quarter of all is not kept.
    pub(super) fn put(&self, key: K, value: V, size: u64) {
        let size = size + 256;
        if size > self.most / 4 {
            return;
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.moment += 1;
        let used = inner.moment;
        if let Some(old) = inner.kept.insert(key, Kept { value, size, used }) {
            inner.size -= old.size;
        }
        inner.size += size;
        if inner.size > self.most {
            // A quarter at once, so that a full cache is not searched at every new value.
            let mut by_age: Vec<(u64, K)> = inner.kept.iter().map(|(key, kept)| (kept.used, key.clone())).collect();
            by_age.sort_unstable_by_key(|(used, _)| *used);
            let enough = self.most / 4 * 3;
            for (_, key) in by_age {
                if inner.size <= enough {
                    break;
                }
                if let Some(gone) = inner.kept.remove(&key) {
                    inner.size -= gone.size;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cache;

    #[test]
    fn what_was_used_last_stays_and_the_limit_holds() {
        let cache = Cache::new(10_000);
        for number in 0..100_u32 {
            cache.put(number, number, 744);
            assert_eq!(cache.get(&0), Some(0));
        }
        let inner = cache.inner.lock().unwrap();
        assert!(inner.size <= 10_000 && inner.size == inner.kept.len() as u64 * 1000, "{}", inner.size);
        assert!(inner.kept.contains_key(&99) && !inner.kept.contains_key(&50));
    }

    #[test]
    fn a_value_of_another_size_takes_the_place_of_the_old_and_a_huge_one_is_not_kept() {
        let cache = Cache::new(10_000);
        cache.put("a", 1, 1000);
        cache.put("a", 2, 10);
        assert_eq!(cache.inner.lock().unwrap().size, 266);
        cache.put("b", 3, 1_000_000);
        assert_eq!((cache.get(&"a"), cache.get(&"b")), (Some(2), None));
    }
}
