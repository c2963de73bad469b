//! Projects' repositories over HTTP, to read: `GET /{owner}/{name}.git/info/refs`, `POST …/git-upload-pack`. Jobs fetch from here with their
//! token; `serve` mounts it.
//!
//! The repository is read by `git upload-pack`, one process a request; `gate` says who may. Nothing can be pushed.

mod fetch;
mod gate;
mod jobs;
mod process;

pub use fetch::{GitHttp, routes};
pub use gate::{Gate, Refusal};
pub use jobs::JobGate;
