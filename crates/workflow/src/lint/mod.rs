//! What a file's author should know beyond its faults: warnings in the manner of actionlint. `parse::linted_workflow` calls [`warnings`].
//!
//! The rules walk the template tree, not the model, so that a file with faults still gets all of its warnings. Expressions are
//! found again in the source, because a joined `format(…)` no longer knows the lines that its parts came from.

mod action_inputs;
mod check;
mod conditions;
mod contexts;
mod cron;
mod environment;
mod events;
mod glob;
mod job;
mod labels;
mod linter;
mod literal;
mod matrix;
mod matrix_values;
mod popular;
mod signature;
mod step;
mod tree;
mod types;
mod untrusted;
mod zones;

pub use linter::LocalActions;
pub(crate) use linter::warnings;
pub(crate) use popular::input_names;
