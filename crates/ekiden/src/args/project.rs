//! `ekiden project`: its flags.

use super::{ListArgs, ServerAt, ShowArgs};
use api::ProjectName;
use clap::{ArgGroup, Args, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

/// `ekiden project`.
#[derive(Debug, Subcommand)]
pub(crate) enum ProjectCommand {
    /// Add a git repository, whose workflows run from now on when it moves.
    Add(ProjectAddArgs),
    /// List the projects.
    List(ListArgs),
    /// Name the forge that hears of a project's runs, or none; say who may clone it.
    Set(ProjectSetArgs),
    /// Show where a forge sends its pushes to a project, and make the secret that it signs them with.
    Hook(ProjectHookArgs),
    /// Remove a project with its runs, secrets and variables; its repository stays as it is.
    Remove(ProjectArgs),
}

/// `ekiden project add`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ekiden project add acme/shop --git /srv/git/shop.git
  ekiden project add acme/shop --git https://git.example.org/acme/shop.git
  ekiden project add actions/checkout --git https://git.example.org/actions/checkout.git --readers jobs    every job may use it
  ekiden project add acme/shop --git https://git.example.org/acme/shop.git \\
      --forge https://git.example.org/acme/shop --forge-token-file token    its commits show how their runs ended")]
pub(crate) struct ProjectAddArgs {
    /// Its name: OWNER/NAME.
    #[arg(value_name = "OWNER/NAME")]
    pub(crate) project: ProjectName,
    /// Its repository: a path of the server's machine, or a URL.
    #[arg(long, value_name = "PATH|URL", value_hint = ValueHint::AnyPath)]
    pub(crate) git: String,
    #[command(flatten)]
    pub(crate) forge: ForgeArgs,
    /// Who may clone it from the server, beside people who may read its code [default: own].
    #[arg(long, value_enum, value_name = "WHO")]
    pub(crate) readers: Option<Readers>,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Who may clone a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Readers {
    /// Its own jobs.
    Own,
    /// Jobs of all projects: it holds actions.
    Jobs,
    /// Whoever reaches the server, also without a token.
    Anyone,
}

/// The forge that hears of a project's runs.
#[derive(Debug, Clone, Args)]
pub(crate) struct ForgeArgs {
    /// The repository's page on a forge, whose commits are to show how their runs ended: https://HOST/OWNER/NAME.
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) forge: Option<String>,
    /// What kind of forge it is [default: github.com is GitHub, all else Gitea or Forgejo].
    #[arg(long, value_enum, value_name = "KIND", requires = "forge")]
    pub(crate) forge_kind: Option<ForgeKind>,
    /// A file with a token of the forge that may write statuses of commits; without it the token is read from stdin, or asked for on a terminal.
    #[arg(long, value_name = "FILE", requires = "forge", value_hint = ValueHint::FilePath)]
    pub(crate) forge_token_file: Option<PathBuf>,
}

/// Kinds of forges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ForgeKind {
    /// Gitea.
    Gitea,
    /// Forgejo.
    Forgejo,
    /// GitHub, also a company's own.
    Github,
}

/// `ekiden project set`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").args(["forge", "readers", "no_forge"]).required(true).multiple(true)))]
#[command(after_help = "Examples:
  ekiden project set acme/shop --forge https://git.example.org/acme/shop --forge-token-file token
  ekiden project set acme/shop --no-forge
  ekiden project set actions/checkout --readers jobs
The token needs to see the repository and to write statuses of commits: with Gitea and Forgejo the scope write:repository,
with GitHub a fine-grained token with \"Commit statuses: read and write\".")]
pub(crate) struct ProjectSetArgs {
    /// Its name: OWNER/NAME.
    #[arg(value_name = "OWNER/NAME")]
    pub(crate) project: ProjectName,
    #[command(flatten)]
    pub(crate) forge: ForgeArgs,
    /// Tell no forge any more; its token is forgotten.
    #[arg(long, conflicts_with = "forge")]
    pub(crate) no_forge: bool,
    /// Who may clone it from the server, beside people who may read its code.
    #[arg(long, value_enum, value_name = "WHO")]
    pub(crate) readers: Option<Readers>,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// `ekiden project hook`.
#[derive(Debug, Args)]
#[command(
    after_help = "Write the address and the secret into the webhooks of the repository's settings on the forge: content type
application/json, the push event. What moved is read from the repository itself: the hook only says that it is time to look. Without
one, a repository behind a URL is looked at every 30 seconds.

Examples:
  ekiden project hook acme/shop              the address; a secret is made when there is none, and shown this once
  ekiden project hook acme/shop --rotate     another secret; the one before is refused from now on
  ekiden project hook acme/shop --remove     take no pushes any more"
)]
pub(crate) struct ProjectHookArgs {
    /// Its name: OWNER/NAME.
    #[arg(value_name = "OWNER/NAME")]
    pub(crate) project: ProjectName,
    /// Make another secret, in place of the present one.
    #[arg(long)]
    pub(crate) rotate: bool,
    /// Take the secret away.
    #[arg(long, conflicts_with = "rotate")]
    pub(crate) remove: bool,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// One project.
#[derive(Debug, Args)]
pub(crate) struct ProjectArgs {
    /// Its name: OWNER/NAME.
    #[arg(value_name = "OWNER/NAME")]
    pub(crate) project: ProjectName,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}
