//! What a person or a script sees of a run: readers of the one stream of `JobEvent`s. `commands::exec` starts one of them on a
//! thread of its own, so that a slow terminal holds the jobs back instead of filling memory.

mod aside;
mod clean;
mod json;
mod log_file;
mod plain;
mod record;
mod report;
mod tree;

pub(crate) use aside::Aside;
pub(crate) use clean::clean;
pub(crate) use json::{Jsonl, Quiet, summary_json};
pub(crate) use log_file::LogFiles;
pub(crate) use plain::{Jobs, Plain};
pub(crate) use record::{JobRecord, RunRecord};
pub(crate) use report::{Closing, TailShown, closing_text};
pub(crate) use tree::Tree;

use domain::JobEvent;
use std::io;

/// A reader of events. Every method may fail because the other end of stdout is gone.
pub(crate) trait View: Send {
    /// One event; the record has taken it already.
    fn event(&mut self, event: &JobEvent, record: &RunRecord) -> io::Result<()>;

    /// No event is waiting: what was gathered goes out now.
    fn idle(&mut self, record: &RunRecord) -> io::Result<()>;

    /// Whether `idle` should be called again after a short while, although nothing happened.
    fn wants_ticks(&self) -> bool {
        false
    }

    /// The end: `closing` is what to say last.
    fn finish(&mut self, record: &RunRecord, closing: &str) -> io::Result<()>;
}
