//! `ekiden server` and `ekiden up`: their flags. What is also a key of `[server]` in `ekiden.toml` is optional here.

use clap::{Args, ValueHint};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `ekiden server`.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// The server's folder: its database, keys, logs, mirrors, its ekiden.toml [default: ekiden/server in the user's state folder].
    #[arg(long, value_name = "DIR", env = "EKIDEN_SERVER_DATA", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
    /// The `ekiden.toml` to read [default: ekiden.toml in the server's folder].
    #[arg(short, long, value_name = "FILE", env = "EKIDEN_SERVER_CONFIG", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    /// A PostgreSQL in place of the folder's own database: `postgres://USER@HOST/NAME`. A password belongs into --database-file.
    #[arg(long, value_name = "URL", env = "EKIDEN_SERVER_DATABASE", conflicts_with = "database_file")]
    pub(crate) database: Option<String>,
    /// A file that holds the URL of the PostgreSQL.
    #[arg(long, value_name = "FILE", env = "EKIDEN_SERVER_DATABASE_FILE", value_hint = ValueHint::FilePath)]
    pub(crate) database_file: Option<PathBuf>,
    /// Folders of workflows; the first that a commit has counts [default: .forgejo/workflows,.gitea/workflows,.github/workflows].
    #[arg(long, value_name = "FOLDER,…", env = "EKIDEN_SERVER_WORKFLOWS", value_delimiter = ',')]
    pub(crate) workflows: Option<Vec<String>>,
}

/// How a server is reached.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ReachArgs {
    /// Where to listen; port 0 is any that is free [default: 127.0.0.1:4600].
    #[arg(long, value_name = "HOST:PORT", env = "EKIDEN_SERVER_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// The public address, as people and runners reach it [default: where it listens].
    #[arg(long, value_name = "URL", env = "EKIDEN_SERVER_URL", value_hint = ValueHint::Url)]
    pub(crate) url: Option<String>,
    /// A proxy stands before it, ends TLS and says who calls (`X-Forwarded-For`). Without one it listens on loopback alone.
    #[arg(long, env = "EKIDEN_SERVER_BEHIND_PROXY", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) behind_proxy: Option<bool>,
}
