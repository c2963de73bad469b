//! The runner service: what agents, ours and those of Gitea and Forgejo, call. A handler knows its caller, asks the store for one thing, and answers;
//! who gets which job is the dispatcher's business.

mod caller;
mod fetch;
mod heard;
mod log;
mod lookups;
mod masks;
mod outputs;
mod register;
mod report;
mod service;
mod spent;

pub use service::Runners;
