//! One job in a process of its own: what passes between the agent and that process ([`wire`]), and what the agent needs to know of a
//! task beforehand ([`payload`]). `supervise` and `report` use the first half, the hidden command `agent job` the second.

pub mod child;
pub mod payload;
mod settings;
mod task_form;
pub mod wire;

pub use settings::{CacheReach, CertificateCheck, ExposedPaths, Forks, HookFiles, JobSettings, ToolCache, Trust};
pub(crate) use wire::DialectForm;
pub use wire::{Ahead, Ended, ForgeFacts, FromJob, JobOrder, ToJob};
