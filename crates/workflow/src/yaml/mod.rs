//! YAML text → spanned nodes, with budgets against hostile input. [`read`] is what `parse` calls; scalars follow the core schema of
//! YAML 1.2 (so `on`, `yes` and `no` are strings), aliases are replayed, merge keys do not exist. [`write()`] is the way back, in a form that
//! other parsers read alike.

mod anchors;
mod ascii;
mod fault;
mod limits;
mod locate;
mod node;
mod position;
mod reader;
mod scalar;
mod simple;
mod span;
mod tree;
mod write;

pub use fault::{FaultKind, YamlFault};
pub use limits::Limits;
pub use locate::locate;
pub use node::{Anchor, Node, NodeKind};
pub use reader::{Document, read};
pub use span::{FileId, Span, Spanned};
pub use write::{WriteError, write};
