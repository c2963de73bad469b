//! `==`, `<` and their kin (`execution-semantics` 1.5).

use super::{Value, fold};
use std::cmp::Ordering;
use std::sync::Arc;

impl Value {
    /// The language's `==`: strings ignore case, kinds are coerced, collections are equal only to themselves.
    #[must_use]
    pub fn loose_eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::String(a), Self::String(b)) => fold::eq(a, b),
            (Self::Array(a), Self::Array(b)) => Arc::ptr_eq(a, b),
            (Self::Object(a), Self::Object(b)) => Arc::ptr_eq(a, b),
            (Self::Array(_) | Self::Object(_), _) | (_, Self::Array(_) | Self::Object(_)) => false,
            // What is left is coerced to numbers: `NaN` equals nothing.
            (a, b) => a.to_number() == b.to_number(),
        }
    }

    /// The language's order; `None` where neither `<` nor `>` holds by kind (`null`, collections, `NaN`).
    #[must_use]
    pub fn loose_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::String(a), Self::String(b)) => Some(fold::cmp(a, b)),
            (Self::Array(_) | Self::Object(_), _)
            | (_, Self::Array(_) | Self::Object(_))
            | (Self::Null, Self::Null) => None,
            (a, b) => a.to_number().partial_cmp(&b.to_number()),
        }
    }
}
