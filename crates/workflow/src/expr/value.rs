//! Values of expressions. Cloning is cheap: arrays and objects are shared, and compared by reference as the language wants.

use indexmap::IndexMap;
use std::sync::Arc;

/// A value of an expression.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An IEEE double.
    Number(f64),
    /// A string.
    String(Arc<str>),
    /// A list; equal only to itself.
    Array(Arc<Vec<Value>>),
    /// A mapping in insertion order; equal only to itself.
    Object(Arc<Object>),
}

/// A mapping that keeps the order of insertion. Keys are looked up ignoring case, but for the `env` context on Unix.
#[derive(Debug, Clone, Default)]
pub struct Object {
    /// Keyed by the folded key (or the key itself when case matters); holds the key as written, and the value.
    entries: IndexMap<Box<str>, (Arc<str>, Value)>,
    case_sensitive: bool,
}
