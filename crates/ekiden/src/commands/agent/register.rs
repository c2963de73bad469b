//! `ekiden agent register`: gets a key from a forge and keeps it.

use super::data;
use crate::args::AgentRegisterArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{note, warn};
use agent::{Label, NewRunner, RegisterError, RegistrationError, RegistrationFile};
use domain::{RunnerLife, Secret};
use protocol::{Client, ClientSettings};

/// Registers.
pub(crate) fn run(args: &AgentRegisterArgs) -> Result<Exit, Failure> {
    let file = RegistrationFile::of(&data::folder(&args.data)?);
    let instance = args.instance.clone().ok_or_else(|| Failure::usage("no instance").fix("give --instance URL"))?;
    let token = args.token.as_ref().ok_or_else(|| Failure::usage("no token").fix("give --token-file FILE"))?;
    let texts = args.labels.clone().unwrap_or_default();
    let labels = texts.iter().map(|text| Label::parse(text)).collect::<Result<Vec<_>, _>>();
    let labels = labels.map_err(|error| Failure::usage(error.to_string()))?;
    let new = NewRunner {
        name: args.name.clone().unwrap_or_else(|| "ekiden".to_owned()),
        token: Secret::new(token.expose().to_owned()),
        labels,
        life: if args.ephemeral.unwrap_or(false) { RunnerLife::Ephemeral } else { RunnerLife::Lasting },
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let client = Client::new(&ClientSettings::new(instance, env!("CARGO_PKG_VERSION")))
        .map_err(|error| Failure::usage(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let registered = runtime.block_on(agent::register(&client, new, &file)).map_err(|error| match error {
        RegisterError::File(error) => file_failure(&error),
        other => Failure::new(Exit::Unreachable, other.to_string()),
    })?;
    registered.notes.iter().for_each(warn);
    note(format!("registered with {} as {}", registered.registration.instance, registered.registration.name));
    Ok(Exit::Ok)
}

/// What a fault of the file means to a person.
pub(super) fn file_failure(error: &RegistrationError) -> Failure {
    let exit = match error {
        RegistrationError::Missing { .. } => Exit::NotFound,
        RegistrationError::Present { .. } => Exit::Usage,
        RegistrationError::Content { .. } | RegistrationError::Version { .. } => Exit::Invalid,
        RegistrationError::Io(_) => Exit::Platform,
    };
    Failure::new(exit, error.to_string())
}
