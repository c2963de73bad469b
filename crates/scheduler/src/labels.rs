//! A set of labels: of a runner, a pool, a job's `runs-on`. Used wherever labels are compared.

use std::sync::Arc;

/// Labels, each once, in order. Copies share the texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Arc<[Arc<str>]>);

impl Labels {
    /// The set of these labels; the case of letters matters here, the server gives them without it.
    #[must_use]
    pub fn new<T: AsRef<str>>(labels: impl IntoIterator<Item = T>) -> Self {
        let mut labels: Vec<Arc<str>> = labels.into_iter().map(|label| Arc::from(label.as_ref())).collect();
        labels.sort_unstable();
        labels.dedup();
        Self(labels.into())
    }

    /// Each label, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn has(&self, label: &str) -> bool {
        self.0.binary_search_by(|own| (**own).cmp(label)).is_ok()
    }

    /// Whether all of the others are among them.
    #[must_use]
    pub fn has_all(&self, others: &Self) -> bool {
        others.len() <= self.len() && others.iter().all(|label| self.has(label))
    }
}

impl std::fmt::Display for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[")?;
        for (at, label) in self.iter().enumerate() {
            write!(f, "{}{label}", if at == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::Labels;

    #[test]
    fn a_set_knows_what_is_in_it() {
        let set = Labels::new(["linux", "gpu", "linux"]);
        assert_eq!((set.len(), set.to_string()), (2, "[gpu, linux]".to_owned()));
        assert!(set.has("gpu") && !set.has("GPU") && !set.has("gp"));
        assert!(set.has_all(&Labels::new(["gpu"])) && set.has_all(&Labels::new::<&str>([])));
        assert!(!set.has_all(&Labels::new(["gpu", "arm"])));
    }
}
