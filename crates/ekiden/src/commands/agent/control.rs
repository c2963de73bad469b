//! `ekiden agent drain` and `status`: what a person asks of a running agent.

use super::data;
use crate::args::{AgentDrainArgs, AgentStatusArgs};
use crate::exit::Exit;
use crate::failure::Failure;

/// Tells the agent to take no more jobs.
pub(crate) fn drain(args: &AgentDrainArgs) -> Result<Exit, Failure> {
    let folder = data::folder(&args.data)?;
    Err(Failure::platform(format!("this build takes no jobs yet: {}", folder.display())))
}

/// Says what it is doing.
pub(crate) fn status(args: &AgentStatusArgs) -> Result<Exit, Failure> {
    let folder = data::folder(&args.data)?;
    Err(Failure::platform(format!("this build takes no jobs yet: {}", folder.display())))
}
