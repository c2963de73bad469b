//! The commands, one file or folder each. `main` calls `run` of one of them.

pub(crate) mod action;
pub(crate) mod agent;
pub(crate) mod client;
pub(crate) mod completion;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod exec;
pub(crate) mod lint;
pub(crate) mod place;
pub(crate) mod root;
mod runtime;
pub(crate) mod sandbox;
pub(crate) mod server;
pub(crate) mod top;
pub(crate) mod up;
pub(crate) mod whoami;

use runtime::runtime;
