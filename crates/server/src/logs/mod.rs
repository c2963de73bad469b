//! Where the logs of tasks are kept. Called by the runner service (rows come in), by REST and by the pages (rows go out).
//!
//! Rows are kept as lines of text in the reference's form. New ones (`new`) go to the end of a local file (`part`, in frames with a checksum: `frame`).
//! A part that is full, or whose log has ended, is packed from memory or its file (`kept`; `chunk`: zstd in blocks, with an index from lines to bytes and times) and put
//! into the object store in the background (`seal`); one object lists the chunks of a log (`manifest`). Nothing of a log is in the database,
//! and nothing is known that is not on disk: after a crash all is found again (`recover`). One log in memory is `log`, all of them `store`;
//! `read` walks through chunks and parts alike.
//!
//! The log of a short job comes whole in one call and becomes its object at once (`short`).
//!
//! Several servers may share the folder of parts (`share`): then each looks at the files before it believes what it remembers.
//!
//! What is acknowledged outlives the process. After a loss of power a log is a prefix of what was acknowledged.

mod chunk;
mod error;
mod frame;
mod kept;
mod line;
mod log;
mod manifest;
mod new;
mod objects;
mod part;
mod read;
mod recover;
mod seal;
mod share;
mod short;
mod store;

pub use error::LogError;
pub use log::LogFacts;
pub use new::NewRows;
pub use objects::LogObjects;
pub use read::{LogPage, LogText};
pub use share::Sharing;
pub use store::{LogSettings, LogStore};
