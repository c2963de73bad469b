//! Real parts for tests: temporary repositories and servers for them, scrubbed commands, a clock moved by hand.
//!
//! For tests and developer tasks only. The feature `forge` adds a forge that speaks the runner protocol, and can misbehave; `gitea` a real one
//! that is driven, and a proxy that shows what an agent and it say; `chromium` a real browser; `tls` an end of TLS to put before any of the servers.

#[cfg(feature = "chromium")]
mod chromium;
mod command;
mod daemon;
#[cfg(feature = "forge")]
mod forge;
#[cfg(feature = "gitea")]
mod gitea;
mod http;
mod postgres;
#[cfg(feature = "gitea")]
mod relay;
mod repository;
#[cfg(feature = "gitea")]
mod rest;
mod shelf;
#[cfg(feature = "tls")]
mod tls;
#[cfg(any(feature = "chromium", feature = "gitea"))]
mod web;

#[cfg(feature = "chromium")]
pub use chromium::{Chromium, Page};
pub use command::scrubbed;
pub use daemon::GitDaemon;
pub use domain::ManualClock;
#[cfg(feature = "forge")]
pub use forge::{FakeForge, Mischief, bare_task};
#[cfg(feature = "gitea")]
pub use gitea::{Gitea, GiteaProgram, Job, Run, Sweeps};
pub use http::GitHttp;
pub use postgres::Postgres;
#[cfg(feature = "gitea")]
pub use relay::{Exchange, Moment, Relay, Watcher};
pub use repository::TempRepository;
#[cfg(feature = "gitea")]
pub use rest::Rest;
pub use shelf::Shelf;
#[cfg(feature = "tls")]
pub use tls::TlsEnd;
#[cfg(any(feature = "chromium", feature = "gitea"))]
pub use web::Message;
