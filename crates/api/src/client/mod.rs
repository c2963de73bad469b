//! The typed client. Used by the commands that ask a server.
//!
//! `core` is how a call is made, `error` why it did nothing; the verbs are by what they are about.

mod core;
mod error;
mod holdings;
mod log;
mod runners;
mod runs;
mod things;
mod workflows;

pub use core::{Authority, Client, ClientSettings, Counted};
pub use error::{ClientError, FaultKind};
pub use log::LogText;
