//! `ekiden agent unregister`: forgets the registration here. The runner protocol has no word for it, so the forge is told by its REST API
//! where somebody gives a token for that, else a person is told where to click.

use super::{data, forge, register};
use crate::args::AgentUnregisterArgs;
use crate::config::load_agent;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{note, warn};
use agent::{ControlError, Registration, RegistrationFile};
use domain::Secret;
use protocol::{Removal, RemovalError, Scope};
use std::path::Path;

/// Forgets it there, where a token is given for that, and here.
pub(crate) fn run(args: &AgentUnregisterArgs) -> Result<Exit, Failure> {
    let folder = data::folder(&args.data)?;
    let file = RegistrationFile::of(&folder);
    let registration = file.load().map_err(|error| register::file_failure(&error))?;
    match agent::ask(&folder) {
        Err(ControlError::NotRunning { .. }) => {}
        _ => {
            return Err(Failure::usage("an agent runs with this registration")
                .fix("ekiden agent drain --wait, then unregister"));
        }
    }
    let there = match &args.admin_token_file {
        Some(path) => Some(remove(args, &folder, path, &registration)?),
        None => None,
    };
    file.remove().map_err(|error| register::file_failure(&error))?;
    note(format!("{} is forgotten here, and its key with it", registration.name));
    let by_hand = format!(
        "remove the runner {} (number {}) under {}/-/admin/actions/runners, or in the Actions settings of the organisation or repository it belongs to",
        registration.name, registration.id.0, registration.instance
    );
    match there {
        Some(Removal::Removed) => note(format!("{} has removed it too", registration.instance)),
        Some(Removal::Unknown) => warn(format!(
            "{} knows no such runner in that scope, or is too old to be told; if it still lists it, {by_hand}",
            registration.instance
        )),
        None => note(format!("{} still lists it: {by_hand}", registration.instance)),
    }
    Ok(Exit::Ok)
}

fn remove(
    args: &AgentUnregisterArgs,
    folder: &Path,
    token: &Path,
    registration: &Registration,
) -> Result<Removal, Failure> {
    let scope: &Scope = &args.scope;
    if registration.id.0 == 0 {
        return Err(Failure::usage(
            "the runner's number is not known here, so the forge cannot be told which to remove",
        )
        .fix("ekiden agent unregister without --admin-token-file, and remove it there by hand"));
    }
    let token = Secret::new(register::secret_file(token, "the access token")?);
    let table = load_agent(None, folder)?;
    let ca_file = args.forge.ca_file.as_ref().or(table.ca_file.as_ref());
    let insecure = args.forge.insecure.or(table.insecure);
    let client = forge::client_with(&registration.instance, insecure, ca_file.map(std::path::PathBuf::as_path))?;
    crate::commands::runtime()?.block_on(client.remove_runner(&token, scope, registration.id)).map_err(|error| {
        let exit = match &error {
            RemovalError::Rights { .. } => Exit::Auth,
            RemovalError::Unreachable { .. } => Exit::Unreachable,
            RemovalError::Status { .. } => Exit::Platform,
        };
        Failure::new(exit, error.to_string()).fact("the registration is kept here")
    })
}
