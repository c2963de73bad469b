//! `ekiden agent`: its flags. What is also a key of `[agent]` in `ekiden.toml` is optional here, so that the file can be told apart from
//! the flag; names are those of the forges' own runners where they mean the same.

use super::{Duration, NetworkMode, Pair, ProfileName, SecretText, Size};
use clap::{Args, Subcommand, ValueEnum, ValueHint};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `ekiden agent`.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Register this machine as a runner with an `ekiden server`, a Gitea or a Forgejo, or take over the registration of its own runner.
    Register(Box<AgentRegisterArgs>),
    /// Take jobs until told to stop. SIGTERM lets running jobs end; a second one cancels them.
    Start(Box<AgentStartArgs>),
    /// Take one job, run it and end.
    Once(Box<AgentOnceArgs>),
    /// Tell the running agent to take no more jobs and to end when its jobs have.
    Drain(AgentDrainArgs),
    /// Forget the registration, and remove it from the forge where that can be done from here.
    Unregister(AgentUnregisterArgs),
    /// Say what the agent of this machine is doing.
    Status(AgentStatusArgs),
    /// The process of one job; the agent starts it.
    #[command(hide = true)]
    Job,
}

/// Where an agent keeps what is its own.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    /// The agent's folder: its registration, its ekiden.toml, its journal [default: ekiden/agent in the user's state folder].
    #[arg(long, value_name = "DIR", env = "EKIDEN_AGENT_DATA", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
}

/// How the forge is reached.
#[derive(Debug, Clone, Args)]
pub(crate) struct ForgeArgs {
    /// Believe any certificate of the forge: whoever sits between can read the runner's key.
    #[arg(long, env = "EKIDEN_AGENT_INSECURE", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_missing_value = "true", conflicts_with = "ca_file")]
    pub(crate) insecure: Option<bool>,
    /// Certificates (PEM) to believe beside the system's.
    #[arg(long, value_name = "FILE", env = "EKIDEN_AGENT_CA_FILE", value_hint = ValueHint::FilePath)]
    pub(crate) ca_file: Option<PathBuf>,
}

/// What becomes of labels that the sandbox does not serve as they say.
#[derive(Debug, Clone, Args)]
pub(crate) struct LabelArgs {
    /// How jobs of `docker://` labels run: `sandbox`, over this machine's root. Without it such labels are refused.
    #[arg(long, value_enum, value_name = "HOW", env = "EKIDEN_AGENT_MAP_DOCKER")]
    pub(crate) map_docker: Option<MapDocker>,
}

/// `ekiden agent register`.
#[derive(Debug, Args)]
pub(crate) struct AgentRegisterArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// URL of the server: an ekiden, a Gitea or a Forgejo.
    #[arg(long, value_name = "URL", env = "EKIDEN_AGENT_INSTANCE", value_hint = ValueHint::Url)]
    pub(crate) instance: Option<String>,
    /// Registration token; of an ekiden: `ekiden runner token`. Every process of this machine can read it here: --token-file hides it.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "EKIDEN_AGENT_TOKEN",
        hide_env_values = true,
        conflicts_with = "token_file"
    )]
    pub(crate) token: Option<SecretText>,
    /// A file with the registration token, or `-` for stdin.
    #[arg(long, value_name = "FILE", env = "EKIDEN_AGENT_TOKEN_FILE", value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<PathBuf>,
    /// How people see the runner [default: this machine's name].
    #[arg(long, value_name = "NAME", env = "EKIDEN_AGENT_NAME")]
    pub(crate) name: Option<String>,
    /// Labels: `NAME` (our sandbox), `NAME:host` (no isolation) or `NAME:docker://IMAGE`.
    #[arg(long, value_name = "LABEL,…", env = "EKIDEN_AGENT_LABELS", value_delimiter = ',')]
    pub(crate) labels: Option<Vec<String>>,
    /// Take one job, then be gone, here and there.
    #[arg(long, env = "EKIDEN_AGENT_EPHEMERAL", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) ephemeral: Option<bool>,
    /// How often to look for the forge, a second apart, before giving up [default: 3].
    #[arg(long, value_name = "N", env = "EKIDEN_AGENT_ATTEMPTS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) attempts: Option<u32>,
    /// Ask nothing, even on a terminal.
    #[arg(long)]
    pub(crate) no_interactive: bool,
    #[command(flatten)]
    pub(crate) forge: ForgeArgs,
    #[command(flatten)]
    pub(crate) label: LabelArgs,
    #[command(flatten)]
    pub(crate) import: ImportArgs,
}

/// Taking over what another runner has.
#[derive(Debug, Args)]
#[command(next_help_heading = "Take over from act_runner, gitea-runner or forgejo-runner")]
pub(crate) struct ImportArgs {
    /// Its `.runner` file: no token is needed.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["token", "token_file", "ephemeral"], value_hint = ValueHint::FilePath)]
    pub(crate) import: Option<PathBuf>,
    /// Its config.yaml.
    #[arg(short, long, value_name = "FILE", env = "EKIDEN_AGENT_IMPORT_CONFIG", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// The connection to take, where its config.yaml has several.
    #[arg(long, value_name = "NAME", requires = "config")]
    pub(crate) connection: Option<String>,
    /// Let jobs of `…:host` labels go on running on the machine itself.
    #[arg(long)]
    pub(crate) keep_host: bool,
    /// Say what would be taken over, and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// How `docker://` labels run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MapDocker {
    /// In our sandbox over this machine's root.
    Sandbox,
}

/// What an agent is to do: every flag is a key of `[agent]`.
#[derive(Debug, Clone, Args)]
pub(crate) struct AgentArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// The `ekiden.toml` to read [default: ekiden.toml in the agent's folder].
    #[arg(short, long, value_name = "FILE", env = "EKIDEN_AGENT_CONFIG", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Labels to serve from now on, in place of those of the registration.
    #[arg(long, value_name = "LABEL,…", env = "EKIDEN_AGENT_LABELS", value_delimiter = ',')]
    pub(crate) labels: Option<Vec<String>>,
    #[command(flatten)]
    pub(crate) label: LabelArgs,
    #[command(flatten)]
    pub(crate) forge: ForgeArgs,
    #[command(flatten)]
    pub(crate) polling: PollingArgs,
    #[command(flatten)]
    pub(crate) jobs: JobArgs,
    #[command(flatten)]
    pub(crate) limits: JobLimitArgs,
    #[command(flatten)]
    pub(crate) hooks: HookArgs,
    /// Serve /healthz and /metrics here, such as `127.0.0.1:9101`; loopback only.
    #[arg(long, value_name = "HOST:PORT", env = "EKIDEN_AGENT_METRICS")]
    pub(crate) metrics: Option<SocketAddr>,
}

/// How the forge is asked for jobs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Asking for jobs")]
pub(crate) struct PollingArgs {
    /// Ask at this interval, always [default: three times a second after work, every 2 s later].
    #[arg(long, value_name = "TIME", env = "EKIDEN_AGENT_FETCH_INTERVAL")]
    pub(crate) fetch_interval: Option<Duration>,
    /// The longest to wait for one answer [default: 30s].
    #[arg(long, value_name = "TIME", env = "EKIDEN_AGENT_FETCH_TIMEOUT")]
    pub(crate) fetch_timeout: Option<Duration>,
    /// Send log and state at least this often [default: 1s, 50ms to a server of ekiden].
    #[arg(long, value_name = "TIME", env = "EKIDEN_AGENT_REPORT_INTERVAL")]
    pub(crate) report_interval: Option<Duration>,
    /// The longest that jobs may go on after SIGTERM or `drain` before they are cancelled [default: as long as they take].
    #[arg(long, value_name = "TIME", env = "EKIDEN_AGENT_DRAIN_TIMEOUT")]
    pub(crate) drain_timeout: Option<Duration>,
}

/// How jobs run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Jobs")]
pub(crate) struct JobArgs {
    /// What a job may do inside: `hardened` (an ordinary user), or `root` (sudo, apt-get in its throw-away layer) [default: hardened].
    #[arg(long, value_enum, value_name = "NAME", env = "EKIDEN_AGENT_PROFILE")]
    pub(crate) profile: Option<ProfileName>,
    /// Jobs of pull requests from forks: `confined` (hardened, writes nothing that others read) or `refuse` [default: confined].
    #[arg(long, value_enum, value_name = "HOW", env = "EKIDEN_AGENT_FORKS")]
    pub(crate) forks: Option<ForksName>,
    /// A job's way out: `outbound` (no private addresses), `none`, or `host` (not isolated) [default: outbound].
    #[arg(long, value_enum, value_name = "MODE", env = "EKIDEN_AGENT_NETWORK")]
    pub(crate) network: Option<NetworkMode>,
    /// A folder with a root file system to run on [default: this machine's, read-only].
    #[arg(long, value_name = "DIR", env = "EKIDEN_AGENT_ROOT", value_hint = ValueHint::DirPath)]
    pub(crate) root: Option<PathBuf>,
    /// Open one target in a refused range to jobs; the forge itself always is.
    #[arg(long, value_name = "HOST[:PORT]", env = "EKIDEN_AGENT_ALLOW", value_delimiter = ',')]
    pub(crate) allow: Vec<String>,
    /// Bring a toolchain or a path of a hidden home in, read-only.
    #[arg(long, value_name = "NAME|PATH", env = "EKIDEN_AGENT_EXPOSE", value_delimiter = ',')]
    pub(crate) expose: Vec<String>,
    /// An environment variable of every job.
    #[arg(long, value_name = "NAME=VALUE", value_parser = Pair::parse_equals, env = "EKIDEN_AGENT_ENV", value_delimiter = '\n')]
    pub(crate) env: Vec<Pair>,
    /// A file of environment variables of every job, a NAME=VALUE a line.
    #[arg(long, value_name = "FILE", env = "EKIDEN_AGENT_ENV_FILE", value_hint = ValueHint::FilePath)]
    pub(crate) env_file: Option<PathBuf>,
    /// The folder that jobs see as RUNNER_TOOL_CACHE, read-only below a throw-away layer.
    #[arg(long, value_name = "DIR", env = "EKIDEN_AGENT_TOOL_CACHE_FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) tool_cache_folder: Option<PathBuf>,
    /// What becomes of tools that a job installs: `job` (gone with it) or `shared` (kept for jobs of the same repository) [default: job].
    #[arg(long, value_enum, value_name = "HOW", env = "EKIDEN_AGENT_TOOL_CACHE")]
    pub(crate) tool_cache: Option<ToolCacheName>,
    /// URL of a cache service of yours that jobs are told of (`ACTIONS_CACHE_URL`).
    #[arg(long, value_name = "URL", env = "EKIDEN_AGENT_CACHE_SERVER", value_hint = ValueHint::Url)]
    pub(crate) cache_server: Option<String>,
    /// A place to ask for actions before the forge's own default: a URL with `{owner}`, `{repo}` or `{repository}` in it.
    #[arg(long, value_name = "URL", env = "EKIDEN_AGENT_MIRROR", value_delimiter = ',')]
    pub(crate) mirror: Vec<String>,
}

/// What a job may use.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits of a job")]
pub(crate) struct JobLimitArgs {
    /// Memory of a job, such as `4GiB`, or `none` [default: 40% of what is available; 80% with one job at once].
    #[arg(long, value_name = "SIZE", env = "EKIDEN_AGENT_MEMORY")]
    pub(crate) memory: Option<Size>,
    /// Disk of a job, or `none` [default: 25% of what is free; 50% with one job at once].
    #[arg(long, value_name = "SIZE", env = "EKIDEN_AGENT_DISK")]
    pub(crate) disk: Option<Size>,
    /// Processes and threads of a job [default: 4096].
    #[arg(long, value_name = "N", env = "EKIDEN_AGENT_PROCESSES", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) processes: Option<u64>,
    /// Processors of a job, such as `1.5` [default: all].
    #[arg(long, value_name = "N", env = "EKIDEN_AGENT_CPUS", value_parser = super::value::cpus)]
    pub(crate) cpus: Option<f64>,
    /// The longest that a job may take, whatever its workflow says [default: 3h].
    #[arg(long, value_name = "TIME", env = "EKIDEN_AGENT_TIMEOUT")]
    pub(crate) timeout: Option<Duration>,
}

/// Programs of the machine's owner around a job.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Hooks")]
pub(crate) struct HookArgs {
    /// A script that runs inside the job, before its first step.
    #[arg(long, value_name = "FILE", env = "EKIDEN_AGENT_JOB_STARTED_HOOK", value_hint = ValueHint::FilePath)]
    pub(crate) job_started_hook: Option<PathBuf>,
    /// A script that runs inside the job, after its last step.
    #[arg(long, value_name = "FILE", env = "EKIDEN_AGENT_JOB_COMPLETED_HOOK", value_hint = ValueHint::FilePath)]
    pub(crate) job_completed_hook: Option<PathBuf>,
    /// A script that runs on this machine, outside of any sandbox, when a job and its sandbox are gone.
    #[arg(long, value_name = "FILE", env = "EKIDEN_AGENT_POST_TASK_SCRIPT", value_hint = ValueHint::FilePath)]
    pub(crate) post_task_script: Option<PathBuf>,
    /// The longest that it may take [default: 5m].
    #[arg(long, value_name = "TIME", env = "EKIDEN_AGENT_POST_TASK_SCRIPT_TIMEOUT")]
    pub(crate) post_task_script_timeout: Option<Duration>,
}

/// What becomes of jobs that an outsider caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ForksName {
    /// They fail, and say why.
    Refuse,
    /// They run with less.
    Confined,
}

/// What becomes of tools that a job installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ToolCacheName {
    /// They go with the job.
    Job,
    /// Jobs of the same repository see them.
    Shared,
}

/// `ekiden agent start`.
#[derive(Debug, Args)]
pub(crate) struct AgentStartArgs {
    /// Jobs at once [default: 1].
    #[arg(long, value_name = "N", env = "EKIDEN_AGENT_CAPACITY", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) capacity: Option<u32>,
    #[command(flatten)]
    pub(crate) agent: AgentArgs,
}

/// `ekiden agent once`.
#[derive(Debug, Args)]
pub(crate) struct AgentOnceArgs {
    /// Wait until there is a job. Without it, no job ends with exit code 5.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Take this job and no other (Forgejo 15 and later).
    #[arg(long, value_name = "HANDLE")]
    pub(crate) handle: Option<String>,
    #[command(flatten)]
    pub(crate) agent: AgentArgs,
}

/// `ekiden agent drain`.
#[derive(Debug, Args)]
pub(crate) struct AgentDrainArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Wait until the agent has ended.
    #[arg(long)]
    pub(crate) wait: bool,
}

/// `ekiden agent unregister`.
#[derive(Debug, Args)]
pub(crate) struct AgentUnregisterArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// A file with an access token of the forge that may remove runners, or `-` for stdin; without it the runner stays listed there.
    #[arg(long, value_name = "FILE", env = "EKIDEN_AGENT_ADMIN_TOKEN_FILE", value_hint = ValueHint::FilePath)]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// Where the runner is registered: the whole `instance`, the token's `user`, an organisation, or a repository `OWNER/NAME`.
    #[arg(long, value_name = "SCOPE", default_value = "instance", requires = "admin_token_file")]
    pub(crate) scope: protocol::Scope,
    #[command(flatten)]
    pub(crate) forge: ForgeArgs,
}

/// `ekiden agent status`.
#[derive(Debug, Args)]
pub(crate) struct AgentStatusArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// How to print it.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: TableFormat,
}

/// A table or JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    /// For people.
    Table,
    /// One JSON object.
    Json,
}
