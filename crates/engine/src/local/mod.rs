//! A whole run on this machine: drives `workflow::run` and a [`crate::job`] for each job. `ekiden exec` calls it.
//!
//! What becomes ready, skipped or cancelled is decided by the machine alone; here a job gets a sandbox, a turn and a signal.

mod drive;
mod groups;
mod jobs;
mod labels;
mod request;
mod room;
mod slots;

pub use drive::run;
pub use request::{JobSummary, JobWeight, Labels, LocalRun, RootEnd, RunReport};
pub use room::Room;
