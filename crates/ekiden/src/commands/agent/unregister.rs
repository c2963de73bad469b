//! `ekiden agent unregister`: forgets the registration.

use super::data;
use crate::args::AgentUnregisterArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::note;
use agent::RegistrationFile;

/// Forgets it here, and says how to remove it there.
pub(crate) fn run(args: &AgentUnregisterArgs) -> Result<Exit, Failure> {
    let file = RegistrationFile::of(&data::folder(&args.data)?);
    let registration = file.load().map_err(|error| super::register::file_failure(&error))?;
    file.remove().map_err(|error| super::register::file_failure(&error))?;
    note(format!("{} still lists the runner {}", registration.instance, registration.name));
    Ok(Exit::Ok)
}
