//! `ekiden completion`: the script that a shell sources.

use crate::args::{Cli, CompletionArgs, ShellName};
use crate::exit::Exit;
use crate::failure::Failure;
use clap::CommandFactory as _;
use clap_complete::Shell;

/// Prints the script.
pub(crate) fn run(args: &CompletionArgs) -> Result<Exit, Failure> {
    let shell = match args.shell {
        ShellName::Bash => Shell::Bash,
        ShellName::Zsh => Shell::Zsh,
        ShellName::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ekiden", &mut script);
    crate::style::data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
