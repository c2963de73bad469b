//! The expression language: lexer, parser, evaluator (`execution-semantics` 1). A workflow's `${{ … }}` and `if` come here.
//!
//! The way of a text: [`Expression::parse_for`] reads tokens (`lexer`), builds the tree of [`Node`]s (`parser`) and refuses contexts
//! and functions that the [`Availability`] of its key does not list; [`Expression::evaluate`] walks the tree with the contexts that a
//! [`Scope`] gives. The template module, the linter and `ekiden eval` call it.

pub mod availability;
mod compare;
mod error;
mod evaluate;
mod expression;
mod fold;
mod format;
mod function;
mod json;
mod lexer;
mod memory;
mod node;
mod number;
mod object;
mod parser;
mod reference;
mod scope;
mod value;

pub use availability::Availability;
pub use error::{EvaluationError, ExpressionError, ExpressionErrorKind, JsonError};
pub use expression::{Expression, MAX_DEPTH, MAX_LENGTH};
pub use function::{Function, StatusFunction};
pub use json::{parse_json, write_json};
pub(crate) use memory::text_bytes;
pub use memory::{EVALUATION_MEMORY, TEMPLATE_MEMORY};
pub use node::{Comparison, Node, NodeKind};
pub use number::{format_number, parse_number};
pub use object::Object;
pub use reference::{Reference, Segment};
pub use scope::{MapScope, Scope};
pub use value::{Value, ValueKind};
