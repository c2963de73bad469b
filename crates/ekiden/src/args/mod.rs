//! The command line, as clap sees it. Called by `main`; the structs are handed to the commands as they are.

mod agent;
mod client;
mod exec;
mod lint;
mod manage;
mod project;
mod server;
mod token;
mod top;
mod up;
mod value;

pub(crate) use agent::{
    AgentArgs, AgentCommand, AgentDrainArgs, AgentOnceArgs, AgentRegisterArgs, AgentStartArgs, AgentStatusArgs,
    AgentUnregisterArgs, DataArgs, ForksName, JobLimitArgs, MapDocker, TableFormat, ToolCacheName,
};
pub(crate) use client::{ListArgs, ListFormat, ServerAt, ShowArgs};
pub(crate) use exec::{
    BackendName, EventArgs, ExecArgs, HostVariablesName, LimitArgs, NetworkMode, OutputFormat, ProfileName,
    ProgressMode, SandboxArgs, ValueArgs,
};
pub(crate) use lint::{LintArgs, LintFormat};
pub(crate) use manage::{
    AuditCommand, AuditListArgs, HoldingArgs, HoldingSetArgs, JobCommand, JobLogArgs, JobWhyArgs, RunCancelArgs,
    RunCommand, RunDispatchArgs, RunListArgs, RunRerunArgs, RunShowArgs, RunWatchArgs, RunnerArgs, RunnerCommand,
    RunnerDrainArgs, ScopedListArgs, SecretCommand, VarCommand, VarSetArgs,
};
pub(crate) use project::{
    ForgeArgs, ForgeKind, ProjectAddArgs, ProjectArgs, ProjectCommand, ProjectHookArgs, ProjectSetArgs, Readers,
};
pub(crate) use server::{BackupArgs, DatabaseArgs, ReachArgs, RestoreArgs, RuleArgs, ServerArgs, ServerCommand};
pub(crate) use token::{
    RunnerTokenArgs, RunnerTokenCommand, TokenArgs, TokenCommand, TokenKindName, TokenListArgs, TokenMakeArgs,
    TokenRotateArgs,
};
pub(crate) use top::TopArgs;
pub(crate) use up::UpArgs;
pub(crate) use value::{Age, Duration, EnvAssignment, Keep, Pair, Platform, SecretArg, SecretSource, SecretText, Size};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Every CI job gets a fresh, isolated runner of its own.
#[derive(Debug, Parser)]
#[command(
    name = "ekiden",
    version,
    max_term_width = 120,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
#[command(
    after_help = "Exit codes: 0 ok, 1 what was asked about failed, 2 usage, 3 invalid configuration or workflow, 4 token refused, 5 not found, 6 unreachable, 7 waited too long, 8 platform fault, 130 interrupted."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads the command line of this process.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        // Making all commands ready takes longer than linting a few files does. Help and mistakes are for the whole to answer.
        if std::env::args_os().nth(1).is_some_and(|command| command == "lint")
            && let Some((global, args)) = lint::alone()
        {
            return Ok(Self { global, command: Command::Lint(args) });
        }
        Self::try_parse()
    }
}

// What every command takes; as a documentation comment, this would become the help of the whole.
#[derive(Debug, Args)]
pub(crate) struct GlobalArgs {
    /// When to colour what is printed.
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        env = "EKIDEN_COLOR",
        hide_env = true
    )]
    pub(crate) color: ColorChoice,
}

/// When to colour. `auto` follows NO_COLOR, CLICOLOR, CLICOLOR_FORCE and the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless the environment says no.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Be a whole CI system for a checkout: control plane, page, runner, in one command.
    Up(Box<UpArgs>),
    /// Run the workflows of a repository on this machine, each job in a fresh sandbox.
    Exec(Box<ExecArgs>),
    /// Attach this machine as a runner to an `ekiden server`, a Gitea or a Forgejo.
    #[command(subcommand, arg_required_else_help = true)]
    Agent(AgentCommand),
    /// Be the control plane: projects, runners, runs, logs, the web page and the API.
    Server(Box<ServerArgs>),
    /// Add, list, set and remove the repositories whose workflows a server runs, and their webhooks.
    #[command(subcommand, arg_required_else_help = true)]
    Project(ProjectCommand),
    /// List, show, follow, cancel, repeat and start runs.
    #[command(subcommand, arg_required_else_help = true)]
    Run(RunCommand),
    /// Print the log of a job, or why it waits.
    #[command(subcommand, arg_required_else_help = true)]
    Job(JobCommand),
    /// List, drain and remove runners, and get a token that registers new ones.
    #[command(subcommand, arg_required_else_help = true)]
    Runner(RunnerCommand),
    /// Set, list and remove secrets.
    #[command(subcommand, arg_required_else_help = true)]
    Secret(SecretCommand),
    /// Set, list and remove variables.
    #[command(subcommand, arg_required_else_help = true)]
    Var(VarCommand),
    /// Make, list, rotate and revoke tokens.
    #[command(subcommand, arg_required_else_help = true)]
    Token(TokenCommand),
    /// List who changed what, from where.
    #[command(subcommand, arg_required_else_help = true)]
    Audit(AuditCommand),
    /// Show what waits, what runs and who runs it, live.
    Top(TopArgs),
    /// Check workflow and action files.
    Lint(LintArgs),
    /// Evaluate an expression and print its value as JSON.
    Eval(EvalArgs),
    /// Say what this machine can isolate, and what to run to fix what it cannot.
    Doctor(DoctorArgs),
    /// Print the receipt of where this command is running.
    Whoami(WhoamiArgs),
    /// Get, list and remove actions in the local store.
    #[command(subcommand, arg_required_else_help = true)]
    Action(ActionCommand),
    /// Enter, list and remove sandboxes that `exec --keep` has kept.
    #[command(subcommand, arg_required_else_help = true)]
    Sandbox(SandboxCommand),
    /// Make and remove root directories for `exec --root`.
    #[command(subcommand, arg_required_else_help = true)]
    Root(RootCommand),
    /// Print the completions of a shell.
    Completion(CompletionArgs),
}

/// `ekiden eval`.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// A JSON object: context name to value.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) context: Option<PathBuf>,
    /// The folder whose files `hashFiles` reads.
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
    /// The expression, with or without `${{ }}`.
    #[arg(value_name = "EXPR", allow_hyphen_values = true)]
    pub(crate) expression: String,
}

/// Text or JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlainFormat {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// `ekiden doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// How to print the checks.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: PlainFormat,
    /// Check the agent too: its forge, clock, key, labels, capacity [default: when this machine is registered].
    #[arg(long)]
    pub(crate) agent: bool,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

/// `ekiden whoami`.
#[derive(Debug, Args)]
pub(crate) struct WhoamiArgs {
    /// How to print the receipt.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: PlainFormat,
}

/// `ekiden action`.
#[derive(Debug, Subcommand)]
pub(crate) enum ActionCommand {
    /// Get actions into the local store, for use without a network.
    Fetch(ActionFetchArgs),
    /// List the actions in the local store.
    List(ActionListArgs),
    /// Remove actions that were not used for a time.
    Prune(ActionPruneArgs),
}

/// Where actions come from.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct StoreArgs {
    /// The folder that keeps actions [default: in the user's cache].
    #[arg(long, value_name = "DIR", env = "EKIDEN_ACTION_STORE", value_hint = clap::ValueHint::DirPath)]
    pub(crate) action_store: Option<PathBuf>,
    /// A place to ask for actions before GitHub: a URL with `{owner}`, `{repo}` or `{repository}` in it. May be given more than once.
    #[arg(long, value_name = "URL", env = "EKIDEN_ACTION_MIRROR", value_delimiter = ',')]
    pub(crate) action_mirror: Vec<String>,
    /// Use only what the store has.
    #[arg(long, env = "EKIDEN_OFFLINE", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) offline: Option<bool>,
}

/// `ekiden action fetch`.
#[derive(Debug, Args)]
pub(crate) struct ActionFetchArgs {
    /// `owner/repo[/path]@ref`.
    #[arg(value_name = "ACTION", required = true)]
    pub(crate) actions: Vec<String>,
    /// The folder whose `ekiden.toml` is read.
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `ekiden action list`.
#[derive(Debug, Args)]
pub(crate) struct ActionListArgs {
    /// How to print the list.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: PlainFormat,
    /// The folder whose `ekiden.toml` is read.
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `ekiden action prune`.
#[derive(Debug, Args)]
pub(crate) struct ActionPruneArgs {
    /// Remove what was not used for this long, such as `30d`; `0s` removes all that no run uses.
    #[arg(long, value_name = "TIME", default_value = "30d")]
    pub(crate) older_than: Age,
    /// The folder whose `ekiden.toml` is read.
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `ekiden sandbox`.
#[derive(Debug, Subcommand)]
pub(crate) enum SandboxCommand {
    /// Open a shell in a kept sandbox, as the job's user, with its mounts, workspace, environment and limits.
    Enter(SandboxEnterArgs),
    /// List the sandboxes that are kept.
    List(SandboxListArgs),
    /// Remove kept sandboxes.
    Remove(SandboxRemoveArgs),
    /// Remove all sandboxes that were kept for some time.
    Prune(SandboxPruneArgs),
}

/// `ekiden sandbox enter`.
#[derive(Debug, Args)]
pub(crate) struct SandboxEnterArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// What to run instead of a shell.
    #[arg(value_name = "COMMAND", last = true)]
    pub(crate) command: Vec<String>,
}

/// `ekiden sandbox list`.
#[derive(Debug, Args)]
pub(crate) struct SandboxListArgs {
    /// How to print the list.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: PlainFormat,
}

/// `ekiden sandbox remove`.
#[derive(Debug, Args)]
pub(crate) struct SandboxRemoveArgs {
    /// Their names.
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}

/// `ekiden sandbox prune`.
#[derive(Debug, Args)]
pub(crate) struct SandboxPruneArgs {
    /// Remove what was kept for this long, such as `7d`; `0s` removes all.
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub(crate) older_than: Age,
}

/// `ekiden root`.
#[derive(Debug, Subcommand)]
pub(crate) enum RootCommand {
    /// Unpack an archive of a root file system into a new folder, owned by ids of yours.
    Unpack(RootUnpackArgs),
    /// Remove folders that `unpack` has made.
    Remove(RootRemoveArgs),
}

/// `ekiden root unpack`.
#[derive(Debug, Args)]
pub(crate) struct RootUnpackArgs {
    /// What `tar` reads: of mmdebstrap, `podman export`, `docker export`, a distribution's root archive.
    #[arg(value_name = "ARCHIVE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) archive: PathBuf,
    /// The folder, which is made.
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
}

/// `ekiden root remove`.
#[derive(Debug, Args)]
pub(crate) struct RootRemoveArgs {
    /// The folders.
    #[arg(value_name = "DIR", required = true, value_hint = clap::ValueHint::DirPath)]
    pub(crate) directories: Vec<PathBuf>,
}

/// `ekiden completion`.
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: ShellName,
}

/// Shells that have completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShellName {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}
