//! `ekiden server`: the control plane as a process of its own, its backup and what makes it from one.

mod backup;
mod folder;
mod reach;
mod settle;
mod start;

pub(crate) use folder::private_folder;
pub(crate) use settle::{Listen, serve_failure, settle_up, token_file};
pub(crate) use start::stopped;

use crate::args::{ServerArgs, ServerCommand};
use crate::exit::Exit;
use crate::failure::Failure;

/// Serves, or runs one of its verbs.
pub(crate) fn run(args: &ServerArgs) -> Result<Exit, Failure> {
    match &args.command {
        None => start::run(args),
        Some(ServerCommand::Backup(args)) => backup::backup(args),
        Some(ServerCommand::Restore(args)) => backup::restore(args),
    }
}
