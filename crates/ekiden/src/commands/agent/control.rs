//! `ekiden agent drain` and `status`: what a person asks of a running agent.

use super::data;
use crate::args::{AgentDrainArgs, AgentStatusArgs, TableFormat};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style;
use agent::ControlError;
use domain::{Clock as _, SystemClock};

/// Tells the agent to take no more jobs.
pub(crate) fn drain(args: &AgentDrainArgs) -> Result<Exit, Failure> {
    let draining = agent::drain(&data::folder(&args.data)?).map_err(|error| failure(&error))?;
    match (draining.jobs, args.wait) {
        (0, _) => style::note("the agent takes no more jobs and ends"),
        (1, false) => style::note("the agent takes no more jobs and ends when the one in hand has"),
        (jobs, false) => style::note(format!("the agent takes no more jobs and ends when the {jobs} in hand have")),
        (jobs, true) => style::note(format!("the agent takes no more jobs; waiting for {jobs} in hand")),
    }
    if args.wait {
        draining.wait().map_err(|error| Failure::platform("the agent is out of sight").cause(&error))?;
    }
    Ok(Exit::Ok)
}

fn failure(error: &ControlError) -> Failure {
    match error {
        ControlError::NotRunning { .. } => Failure::not_found(error.to_string()),
        ControlError::Io { .. } | ControlError::Answer { .. } => Failure::platform(error.to_string()),
    }
}

/// Says what it is doing.
pub(crate) fn status(args: &AgentStatusArgs) -> Result<Exit, Failure> {
    let status = agent::ask(&data::folder(&args.data)?).map_err(|error| failure(&error))?;
    let text = match args.output {
        TableFormat::Table => super::status::table(&status, SystemClock.now()),
        TableFormat::Json => {
            serde_json::to_string_pretty(&status)
                .map_err(|error| Failure::platform("the agent's answer cannot be written").cause(&error))?
                + "\n"
        }
    };
    style::data(&text)?;
    Ok(Exit::Ok)
}
