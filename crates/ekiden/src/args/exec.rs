//! `ekiden exec`: its flags. Those that are also keys of `ekiden.toml` are optional here, so that the file can be told apart from
//! the flag; names are act's where they mean the same.

use super::{Duration, EnvAssignment, Pair, Platform, SecretText, Size, StoreArgs};
use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

/// `ekiden exec`.
#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// The event that starts workflows [default: push].
    #[arg(value_name = "EVENT", conflicts_with = "event")]
    pub(crate) event_name: Option<String>,
    /// The repository, or a folder in it.
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) directory: PathBuf,

    #[command(flatten)]
    pub(crate) pick: PickArgs,
    #[command(flatten)]
    pub(crate) event: EventArgs,
    #[command(flatten)]
    pub(crate) values: ValueArgs,
    #[command(flatten)]
    pub(crate) sandbox: SandboxArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Which workflows, jobs and cells run.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to run")]
pub(crate) struct PickArgs {
    /// A workflow file, run whatever its events and filters [default: those that the event starts].
    #[arg(short = 'W', long, value_name = "FILE", visible_alias = "workflow", value_hint = ValueHint::FilePath)]
    pub(crate) workflows: Vec<PathBuf>,
    /// Run this job and those that it needs.
    #[arg(short, long, value_name = "ID")]
    pub(crate) job: Vec<String>,
    /// Run only the cells of a matrix with this value, such as `os:linux`.
    #[arg(long, value_name = "KEY:VALUE", value_parser = Pair::parse_colon)]
    pub(crate) matrix: Vec<Pair>,
    /// List the jobs and run nothing.
    #[arg(short, long, conflicts_with = "graph")]
    pub(crate) list: bool,
    /// Draw which job needs which and run nothing.
    #[arg(short, long)]
    pub(crate) graph: bool,
    /// Plan and check, say what would run, and run nothing.
    #[arg(short = 'n', long, alias = "dryrun")]
    pub(crate) dry_run: bool,
}

/// What happened.
#[derive(Debug, Args)]
#[command(next_help_heading = "Event")]
pub(crate) struct EventArgs {
    /// The event's name, as the argument EVENT.
    #[arg(long, value_name = "NAME")]
    pub(crate) event: Option<String>,
    /// A JSON file with the event's payload.
    #[arg(short, long, value_name = "FILE", alias = "eventpath", value_hint = ValueHint::FilePath)]
    pub(crate) event_path: Option<PathBuf>,
    /// An input of `workflow_dispatch` or `workflow_call`.
    #[arg(long, value_name = "NAME=VALUE", value_parser = Pair::parse_equals)]
    pub(crate) input: Vec<Pair>,
    /// A file of inputs, a NAME=VALUE a line.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) input_file: Option<PathBuf>,
    /// Who caused it [default: git's user.name].
    #[arg(short, long, value_name = "NAME")]
    pub(crate) actor: Option<String>,
}

/// Values that workflows read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Values")]
pub(crate) struct ValueArgs {
    /// A secret: `NAME=env:VAR`, `NAME=file:PATH`, or `NAME` (from the variable NAME, else asked for). Never its value.
    #[arg(short, long, value_name = "NAME[=FROM]")]
    pub(crate) secret: Vec<SecretText>,
    /// A file of secrets, a NAME=VALUE a line.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) secret_file: Vec<PathBuf>,
    /// A configuration variable (`vars`).
    #[arg(long, value_name = "NAME=VALUE", value_parser = Pair::parse_equals)]
    pub(crate) var: Vec<Pair>,
    /// A file of variables, a NAME=VALUE a line.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) var_file: Vec<PathBuf>,
    /// An environment variable of every step: `NAME=VALUE`, or `NAME` to pass on this one's.
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<EnvAssignment>,
    /// A file of environment variables, a NAME=VALUE a line.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) env_file: Vec<PathBuf>,
}

/// Where jobs run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sandbox")]
pub(crate) struct SandboxArgs {
    /// What isolates jobs: `namespaces`, or `host` (nothing does).
    #[arg(long, value_enum, value_name = "NAME", default_value = "namespaces", env = "EKIDEN_BACKEND")]
    pub(crate) backend: BackendName,
    /// What a job may do inside: `hardened` (an ordinary user), or `root` (sudo, apt-get, chown in its throw-away layer) [default: hardened].
    #[arg(long, value_enum, value_name = "NAME", env = "EKIDEN_PROFILE")]
    pub(crate) profile: Option<ProfileName>,
    /// A job's way out: `outbound` (no private addresses), `none`, or `host` (not isolated) [default: outbound].
    #[arg(long, value_enum, value_name = "MODE", env = "EKIDEN_NETWORK")]
    pub(crate) network: Option<NetworkMode>,
    /// Open one target in a refused range.
    #[arg(long, value_name = "HOST[:PORT]", env = "EKIDEN_ALLOW", value_delimiter = ',')]
    pub(crate) allow: Vec<String>,
    /// A folder with a root file system to run on [default: this machine's, read-only].
    #[arg(long, value_name = "DIR", env = "EKIDEN_ROOT", value_hint = ValueHint::DirPath)]
    pub(crate) root: Option<PathBuf>,
    /// Bring a toolchain or a path of a hidden home in, read-only: `rustup`, `cargo`, `nvm`, `pyenv`, …, or a path.
    #[arg(long, value_name = "NAME|PATH", env = "EKIDEN_EXPOSE", value_delimiter = ',')]
    pub(crate) expose: Vec<String>,
    /// Work in the checkout itself: jobs change it for real.
    #[arg(short, long, conflicts_with = "checkout")]
    pub(crate) bind: bool,
    /// Put the repository into the workspace before the first step, as act does.
    #[arg(long)]
    pub(crate) checkout: bool,
    /// Say how this machine serves a label of `runs-on`: `LABEL=local`.
    #[arg(short = 'P', long, value_name = "LABEL=local", env = "EKIDEN_PLATFORM", value_delimiter = ',')]
    pub(crate) platform: Vec<Platform>,
    /// Whether CA and proxy variables of yours reach jobs: `listed` (those that hold no credentials), or `none`.
    #[arg(long, value_enum, value_name = "WHICH", default_value = "listed", env = "EKIDEN_HOST_VARIABLES")]
    pub(crate) host_variables: HostVariablesName,
    /// Keep the sandbox of a job that failed, and say how to enter it.
    #[arg(long)]
    pub(crate) keep: bool,
}

/// What a job may use.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Jobs at once [default: the number of processors].
    #[arg(long, value_name = "N", alias = "concurrent-jobs", env = "EKIDEN_JOBS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) jobs: Option<u32>,
    /// Memory of a job, such as `4GiB`, or `none` [default: 40% of what is available].
    #[arg(long, value_name = "SIZE", env = "EKIDEN_MEMORY")]
    pub(crate) memory: Option<Size>,
    /// Disk of a job, or `none` [default: 25% of what is free].
    #[arg(long, value_name = "SIZE", env = "EKIDEN_DISK")]
    pub(crate) disk: Option<Size>,
    /// Processes and threads of a job [default: 4096].
    #[arg(long, value_name = "N", env = "EKIDEN_PROCESSES", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) processes: Option<u64>,
    /// Processors of a job, such as `1.5` [default: all].
    #[arg(long, value_name = "N", env = "EKIDEN_CPUS", value_parser = super::value::cpus)]
    pub(crate) cpus: Option<f64>,
    /// The longest that a job may take, such as `30m`, whatever its workflow says.
    #[arg(long, value_name = "TIME", env = "EKIDEN_TIMEOUT")]
    pub(crate) timeout: Option<Duration>,
    /// Output of a step that is shown, or `none`; the whole is kept in a file [default: 100MB on a terminal].
    #[arg(long, value_name = "SIZE", env = "EKIDEN_LOG_LIMIT")]
    pub(crate) log_limit: Option<Size>,
}

/// What is shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct ShowArgs {
    /// `text`, `jsonl` (every event, a line each) or `json` (the summary; with --list the jobs).
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: OutputFormat,
    /// `tree` redraws a terminal, `plain` prints every line [default: by what stdout is].
    #[arg(long, value_enum, value_name = "MODE", default_value = "auto", env = "EKIDEN_PROGRESS")]
    pub(crate) progress: ProgressMode,
    /// Write the summary as JSON to this file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) summary: Option<PathBuf>,
    /// Show `::debug::` lines and how actions were found (`ACTIONS_STEP_DEBUG`).
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// Backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BackendName {
    /// Linux namespaces.
    Namespaces,
    /// The plain host.
    Host,
}

/// Which variables of the host reach jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HostVariablesName {
    /// Those that docs/cli.md lists.
    Listed,
    /// None.
    None,
}

/// Profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProfileName {
    /// An ordinary user without capabilities.
    Hardened,
    /// Root over a range of ids of its own.
    Root,
}

/// Network modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NetworkMode {
    /// Out, but not to private addresses.
    Outbound,
    /// Loopback only.
    None,
    /// The host's network.
    Host,
}

/// How `exec` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people.
    Text,
    /// Every event as a line of JSON.
    Jsonl,
    /// The summary, or the list, as one JSON object.
    Json,
}

/// How text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// By what stdout is.
    Auto,
    /// A live tree.
    Tree,
    /// Every line.
    Plain,
}
