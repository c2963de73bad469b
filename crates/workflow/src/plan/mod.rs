//! From files to a plan: the workflow and every reusable workflow it calls, resolved and checked. `exec` and the server call
//! `plan` again with the files it asked for until it is ready; `run` walks the result.

mod files;
mod types;

pub use files::{FileReference, Files, SourceFile};
pub use types::{Graph, Plan, PlanOutcome, PlannedJob};
