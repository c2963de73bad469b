//! What every command takes that asks a server, and its output formats.

use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

/// Which server, and who asks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerAt {
    /// The server's address [default: that of the `up` or `server` of this user on this machine].
    #[arg(long = "server", value_name = "URL", env = "EKIDEN_URL", value_hint = ValueHint::Url)]
    pub(crate) url: Option<String>,
    /// A file with a token; EKIDEN_TOKEN may hold the token itself [default: the first admin token of that `up` or `server`].
    #[arg(long, value_name = "FILE", env = "EKIDEN_TOKEN_FILE", value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<PathBuf>,
    /// Certificates to believe beside the system's, in PEM.
    #[arg(long, value_name = "FILE", env = "EKIDEN_CA_FILE", value_hint = ValueHint::FilePath)]
    pub(crate) ca_file: Option<PathBuf>,
}

/// How things are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// For people.
    Table,
    /// One JSON value.
    Json,
    /// One JSON object a line.
    Jsonl,
}

/// How a list is printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListArgs {
    /// How to print it.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ListFormat,
    /// How many at most.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}

/// How one thing is printed.
#[derive(Debug, Clone, Args)]
pub(crate) struct ShowArgs {
    /// How to print it.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: ListFormat,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}
