//! What a step says: raw bytes of its processes become lines, commands, annotations, and masked [`domain::JobEvent`]s.
//!
//! `job` makes one [`StepLog`] for each step of the log, one [`StepOutput`] for each process (its commands have a state of their own,
//! `execution-semantics` 3.5), feeds it with what it reads from the pipes, and applies the [`crate::commands::Effects`] at the end.
//!
//! - [`log`]: printing: masks, tags, annotations and their limits.
//! - [`framing`]: bytes into lines, with bounded memory.
//! - `scan`: which lines of a chunk may be commands; everything between is printed in one go.
//! - [`step`]: the way of a chunk through commands, matchers and masks.
//! - `problems`: what a problem matcher found, as an annotation.

pub mod framing;
pub mod log;
mod problems;
mod scan;
pub mod step;

pub use log::{Debugging, StepLog};
pub use problems::{JobMatchers, RepositoryIdentity};
pub use step::{Speaker, StepOutput};
