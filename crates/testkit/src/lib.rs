//! Real parts for tests: temporary repositories and servers for them, scrubbed commands, a clock moved by hand.
//!
//! A dev-dependency only.

mod command;
mod daemon;
mod http;
mod repository;
mod shelf;

pub use command::scrubbed;
pub use daemon::GitDaemon;
pub use domain::ManualClock;
pub use http::GitHttp;
pub use repository::TempRepository;
pub use shelf::Shelf;
