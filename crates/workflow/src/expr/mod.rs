//! The expression language: lexer, parser, evaluator (`execution-semantics` 1). A workflow's `${{ … }}` and `if` come here.

mod value;

pub use value::{Object, Value};
