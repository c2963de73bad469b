//! `ekiden agent start` and `once`: settles what the agent is to do and runs it.

use super::settle::settle;
use crate::args::{AgentOnceArgs, AgentStartArgs};
use crate::exit::Exit;
use crate::failure::Failure;

/// Takes jobs until told to stop.
pub(crate) fn start(args: &AgentStartArgs) -> Result<Exit, Failure> {
    let settled = settle(&args.agent, args.capacity)?;
    Err(Failure::platform(format!("this build takes no jobs yet: {}", settled.data.display())))
}

/// Takes one job.
pub(crate) fn once(args: &AgentOnceArgs) -> Result<Exit, Failure> {
    let settled = settle(&args.agent, Some(1))?;
    Err(Failure::platform(format!("this build takes no jobs yet: {}", settled.data.display())))
}
