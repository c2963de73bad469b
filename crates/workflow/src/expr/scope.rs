//! What an expression sees while it is evaluated.

use super::{EvaluationError, Object, StatusFunction, Value};
use std::collections::HashMap;

/// Gives the contexts, the status functions and digests of files to an evaluation. Implemented by whoever evaluates.
pub trait Scope {
    /// The context of that name, which comes in lower case. `None` reads as `null`.
    /// The same context must be the same shared value each time: collections are compared by reference.
    fn context(&self, name: &str) -> Option<Value>;

    /// `always()`, `success('a')`, …
    ///
    /// # Errors
    /// When the function has no meaning here, or an argument names an unknown job.
    fn status(&self, function: StatusFunction, arguments: &[Value]) -> Result<bool, EvaluationError>;

    /// The digest of the files that match the patterns, empty when none do. The first "pattern" may be the option
    /// `--follow-symbolic-links`. `None`: not computed yet; the evaluation ends with [`EvaluationError::NeedsHash`].
    fn hash_files(&self, patterns: &[String]) -> Option<String>;
}

/// Contexts by name, nothing else: all went well so far, and no files. For `ekiden eval`, tests and keys without special functions.
#[derive(Debug, Clone, Default)]
pub struct MapScope {
    contexts: HashMap<String, Value>,
}

impl MapScope {
    /// No contexts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Every entry of a mapping is a context.
    #[must_use]
    pub fn from_object(contexts: &Object) -> Self {
        Self { contexts: contexts.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect() }
    }

    /// Adds a context.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.contexts.insert(name.to_lowercase(), value.into());
        self
    }
}

impl Scope for MapScope {
    fn context(&self, name: &str) -> Option<Value> {
        self.contexts.get(name).cloned()
    }

    fn status(&self, function: StatusFunction, _: &[Value]) -> Result<bool, EvaluationError> {
        Ok(matches!(function, StatusFunction::Always | StatusFunction::Success))
    }

    fn hash_files(&self, _: &[String]) -> Option<String> {
        None
    }
}
