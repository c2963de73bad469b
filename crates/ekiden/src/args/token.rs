//! `ekiden token` and `ekiden runner token`: their flags.

use super::{Duration, ListArgs, ServerAt};
use api::{Place, Right};
use clap::{Args, Subcommand, ValueEnum};

/// `ekiden token`.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token for a person or a program, and print it once.
    Make(TokenMakeArgs),
    /// List tokens; what they are is never shown again.
    List(TokenListArgs),
    /// Give a token another text, and print it once; the present one opens for a grace still.
    Rotate(TokenRotateArgs),
    /// Revoke a token.
    Revoke(TokenArgs),
}

/// `ekiden token make`.
#[derive(Debug, Args)]
pub(crate) struct TokenMakeArgs {
    /// What people call it.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// What it may do: read:runs, write:runs, read:runners, write:runners, read:secrets, write:secrets, read:code, write:projects, read:audit, write:tokens, admin.
    #[arg(long = "right", value_name = "RIGHT", value_delimiter = ',', required = true)]
    pub(crate) rights: Vec<Right>,
    /// Where: the whole `instance`, an OWNER, or a project OWNER/NAME.
    #[arg(long, value_name = "SCOPE", default_value = "instance")]
    pub(crate) scope: Place,
    /// How long it lives, such as `90d` [default: what the server gives].
    #[arg(long, value_name = "TIME")]
    pub(crate) expires_in: Option<Duration>,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}

/// `ekiden token list`.
#[derive(Debug, Args)]
pub(crate) struct TokenListArgs {
    /// Which: those of people and programs, those that register runners, those that runners sign with, or those of page sessions.
    #[arg(long, value_enum, value_name = "KIND", default_value = "user")]
    pub(crate) kind: TokenKindName,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenKindName {
    /// A person's or a program's.
    User,
    /// Registers runners.
    Registration,
    /// A runner's own.
    Runner,
    /// A page's session.
    Session,
}

/// `ekiden token rotate`.
#[derive(Debug, Args)]
pub(crate) struct TokenRotateArgs {
    /// Its number.
    #[arg(value_name = "TOKEN")]
    pub(crate) token: i64,
    /// How long the present text opens still [default: what the server gives].
    #[arg(long, value_name = "TIME")]
    pub(crate) grace: Option<Duration>,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}

/// One token.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// Its number.
    #[arg(value_name = "TOKEN")]
    pub(crate) token: i64,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}

/// `ekiden runner token`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Without flags but --scope it is the token that the scope has now, for any number of runners, good for an hour at least: the same
command prints the same token again. With any of the others it is a token of its own, shown once.

Examples:
  ekiden agent register --instance URL --token $(ekiden runner token) --labels linux
  ekiden runner token --scope acme/shop
  ekiden runner token --pool gpu --label gpu --label linux --uses 8 --expires-in 1d --name 'the new rack'
  ekiden runner token list
  ekiden runner token rotate 7 --grace 1h
  ekiden runner token revoke 7"
)]
pub(crate) struct RunnerTokenArgs {
    /// What to do but print one.
    #[command(subcommand)]
    pub(crate) command: Option<RunnerTokenCommand>,
    /// For runners of the whole `instance`, of an OWNER, or of a project OWNER/NAME.
    #[arg(long, value_name = "SCOPE", default_value = "instance")]
    pub(crate) scope: Place,
    #[command(flatten)]
    pub(crate) own: OwnTokenArgs,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}

/// What makes it a token of its own.
#[derive(Debug, Clone, Args)]
pub(crate) struct OwnTokenArgs {
    /// What people call it [default: registration].
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The pool of the runners that it registers.
    #[arg(long, value_name = "POOL")]
    pub(crate) pool: Option<String>,
    /// A label that they may have; without any they may have all. May be given more than once.
    #[arg(long = "label", value_name = "LABEL", value_delimiter = ',')]
    pub(crate) labels: Vec<String>,
    /// How many runners it registers; 0: any number [default: 1].
    #[arg(long, value_name = "N")]
    pub(crate) uses: Option<u32>,
    /// How long it lives, a year at most, such as `1d` [default: 15 minutes].
    #[arg(long, value_name = "TIME")]
    pub(crate) expires_in: Option<Duration>,
}

impl OwnTokenArgs {
    /// Whether any of it is asked for.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.name.is_some()
            || self.pool.is_some()
            || !self.labels.is_empty()
            || self.uses.is_some()
            || self.expires_in.is_some()
    }
}

/// What else there is to do with tokens that register runners.
#[derive(Debug, Subcommand)]
pub(crate) enum RunnerTokenCommand {
    /// List them; what they are is never shown again.
    List(ListArgs),
    /// Give one another text, and print it once; the present one registers for a grace still.
    Rotate(TokenRotateArgs),
    /// Revoke one: it registers nobody any more; runners that it registered stay.
    Revoke(TokenArgs),
}
