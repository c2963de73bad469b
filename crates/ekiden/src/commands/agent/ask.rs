//! Questions on a terminal, for what the command line of `register` left open. Answers go nowhere before the last is given.

use crate::exit::Exit;
use crate::failure::Failure;
use console::Term;
use std::io::{self, IsTerminal as _};

/// The terminal, when somebody sits there.
pub(super) fn terminal() -> Option<Term> {
    let term = Term::stderr();
    (io::stdin().is_terminal() && term.is_term()).then_some(term)
}

/// Asks until the answer is good. An empty answer is the proposal, where there is one.
pub(super) fn ask<T>(
    term: &Term,
    question: &str,
    proposal: Option<&str>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    loop {
        let proposed = proposal.map(|text| format!(" [{text}]")).unwrap_or_default();
        term.write_str(&format!("{question}{proposed}: ")).map_err(|error| gone(&error))?;
        let mut line = String::new();
        if io::stdin().read_line(&mut line).map_err(|error| gone(&error))? == 0 {
            return Err(Failure::new(Exit::Interrupted, "the questions were left; nothing was registered"));
        }
        let answer = line.trim();
        let answer = if answer.is_empty() { proposal.unwrap_or_default() } else { answer };
        match read(answer) {
            Ok(value) => return Ok(value),
            Err(why) => term.write_line(&format!("  {why}")).map_err(|error| gone(&error))?,
        }
    }
}

/// Asks for what must not be seen.
pub(super) fn ask_secret(term: &Term, question: &str) -> Result<String, Failure> {
    loop {
        term.write_str(&format!("{question} (not shown): ")).map_err(|error| gone(&error))?;
        let answer = crate::hidden::line();
        term.write_line("").map_err(|error| gone(&error))?;
        let answer = answer.map_err(|error| gone(&error))?;
        if !answer.trim().is_empty() {
            return Ok(answer.trim().to_owned());
        }
    }
}

fn gone(error: &io::Error) -> Failure {
    let failure = match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => {
            Failure::new(Exit::Interrupted, "the questions were left; nothing was registered")
        }
        _ => Failure::platform("the terminal cannot be read").cause(error),
    };
    failure.fix("give everything by flags: --instance, --token-file, --name, --labels")
}
