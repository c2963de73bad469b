//! One task's way out: what the job says comes in as [`domain::JobEvent`]s, and leaves for the forge as log rows, states of steps, outputs
//! and one result. Called by whoever looks after a job's process.
//!
//! [`Reporter::start`] gives a sender for the events and a [`ReportHandle`]. Everything runs in one task (`reporter`), which owns the parts:
//! `intake` takes events apart, `lanes` puts rows into the order of the log, `board` knows how the steps stand, `backlog` keeps rows that the
//! forge does not have yet (in memory, then in `spool`), `links` say when a call is due, `sending` what is sent, `hearing` what answers mean. A task
//! that lost its agent is ended by [`abandon`], from what `spool` and `record` left: before the forge hears of a step or of the end, both hold it.

mod abandon;
mod backlog;
mod board;
mod calls;
mod end;
mod folder;
mod hearing;
mod intake;
mod lanes;
mod links;
mod record;
mod reporter;
mod rows;
mod sending;
mod settings;
mod spool;
mod stage;

pub use abandon::{abandon, left_end};
pub use end::{Delivered, End, Halt};
pub use folder::{Spares, TaskFolder};
pub use reporter::{Delivering, ReportHandle, Reporter};
pub use settings::{ReportSettings, Timing};
