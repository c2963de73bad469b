//! `ekiden agent start` and `once`: settles what the agent is to do and runs it.

use super::forge::{self, VERSION};
use super::forks::Forks;
use super::settle::{Settled, settle};
use super::{data, register};
use crate::args::{AgentCommand, AgentOnceArgs, AgentStartArgs, Cli, Command, DataArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style;
use agent::report::Timing;
use agent::{
    AfterJob, AgentEnd, AgentError, AgentSettings, JobProgram, Mode, PaceLimits, RegistrationFile, StandbyTimes,
    Stopper, Wait,
};
use clap::Parser as _;
use domain::Conclusion;
use protocol::quirks;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What of the agent's own environment the process of a job gets: where programs, the home, temporary files and certificates are, how the
/// network is reached, and what is logged. What of it a job sees is settled there.
const VARIABLES: [&str; 32] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "XDG_CONFIG_HOME",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "EKIDEN_LOG",
    "RUST_BACKTRACE",
    "DBUS_SESSION_BUS_ADDRESS",
];

/// Takes jobs until told to stop.
pub(crate) fn start(args: &AgentStartArgs) -> Result<Exit, Failure> {
    register_by_variables(&args.agent.data)?;
    let settled = settle(&args.agent, args.capacity)?;
    // What the images of Gitea's runner are told when they shall take one job.
    let is_once = std::env::var("GITEA_RUNNER_ONCE").is_ok_and(|text| is_true(&text));
    let mode = if is_once { Mode::Once { handle: None, wait: Wait::Forever } } else { Mode::Serve };
    match run(settled, mode)? {
        AgentEnd::Stopped | AgentEnd::OneJob(_) | AgentEnd::NothingCame => Ok(Exit::Ok),
        AgentEnd::Killed(_) => Ok(Exit::Interrupted),
    }
}

/// Registers first where there is no registration yet and the environment says with which forge, as the container images of Gitea's runner do.
fn register_by_variables(args: &DataArgs) -> Result<(), Failure> {
    let folder = data::folder(args)?;
    let is_told = |name: &&str| std::env::var(name).is_ok_and(|value| !value.trim().is_empty());
    if RegistrationFile::of(&folder).must_be_free().is_err()
        || !["EKIDEN_AGENT_INSTANCE", "GITEA_INSTANCE_URL"].iter().any(is_told)
    {
        return Ok(());
    }
    let line = [
        OsStr::new("ekiden"),
        "agent".as_ref(),
        "register".as_ref(),
        "--no-interactive".as_ref(),
        "--data".as_ref(),
        folder.as_os_str(),
    ];
    match Cli::try_parse_from(line).map(|cli| cli.command) {
        Ok(Command::Agent(AgentCommand::Register(args))) => register::run(&args).map(drop),
        Ok(_) => Err(Failure::platform("the command line of the registration is not understood")),
        Err(error) => Err(Failure::usage("a variable of the registration is wrong").cause(&error)),
    }
}

/// What those images take for yes.
pub(super) fn is_true(text: &str) -> bool {
    !matches!(text.trim().to_ascii_lowercase().as_str(), "" | "0" | "false" | "no")
}

/// Takes one job.
pub(crate) fn once(args: &AgentOnceArgs) -> Result<Exit, Failure> {
    let settled = settle(&args.agent, Some(1))?;
    let instance = settled.registration.instance.clone();
    let wait = if args.wait { Wait::Forever } else { Wait::OneLook };
    let end = run(settled, Mode::Once { handle: args.handle.clone(), wait })?;
    match (end.conclusion(), end) {
        (Some(Conclusion::Success | Conclusion::Skipped), _) | (None, AgentEnd::Stopped) => Ok(Exit::Ok),
        (Some(Conclusion::Failure | Conclusion::Cancelled), _) => Ok(Exit::Failed),
        (None, AgentEnd::Killed(_)) => Ok(Exit::Interrupted),
        (None, AgentEnd::NothingCame | AgentEnd::OneJob(_)) => {
            Err(Failure::not_found(format!("no job waits for this runner on {instance}")).fix("--wait waits for one"))
        }
    }
}

fn run(settled: Settled, mode: Mode) -> Result<AgentEnd, Failure> {
    // What an agent says of itself is its log.
    telemetry::init(Some(&std::env::var(telemetry::LOG_VARIABLE).unwrap_or_else(|_| "info".to_owned())))
        .map_err(|error| Failure::usage(error.to_string()))?;
    for note in &settled.notes {
        style::warn(note);
    }
    let runtime = crate::commands::runtime()?;
    let settings = settings(settled, mode);
    runtime.block_on(async {
        let stopper = Stopper::default();
        stopper.on_signals().map_err(|error| Failure::platform("could not watch for signals").cause(&error))?;
        agent::run(settings, stopper).await.map_err(|error| failure(&error))
    })
}

pub(crate) fn settings(from: Settled, mode: Mode) -> AgentSettings {
    let host = from.registration.instance.split_once("://").map_or("", |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or_default();
    AgentSettings {
        pace: PaceLimits { interval: from.fetch_interval, least: quirks::least_fetch_interval(host) },
        data: from.data,
        registration: from.registration,
        labels: from.labels,
        client: from.client,
        version: VERSION.to_owned(),
        capacity: from.capacity,
        mode,
        fetch_timeout: from.fetch_timeout,
        last_fetch: AgentSettings::LAST_FETCH,
        report: timing(from.report_interval),
        grace: AgentSettings::GRACE,
        drain_timeout: from.drain_timeout,
        program: job_program(),
        standby: Some(StandbyTimes::default()),
        job: from.job,
        after_job: from.post_task.map(|(script, timeout)| AfterJob { script, timeout }),
        health: from.metrics,
    }
}

fn timing(report_interval: Option<Duration>) -> Timing {
    let usual = Timing::default();
    let or = |usual| report_interval.unwrap_or(usual);
    Timing { rows: or(usual.rows), live_rows: or(usual.live_rows), ..usual }
}

fn job_program() -> JobProgram {
    // The program as it runs, also after it was replaced on disk.
    let program = PathBuf::from("/proc/self/exe");
    let variable = |name: &&str| Some((OsString::from(name), std::env::var_os(name)?));
    let env: Vec<(OsString, OsString)> = VARIABLES.iter().filter_map(variable).collect();
    let starter = Arc::new(Forks::new(program.clone(), env.clone()));
    JobProgram { program, arguments: ["agent", "job"].map(OsString::from).to_vec(), env, starter: Some(starter) }
}

fn failure(error: &AgentError) -> Failure {
    match error {
        AgentError::Credentials(error) => Failure::new(Exit::Auth, "the forge does not know this runner any more")
            .fact(error.to_string())
            .fix("ekiden agent unregister, then ekiden agent register"),
        AgentError::Forge(error) => forge::call_failure(error),
        AgentError::Taken { .. }
        | AgentError::Folder { .. }
        | AgentError::Journal(_)
        | AgentError::Registration(_)
        | AgentError::Health { .. } => Failure::platform(error.to_string()),
    }
}
