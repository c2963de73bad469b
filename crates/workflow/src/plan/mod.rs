//! From files to a plan: the workflow and every reusable workflow it calls, resolved and checked. `exec` and the server call
//! `plan` again with the files it asked for until it is ready; `run` walks the result.

mod call;
mod files;
mod options;
mod parses;
mod permission;
mod pick;
mod resolve;
mod types;

pub use files::{FileReference, Files, SourceFile};
pub use options::{Calls, Options, TokenPolicy};
pub use parses::Parses;
pub use pick::NoSuchJob;
pub use resolve::{plan, plan_parsed, plan_with};
pub use types::{Graph, Plan, PlanOutcome, PlannedJob};
