//! Runs: the machine `workflow::run` over what the store remembers. An event makes a run's first rows ([`first`]); whenever jobs have ended, what
//! follows is drawn from the machine and written once (`advance`); people cancel runs and run them again (`verbs`).
//!
//! The machine is never stored. It is made again from the run's facts and the ends of its jobs in their order, or kept in memory between two
//! ends (`live`); both give the same.

mod advance;
mod difference;
mod facts;
mod first;
mod follow;
mod heard;
mod live;
mod verbs;

pub use advance::{Advanced, Advancer, Worker};
pub use facts::{
    FactsError, GroupFacts, GroupHolder, GroupQueueFacts, JobFacts, RunFacts, SecretsFacts, StoredFile, StoredOrigin,
};
pub use first::{FirstRun, first};
pub use live::Live;
pub use verbs::{Rerun, RunError, cancel, rerun};

pub(crate) use live::ready_job;
