//! A whole run on this machine: drives `workflow::run` and a [`crate::job`] for each job. `ekiden exec` calls it.

mod request;

pub use request::{JobSummary, Labels, LocalRun, RunReport};
