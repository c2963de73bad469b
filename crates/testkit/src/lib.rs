//! Real parts for tests: temporary repositories and servers for them, scrubbed commands, a clock moved by hand.
//!
//! A dev-dependency only. The feature `forge` adds a forge that speaks the runner protocol, and can misbehave; `tls` an end of TLS to put
//! before any of the servers.

mod command;
mod daemon;
#[cfg(feature = "forge")]
mod forge;
mod http;
mod repository;
mod shelf;
#[cfg(feature = "tls")]
mod tls;

pub use command::scrubbed;
pub use daemon::GitDaemon;
pub use domain::ManualClock;
#[cfg(feature = "forge")]
pub use forge::{FakeForge, Mischief, bare_task};
pub use http::GitHttp;
pub use repository::TempRepository;
pub use shelf::Shelf;
#[cfg(feature = "tls")]
pub use tls::TlsEnd;
