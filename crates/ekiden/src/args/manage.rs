//! What a person manages on a server: runs, jobs, runners, secrets, variables, the audit.

use super::{Duration, ListArgs, Pair, RunnerTokenArgs, ServerAt, ShowArgs};
use api::{Place, ProjectName};
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// `ekiden run`.
#[derive(Debug, Subcommand)]
pub(crate) enum RunCommand {
    /// List runs, the newest first.
    List(RunListArgs),
    /// Show a run with its jobs.
    Show(RunShowArgs),
    /// Follow a run to its end; exit code 1 when it did not go well.
    Watch(RunWatchArgs),
    /// Ask a run to end.
    Cancel(RunCancelArgs),
    /// Run a run again: all of it, its failed jobs, or one job, with those that need them.
    Rerun(RunRerunArgs),
    /// Start a workflow that has the trigger `workflow_dispatch`.
    Dispatch(RunDispatchArgs),
}

/// `ekiden run list`.
#[derive(Debug, Args)]
pub(crate) struct RunListArgs {
    /// Those of a project (OWNER/NAME), of an owner, or of the whole `instance`.
    #[arg(value_name = "SCOPE", default_value = "instance")]
    pub(crate) place: Place,
    /// Those in a state: queued, waiting, in_progress, completed, success, failure, cancelled, skipped.
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    pub(crate) status: Vec<String>,
    /// Those of a branch.
    #[arg(long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// Those of an event: push, workflow_dispatch, schedule.
    #[arg(long, value_name = "NAME")]
    pub(crate) event: Option<String>,
    /// Those that somebody caused.
    #[arg(long, value_name = "NAME")]
    pub(crate) actor: Option<String>,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

/// `ekiden run show`.
#[derive(Debug, Args)]
pub(crate) struct RunShowArgs {
    /// Its number.
    #[arg(value_name = "RUN")]
    pub(crate) run: i64,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// `ekiden run watch`.
#[derive(Debug, Args)]
pub(crate) struct RunWatchArgs {
    /// Its number.
    #[arg(value_name = "RUN")]
    pub(crate) run: i64,
    /// Give up after this long, with exit code 7.
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<Duration>,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}

/// `ekiden run cancel`.
#[derive(Debug, Args)]
pub(crate) struct RunCancelArgs {
    /// Its number.
    #[arg(value_name = "RUN")]
    pub(crate) run: i64,
    /// Also jobs whose conditions let them run all the same, such as `if: always()`.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}

/// `ekiden run rerun`.
#[derive(Debug, Args)]
pub(crate) struct RunRerunArgs {
    /// Its number.
    #[arg(value_name = "RUN")]
    pub(crate) run: i64,
    /// The jobs that failed.
    #[arg(long, conflicts_with = "job")]
    pub(crate) failed: bool,
    /// One job, by its number.
    #[arg(long, value_name = "JOB")]
    pub(crate) job: Option<i64>,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}

/// `ekiden run dispatch`.
#[derive(Debug, Args)]
pub(crate) struct RunDispatchArgs {
    /// The project: OWNER/NAME.
    #[arg(value_name = "OWNER/NAME")]
    pub(crate) project: ProjectName,
    /// The workflow's file: ci.yml.
    #[arg(value_name = "WORKFLOW")]
    pub(crate) workflow: String,
    /// A branch, a tag or a commit [default: the default branch].
    #[arg(long = "ref", value_name = "REF")]
    pub(crate) reference: Option<String>,
    /// An input of the workflow.
    #[arg(short = 'i', long, value_name = "NAME=VALUE", value_parser = Pair::parse_equals)]
    pub(crate) input: Vec<Pair>,
    /// Follow the run to its end.
    #[arg(long)]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// `ekiden job`.
#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// Print the log of a job.
    Log(JobLogArgs),
    /// Say why a job waits, and what would help.
    Why(JobWhyArgs),
}

/// `ekiden job log`.
#[derive(Debug, Args)]
pub(crate) struct JobLogArgs {
    /// Its number.
    #[arg(value_name = "JOB")]
    pub(crate) job: i64,
    /// Go on until the job is over.
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Put the time before each line.
    #[arg(long)]
    pub(crate) timestamps: bool,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}

/// `ekiden job why`.
#[derive(Debug, Args)]
pub(crate) struct JobWhyArgs {
    /// Its number.
    #[arg(value_name = "JOB")]
    pub(crate) job: i64,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// `ekiden runner`.
#[derive(Debug, Subcommand)]
pub(crate) enum RunnerCommand {
    /// List runners: what they do, and when they were last heard of.
    List(ScopedListArgs),
    /// Let a runner end its jobs and take no more; with --undo, take some again.
    Drain(RunnerDrainArgs),
    /// Forget a runner; what it has in hand fails.
    Remove(RunnerArgs),
    /// Print a token that registers runners, or list, rotate and revoke them.
    Token(RunnerTokenArgs),
}

/// A list in a scope.
#[derive(Debug, Args)]
pub(crate) struct ScopedListArgs {
    /// Where: the whole `instance`, an OWNER, or a project OWNER/NAME.
    #[arg(long, value_name = "SCOPE", default_value = "instance")]
    pub(crate) scope: Place,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

/// One runner.
#[derive(Debug, Args)]
pub(crate) struct RunnerArgs {
    /// Its number.
    #[arg(value_name = "RUNNER")]
    pub(crate) runner: i64,
    /// Where it is registered: the whole `instance`, an OWNER, or a project OWNER/NAME.
    #[arg(long, value_name = "SCOPE", default_value = "instance")]
    pub(crate) scope: Place,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}

/// A runner that is to take no more jobs, or to take some again.
#[derive(Debug, Args)]
pub(crate) struct RunnerDrainArgs {
    #[command(flatten)]
    pub(crate) runner: RunnerArgs,
    /// It takes jobs again.
    #[arg(long)]
    pub(crate) undo: bool,
}

/// `ekiden secret`.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Set a secret; its value comes from stdin or a file.
    Set(HoldingSetArgs),
    /// List the names of secrets.
    List(ScopedListArgs),
    /// Remove a secret.
    Remove(HoldingArgs),
}

/// `ekiden var`.
#[derive(Debug, Subcommand)]
pub(crate) enum VarCommand {
    /// Set a variable.
    Set(VarSetArgs),
    /// List variables.
    List(ScopedListArgs),
    /// Remove a variable.
    Remove(HoldingArgs),
}

/// A secret to set.
#[derive(Debug, Args)]
pub(crate) struct HoldingSetArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// A file with its value, whole; without it the value is read from stdin, or asked for on a terminal.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// What it is for.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) description: String,
    /// Whose: the whole `instance`, an OWNER, or a project OWNER/NAME.
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Place,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}

/// A variable to set.
#[derive(Debug, Args)]
pub(crate) struct VarSetArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Its value.
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) value: String,
    /// What it is for.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) description: String,
    /// Whose: the whole `instance`, an OWNER, or a project OWNER/NAME.
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Place,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}

/// A secret or a variable.
#[derive(Debug, Args)]
pub(crate) struct HoldingArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Whose: the whole `instance`, an OWNER, or a project OWNER/NAME.
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Place,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}

/// `ekiden audit`.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List who changed what, from where, the newest first.
    List(AuditListArgs),
}

/// `ekiden audit list`.
#[derive(Debug, Args)]
pub(crate) struct AuditListArgs {
    /// Those since a time: `2026-01-31T10:00:00Z`.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Those whose action begins so: `runner`, `token.make`.
    #[arg(long, value_name = "WORD")]
    pub(crate) action: Option<String>,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}
