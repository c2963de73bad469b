//! `ekiden.toml`: what a project says about how its jobs run. Flags and `EKIDEN_…` variables win over it.

mod agent;
mod file;
mod keys;
mod server;

pub(crate) use agent::{AGENT_FILE, AgentLimitsTable, AgentTable, load_agent};
pub(crate) use file::{ActionsTable, ConfigFile, ExecTable, FileNetworkMode, LimitsTable, load};
pub(crate) use server::{ServerTable, listen_address, load_server};
