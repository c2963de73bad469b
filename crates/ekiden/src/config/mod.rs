//! `ekiden.toml`: what a project says about how its jobs run. Flags and `EKIDEN_…` variables win over it.

mod file;
mod keys;

pub(crate) use file::{ActionsTable, ConfigFile, ExecTable, FileNetworkMode, LimitsTable, load};
