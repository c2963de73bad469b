//! `ekiden agent`: this machine as a runner of a Gitea or Forgejo. One file a verb; what an agent does lies in the crate `agent`.

mod ask;
mod control;
mod data;
mod forge;
mod forks;
mod import;
mod inherited;
mod job;
mod jobs;
mod register;
mod remember;
mod report;
mod settle;
mod start;
mod status;
mod unregister;

pub(crate) use data::{host_name, writable};
pub(crate) use forge::{VERSION, call_failure};
pub(crate) use forks::{ARGUMENTS as FORK_SERVER, serve as serve_forks};
pub(crate) use settle::{Settled, for_doctor, settle_folder};
pub(crate) use start::settings;

use crate::args::AgentCommand;
use crate::exit::Exit;
use crate::failure::Failure;
use sandbox_local::{Zygote, ZygoteError};

/// Runs one of its verbs. Only the process of a job has a zygote.
pub(crate) fn run(command: &AgentCommand, zygote: Option<Result<Zygote, ZygoteError>>) -> Result<Exit, Failure> {
    match command {
        AgentCommand::Register(args) => register::run(args),
        AgentCommand::Start(args) => start::start(args),
        AgentCommand::Once(args) => start::once(args),
        AgentCommand::Drain(args) => control::drain(args),
        AgentCommand::Unregister(args) => unregister::run(args),
        AgentCommand::Status(args) => control::status(args),
        AgentCommand::Job => job::run(zygote, None),
    }
}
