//! YAML text → spanned nodes, with budgets against hostile input.

mod span;

pub use span::{FileId, Span, Spanned};
