//! A secret that a person gives: in a file, on stdin, or typed. Never on the command line, which every process of the machine can read.

use crate::failure::Failure;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

/// The largest secret, as with the forges.
const LARGEST: u64 = 64 * 1024;

/// What is asked for, in words.
#[derive(Debug)]
pub(super) struct Wanted {
    /// `the secret`
    what: &'static str,
    /// What a person is asked.
    question: String,
    /// How it is given.
    fix: String,
}

impl Wanted {
    /// The value of a secret.
    pub(super) fn secret(name: &str) -> Self {
        Self {
            what: "the secret",
            question: format!("Value of {name}: "),
            fix: format!("printf %s \"$VALUE\" | ekiden secret set {name} …"),
        }
    }

    /// A token of a forge.
    pub(super) fn token_of(url: &str) -> Self {
        Self { what: "the token", question: format!("Token for {url}: "), fix: "--forge-token-file FILE".to_owned() }
    }
}

/// A file as it is; what is typed or piped without its last line break.
pub(super) fn value(file: Option<&Path>, wanted: &Wanted) -> Result<String, Failure> {
    let what = wanted.what;
    let unreadable = |error: &std::io::Error| Failure::not_found(format!("{what} cannot be read")).cause(error);
    if let Some(file) = file {
        return std::fs::read_to_string(file)
            .map_err(|error| Failure::not_found(format!("{} cannot be read", file.display())).cause(&error));
    }
    if std::io::stdin().is_terminal() {
        let term = console::Term::stderr();
        let asked = term.write_str(&wanted.question).and_then(|()| term.read_secure_line());
        return asked.map_err(|error| unreadable(&error));
    }
    let mut text = String::new();
    std::io::stdin().take(LARGEST + 1).read_to_string(&mut text).map_err(|error| unreadable(&error))?;
    if text.len() as u64 > LARGEST {
        return Err(Failure::usage(format!("{what} has more than 64 KiB")));
    }
    let trimmed = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    match trimmed.unwrap_or(&text) {
        "" => Err(Failure::usage(format!("{what} is empty")).fix(wanted.fix.clone())),
        text => Ok(text.to_owned()),
    }
}
