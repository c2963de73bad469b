//! Projects' repositories over HTTP, to read: `GET /{owner}/{name}.git/info/refs`, `POST …/git-upload-pack`. Jobs fetch from here with their
//! token, people with one that holds `read:code`; `serve` mounts it.
//!
//! The repository is read by `git upload-pack`, one process a request; `gate` says who may. Nothing can be pushed.

mod fetch;
mod gate;
mod process;
mod tokens;

pub use fetch::{GitHttp, routes};
pub use gate::{Asker, Gate, Refusal};
pub use tokens::TokenGate;
