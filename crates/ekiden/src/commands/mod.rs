//! The commands, one file each. `main` calls `run` of one of them.

pub(crate) mod action;
pub(crate) mod agent;
pub(crate) mod completion;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod exec;
pub(crate) mod lint;
pub(crate) mod root;
pub(crate) mod sandbox;
pub(crate) mod whoami;
