//! How much an evaluation may hold at once, counted as the reference counts it: 24 bytes a collection, 26 bytes and two a character a
//! string, per level of the tree; a level is forgotten when a primitive came out above it.

use super::{EvaluationError, Value};

/// The limit for an expression on its own: 1 MiB.
pub const EVALUATION_MEMORY: usize = 1024 * 1024;
/// The limit for an expression in a template, and for what a template gives: 10 MiB.
pub const TEMPLATE_MEMORY: usize = 10 * 1024 * 1024;

const OBJECT: usize = 24;
const STRING: usize = 26;

/// The bytes of a text in the reference's count.
pub(crate) fn text_bytes(text: &str) -> usize {
    let units = if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
    STRING + 2 * units
}

/// What is held now.
#[derive(Debug)]
pub(super) struct Memory {
    levels: Vec<usize>,
    total: usize,
    limit: usize,
}

impl Memory {
    pub(super) const fn new(limit: usize) -> Self {
        Self { levels: Vec::new(), total: 0, limit }
    }

    /// A counter of what one function builds.
    pub(super) const fn counter(&self) -> Counter {
        Counter { bytes: 0, limit: self.limit }
    }

    /// Adds the result of a node at a level; `counted` is what it holds when the node counted it itself.
    pub(super) fn add(&mut self, level: usize, value: &Value, counted: Option<usize>) -> Result<(), EvaluationError> {
        if value.is_primitive() {
            while self.levels.len() > level + 1 {
                self.total -= self.levels.pop().unwrap_or(0);
            }
        }
        if self.levels.len() <= level {
            self.levels.resize(level + 1, 0);
        }
        let bytes = counted.unwrap_or_else(|| match value {
            Value::String(text) => text_bytes(text),
            _ => OBJECT,
        });
        self.levels[level] += bytes;
        self.total += bytes;
        if self.total > self.limit { Err(EvaluationError::Memory { limit: self.limit }) } else { Ok(()) }
    }
}

/// Counts what one function builds.
#[derive(Debug)]
pub(super) struct Counter {
    bytes: usize,
    limit: usize,
}

impl Counter {
    pub(super) fn text(&mut self, text: &str) -> Result<(), EvaluationError> {
        self.add(text_bytes(text))
    }

    /// One more item of a list.
    pub(super) fn item(&mut self) -> Result<(), EvaluationError> {
        self.add(8)
    }

    pub(super) fn add(&mut self, bytes: usize) -> Result<(), EvaluationError> {
        self.bytes += bytes;
        if self.bytes > self.limit { Err(EvaluationError::Memory { limit: self.limit }) } else { Ok(()) }
    }

    /// What was counted.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}
