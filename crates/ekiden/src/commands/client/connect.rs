//! Which server is asked, by whom, and what its faults mean to a person.

use crate::args::ServerAt;
use crate::commands::place;
use crate::exit::Exit;
use crate::failure::Failure;
use api::{Authority, Client, ClientError, ClientSettings, FaultKind};
use domain::Secret;
use std::path::Path;
use std::time::Duration;

/// So long an answer may take to begin.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The server that was named, else the one of this user on this machine.
pub(crate) fn connect(at: &ServerAt) -> Result<Client, Failure> {
    let token = match (&at.token_file, std::env::var("EKIDEN_TOKEN").ok().filter(|token| !token.trim().is_empty())) {
        (Some(file), _) => Some(read(file)?),
        (None, Some(token)) => Some(Secret::new(token.trim())),
        (None, None) => None,
    };
    let (url, token) = match (&at.url, token) {
        (Some(url), Some(token)) => (url.clone(), token),
        (Some(url), None) => {
            // The server of this machine, named by its address.
            let here = place::find().filter(|here| same(&here.url, url));
            let file = here.ok_or_else(|| no_token(url))?.token_file;
            (url.clone(), read(&file)?)
        }
        (None, token) => {
            let here = place::find().ok_or_else(no_server)?;
            let token = match token {
                Some(token) => token,
                None => read(&here.token_file)?,
            };
            (here.url, token)
        }
    };
    let authority = match &at.ca_file {
        None => Authority::System,
        Some(file) => Authority::Also(std::fs::read(file).map_err(|error| {
            Failure::not_found(format!("the certificates in {} cannot be read", file.display())).cause(&error)
        })?),
    };
    make(url, token, authority)
}

/// A server whose address and token are known.
pub(crate) fn connect_to(url: &str, token: Secret) -> Result<Client, Failure> {
    make(url.to_owned(), token, Authority::System)
}

fn make(url: String, token: Secret, authority: Authority) -> Result<Client, Failure> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let settings = ClientSettings { url, token: Some(token), authority, timeout: TIMEOUT, version };
    Client::new(&settings).map_err(|error| failure(&error))
}

fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

fn read(file: &Path) -> Result<Secret, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::not_found(format!("the token in {} cannot be read", file.display())).cause(&error))?;
    match text.trim() {
        "" => Err(Failure::usage(format!("{} holds no token", file.display()))),
        token => Ok(Secret::new(token)),
    }
}

fn no_server() -> Failure {
    Failure::usage("which server?")
        .fact("no `ekiden up` or `ekiden server` of yours runs on this machine")
        .fix("start one: ekiden up")
        .fix("or name one: --server URL and EKIDEN_TOKEN, or EKIDEN_URL and EKIDEN_TOKEN")
}

fn no_token(url: &str) -> Failure {
    Failure::new(Exit::Auth, format!("there is no token for {url}"))
        .fix("EKIDEN_TOKEN=… or --token-file FILE; make one there with ekiden token make")
}

/// What a fault of a call means to a person.
pub(crate) fn failure(error: &ClientError) -> Failure {
    let exit = match error.kind() {
        FaultKind::Request => Exit::Usage,
        FaultKind::Auth => Exit::Auth,
        FaultKind::Missing => Exit::NotFound,
        FaultKind::Unreachable => Exit::Unreachable,
        FaultKind::Server => Exit::Platform,
    };
    let mut failure = match error {
        // The fix of the server stands by itself.
        ClientError::Refused { did, fault, .. } => {
            let failure = Failure::new(exit, format!("could not {did}")).fact(fault.message.clone());
            fault.fix.iter().fold(failure, |failure, fix| failure.fix(fix.clone()))
        }
        other => Failure::new(exit, other.to_string()),
    };
    // What lies between says how the client is built.
    let mut deepest = std::error::Error::source(error);
    while let Some(cause) = deepest.and_then(std::error::Error::source) {
        deepest = Some(cause);
    }
    if let Some(cause) = deepest {
        failure = failure.fact(cause.to_string());
    }
    failure
}
