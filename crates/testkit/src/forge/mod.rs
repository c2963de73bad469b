//! A forge that speaks the runner protocol over real sockets, keeps to its rules, and misbehaves on command.
//!
//! `rules` is what a forge does, `wire` what the network does to it, `mischief` what can go wrong. Called by tests of `protocol` and `agent`.

mod fake;
mod mischief;
mod rules;
mod service;
mod wire;

pub use fake::{FakeForge, bare_task};
pub use mischief::Mischief;
