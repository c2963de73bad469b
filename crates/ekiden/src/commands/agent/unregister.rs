//! `ekiden agent unregister`: forgets the registration here. The runner protocol has no word for it, so the forge is told by its REST API
//! where somebody gives a token for that, else a person is told where to click.

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
    note(format!("{} is forgotten here, and its key with it", registration.name));
    note(format!(
        "{} still lists it: remove the runner {} (number {}) under {0}/-/admin/actions/runners, or in the Actions settings of the organisation or repository it belongs to",
        registration.instance, registration.name, registration.id.0
    ));
    Ok(Exit::Ok)
}
