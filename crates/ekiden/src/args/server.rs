//! `ekiden server` and `ekiden up`: their flags. What is also a key of `[server]` in `ekiden.toml` is optional here.

use super::value::Keep;
use clap::{Args, Subcommand, ValueHint};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `ekiden server`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "For whoever watches it:
  /healthz, /readyz    answer everybody
  /metrics             answers this machine; others need a token: ekiden token make prometheus --right read:runners"
)]
pub(crate) struct ServerArgs {
    /// What to do but serve.
    #[command(subcommand)]
    pub(crate) command: Option<ServerCommand>,
    #[command(flatten)]
    pub(crate) house: HouseArgs,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    /// A PEM file with the server's certificate, and those between it and its CA: TLS of its own. A renewed one is taken within seconds.
    #[arg(long, value_name = "FILE", env = "EKIDEN_SERVER_TLS_CERT", value_hint = ValueHint::FilePath)]
    pub(crate) tls_cert: Option<PathBuf>,
    /// A PEM file with the private key of that certificate.
    #[arg(long, value_name = "FILE", env = "EKIDEN_SERVER_TLS_KEY", value_hint = ValueHint::FilePath)]
    pub(crate) tls_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
}

/// What else there is to do with a server's folder.
#[derive(Debug, Subcommand)]
pub(crate) enum ServerCommand {
    /// Copy all that a server remembers into one file, while it goes on.
    Backup(BackupArgs),
    /// Make a server's folder from a backup. Changes nothing where one is.
    Restore(RestoreArgs),
}

/// Where a server remembers.
#[derive(Debug, Clone, Args)]
pub(crate) struct HouseArgs {
    /// The server's folder: its database, keys, logs, mirrors, its ekiden.toml [default: ekiden/server in the user's state folder].
    #[arg(long, value_name = "DIR", env = "EKIDEN_SERVER_DATA", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
    /// The `ekiden.toml` to read [default: ekiden.toml in the server's folder].
    #[arg(short, long, value_name = "FILE", env = "EKIDEN_SERVER_CONFIG", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// Another database than the folder's own.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DatabaseArgs {
    /// A PostgreSQL in place of the folder's own database: `postgres://USER@HOST/NAME`. A password belongs into --database-file.
    #[arg(long, value_name = "URL", env = "EKIDEN_SERVER_DATABASE", conflicts_with = "database_file")]
    pub(crate) database: Option<String>,
    /// A file that holds the URL of the PostgreSQL.
    #[arg(long, value_name = "FILE", env = "EKIDEN_SERVER_DATABASE_FILE", value_hint = ValueHint::FilePath)]
    pub(crate) database_file: Option<PathBuf>,
}

/// `ekiden server backup`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ekiden server backup /backup/ekiden.tar.zst
  ekiden server backup /backup                       a file of its own in this folder, by the time
  ekiden server backup /backup --data ~/.local/state/ekiden/up/server    that of `ekiden up`
The file holds keys and secrets: it is readable by you alone; keep it so.")]
pub(crate) struct BackupArgs {
    /// The file to be, or a folder that gets one.
    #[arg(value_name = "FILE|DIR", value_hint = ValueHint::AnyPath)]
    pub(crate) into: PathBuf,
    /// With the mirrors of repositories behind a URL, which are fetched again otherwise.
    #[arg(long)]
    pub(crate) mirrors: bool,
    #[command(flatten)]
    pub(crate) house: HouseArgs,
}

/// `ekiden server restore`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ekiden server restore /backup/ekiden.tar.zst       then: ekiden server
  ekiden server restore /backup/ekiden.tar.zst --data /srv/ekiden
  ekiden server restore /backup/ekiden.tar.zst --database-file /etc/ekiden/database    one of a PostgreSQL, into an empty one")]
pub(crate) struct RestoreArgs {
    /// The backup.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) from: PathBuf,
    /// The server's folder to be: not there yet, or empty [default: ekiden/server in the user's state folder].
    #[arg(long, value_name = "DIR", env = "EKIDEN_SERVER_DATA", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

/// How a server is reached.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ReachArgs {
    /// Where to listen; port 0 is any that is free [default: 127.0.0.1:4600].
    #[arg(long, value_name = "HOST:PORT", env = "EKIDEN_SERVER_LISTEN", value_parser = crate::config::listen_address)]
    pub(crate) listen: Option<SocketAddr>,
    /// The public address, as people and runners reach it [default: where it listens; needed where that is every address, as 0.0.0.0].
    #[arg(long, value_name = "URL", env = "EKIDEN_SERVER_URL", value_hint = ValueHint::Url)]
    pub(crate) url: Option<String>,
    /// A proxy stands before it, ends TLS and says who calls (`X-Forwarded-For`). Without one, and without TLS of its own, it listens on loopback alone.
    #[arg(long, env = "EKIDEN_SERVER_BEHIND_PROXY", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) behind_proxy: Option<bool>,
}

/// How long things are kept, and where workflows and actions come from.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RuleArgs {
    /// Runs go so long after their end, with all that is theirs: a time such as `90d`, or `none` [default: none].
    #[arg(long, value_name = "TIME", env = "EKIDEN_SERVER_KEEP_RUNS")]
    pub(crate) keep_runs: Option<Keep>,
    /// Logs go so long after their run's end, and the run stays: a time such as `90d`, or `none` [default: 365d].
    #[arg(long, value_name = "TIME", env = "EKIDEN_SERVER_KEEP_LOGS")]
    pub(crate) keep_logs: Option<Keep>,
    /// Folders of workflows; the first that a commit has counts [default: .forgejo/workflows,.gitea/workflows,.github/workflows].
    #[arg(long, value_name = "FOLDER,…", env = "EKIDEN_SERVER_WORKFLOWS", value_delimiter = ',')]
    pub(crate) workflows: Option<Vec<String>>,
    /// Where actions come from that name no server: an address, or `self` for projects here that all jobs may clone [default: github.com].
    #[arg(long, value_name = "URL|self", env = "EKIDEN_SERVER_ACTIONS_URL", value_hint = ValueHint::Url)]
    pub(crate) actions_url: Option<String>,
}
