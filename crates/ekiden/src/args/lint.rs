//! `ekiden lint`'s arguments, and the command line that knows this command alone.

use super::GlobalArgs;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `ekiden lint`.
#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    /// Files, folders of workflow files, or repositories.
    #[arg(value_name = "PATH", default_value = ".", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// How to print the findings.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: LintFormat,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LintFormat {
    /// For people, with the source.
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

/// The command line as it is when it asks to lint.
#[derive(Debug, Parser)]
#[command(name = "ekiden")]
struct LintCli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: LintCommand,
}

#[derive(Debug, Subcommand)]
enum LintCommand {
    /// Check workflow and action files.
    Lint(LintArgs),
}

/// Reads the command line of this process as one that asks to lint; `None` when it does not, or not rightly.
pub(super) fn alone() -> Option<(GlobalArgs, LintArgs)> {
    let LintCli { global, command: LintCommand::Lint(args) } = LintCli::try_parse().ok()?;
    Some((global, args))
}
