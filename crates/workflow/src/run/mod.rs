//! The machine over a plan: a job's end goes in, out come the jobs that are ready, skipped, cancelled or expanded
//! (`execution-semantics` 4.2 to 4.4 and 4.6). `exec` and the server both drive it; nobody else decides these things.
//!
//! Pure and deterministic: same plan, same inputs, same changes in the same order, same decisions.
//!
//! The way of a job: its needs end → its `if` (`job`) → its `strategy` becomes cells (`cells`) → each cell is `Ready`, as far as
//! `max-parallel` allows, or, when it calls a reusable workflow, opens a graph of its own (`call`) → the last cell's end ends the job,
//! which may start others. `machine` holds the states and the queue of what follows from what; `cancel` stops things.

mod call;
mod calling;
mod cancel;
mod cells;
mod job;
mod machine;
mod naming;
mod one_job;
mod scope;
mod secrets;
mod state;
mod text;
mod types;
mod waiting;

pub use calling::CallingJob;
pub use cells::workflow_concurrency;
pub use machine::Run;
pub use naming::run_name;
pub use one_job::{EndedNeed, OneJob, one_job};
pub use secrets::SecretsView;
pub use types::{ConcurrencyGroup, ConcurrencyQueue, Decision, Origin, ReadyJob, RunChange, RunInputs, WantedCell};
pub use waiting::WaitingJob;
