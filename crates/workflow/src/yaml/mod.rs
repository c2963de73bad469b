//! YAML text → spanned nodes, with budgets against hostile input. [`read`] is what `parse` calls; scalars follow the core schema of
//! YAML 1.2 (so `on`, `yes` and `no` are strings), aliases are replayed, merge keys do not exist.

mod limits;
mod locate;
mod node;
mod position;
mod reader;
mod scalar;
mod span;

pub use limits::Limits;
pub use locate::locate;
pub use node::{Node, NodeKind};
pub use reader::{Document, FaultKind, YamlFault, read};
pub use span::{FileId, Span, Spanned};
