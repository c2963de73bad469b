//! Values of a workflow file that may hold expressions: what the reference calls template tokens.
//!
//! `parse` makes them with [`scan`], which finds `${{ }}` in a scalar; `run` and the engine evaluate them.

mod evaluate;
mod scan;
mod types;
mod written;

pub use evaluate::MAX_DEPTH;
pub(crate) use scan::opening;
pub use scan::{ScanError, ScanProblem, condition, expression_length, scan};
pub use types::{ExpressionPart, ExpressionText, Template, TemplateKey, TemplateKind};
