//! What an agent is to do: flags and variables over `ekiden.toml` over the registration and the defaults. Called by `start`, `once` and
//! `doctor`.

use super::{data, forge, jobs};
use crate::args::{AgentArgs, AgentCommand, Cli, Command, DoctorArgs, Duration, MapDocker};
use crate::config::{AgentTable, load_agent};
use crate::failure::Failure;
use agent::job::JobSettings;
use agent::{Label, LabelNote, Labels, Registration, RegistrationFile};
use clap::Parser as _;
use protocol::{Client, ClientSettings};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// The longest to wait for one answer to a fetch.
const FETCH_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);
/// The longest that the script after a job may take.
const POST_TASK_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5 * 60);

/// All of it, settled.
#[derive(Debug)]
pub(crate) struct Settled {
    /// The agent's folder.
    pub(crate) data: PathBuf,
    /// As whom.
    pub(crate) registration: Registration,
    /// The labels to serve.
    pub(crate) labels: Vec<Label>,
    /// What people should know about them.
    pub(crate) notes: Vec<LabelNote>,
    /// The forge.
    pub(crate) client: Client,
    /// Jobs at once.
    pub(crate) capacity: NonZeroUsize,
    /// The pause after an empty fetch, when one is configured.
    pub(crate) fetch_interval: Option<std::time::Duration>,
    /// The longest to wait for one answer to a fetch.
    pub(crate) fetch_timeout: std::time::Duration,
    /// Log and state go out at least this often.
    pub(crate) report_interval: Option<std::time::Duration>,
    /// The longest that jobs may go on when the agent ends.
    pub(crate) drain_timeout: Option<std::time::Duration>,
    /// Where `/healthz` and `/metrics` are served.
    pub(crate) metrics: Option<SocketAddr>,
    /// The script after each job, and the longest that it may take.
    pub(crate) post_task: Option<(PathBuf, std::time::Duration)>,
    /// How jobs run.
    pub(crate) job: JobSettings,
}

/// Settles everything. `capacity` is the flag of `start`.
pub(crate) fn settle(args: &AgentArgs, capacity: Option<u32>) -> Result<Settled, Failure> {
    let data = data::folder(&args.data)?;
    let registration = RegistrationFile::of(&data).load().map_err(|error| super::register::file_failure(&error))?;
    let table = load_agent(args.config.as_deref(), &data)?;
    let Labels { labels, notes } = labels(args, &table, &registration)?;
    let capacity = capacity.or(table.capacity).unwrap_or(1);
    let capacity = usize::try_from(capacity).ok().and_then(NonZeroUsize::new);
    let capacity = capacity.ok_or_else(|| Failure::invalid("agent.capacity = 0: an agent takes one job or more"))?;
    let insecure = args.forge.insecure.or(table.insecure).unwrap_or(false);
    let ca_file = args.forge.ca_file.as_ref().or(table.ca_file.as_ref());
    let client = Client::new(&ClientSettings {
        authority: forge::authority(insecure, ca_file.map(PathBuf::as_path))?,
        ..ClientSettings::new(&registration.instance, forge::VERSION)
    })
    .map_err(|error| forge::client_failure(&error))?;
    let polling = &args.polling;
    let metrics = args.metrics.or(table.metrics);
    if let Some(address) = metrics.filter(|address| !address.ip().is_loopback()) {
        return Err(Failure::usage(format!("{address} is open to others, and /metrics asks for no password"))
            .fix(format!("--metrics 127.0.0.1:{}, with a proxy of yours before it", address.port())));
    }
    let script = args.hooks.post_task_script.as_ref().or(table.hooks.post_task_script.as_ref());
    let script_timeout = time(
        args.hooks.post_task_script_timeout,
        "hooks.post_task_script_timeout",
        table.hooks.post_task_script_timeout.as_deref(),
    )?;
    Ok(Settled {
        job: jobs::settle(args, &table, &data, capacity, insecure)?,
        labels,
        notes,
        client,
        capacity,
        fetch_interval: time(polling.fetch_interval, "fetch_interval", table.fetch_interval.as_deref())?,
        fetch_timeout: time(polling.fetch_timeout, "fetch_timeout", table.fetch_timeout.as_deref())?
            .unwrap_or(FETCH_TIMEOUT),
        report_interval: time(polling.report_interval, "report_interval", table.report_interval.as_deref())?,
        drain_timeout: time(polling.drain_timeout, "drain_timeout", table.drain_timeout.as_deref())?,
        metrics,
        post_task: script.map(|script| (script.clone(), script_timeout.unwrap_or(POST_TASK_TIMEOUT))),
        data,
        registration,
    })
}

/// What `start` would settle here with no flags, for `doctor`; `None` when this machine is not registered and nobody asked about it.
pub(crate) fn for_doctor(args: &DoctorArgs) -> Option<Result<Settled, Failure>> {
    let folder = match data::folder(&args.data) {
        Ok(folder) => folder,
        Err(failure) => return args.agent.then_some(Err(failure)),
    };
    if !args.agent && RegistrationFile::of(&folder).must_be_free().is_ok() {
        return None;
    }
    Some(settle_folder(&folder, None))
}

/// What `start` would settle for a folder with no other flags; `capacity` over that of its file.
pub(crate) fn settle_folder(folder: &Path, capacity: Option<u32>) -> Result<Settled, Failure> {
    // Read as a command line, so that variables count as they do for `start`.
    let line = [OsStr::new("ekiden"), "agent".as_ref(), "start".as_ref(), "--data".as_ref(), folder.as_os_str()];
    match Cli::try_parse_from(line).map(|cli| cli.command) {
        Ok(Command::Agent(AgentCommand::Start(start))) => settle(&start.agent, capacity.or(start.capacity)),
        Ok(_) => Err(Failure::platform("the command line of the agent is not understood")),
        Err(error) => Err(Failure::usage("a variable of the agent is wrong").cause(&error)),
    }
}

/// The labels: those of the flags or the file, else those of the registration.
fn labels(args: &AgentArgs, table: &AgentTable, registration: &Registration) -> Result<Labels, Failure> {
    let labels = match args.labels.as_ref().or(table.labels.as_ref()) {
        Some(texts) => Labels::read(texts).map_err(|error| Failure::invalid(error.to_string()))?,
        None => Labels { labels: registration.labels.clone(), notes: Vec::new() },
    };
    let mapped: Option<MapDocker> = args.label.map_docker.or(table.map_docker);
    match labels.container().filter(|_| mapped.is_none()) {
        None => Ok(labels),
        Some(label) => Err(Failure::invalid(format!(
            "the label '{label}' wants a container, and containers are not there yet"
        ))
        .fix("--map-docker sandbox, or map_docker = \"sandbox\" under [agent] in ekiden.toml, runs its jobs over this machine's root")),
    }
}

/// A time of a flag, else of the file.
pub(super) fn time(
    flag: Option<Duration>,
    key: &str,
    text: Option<&str>,
) -> Result<Option<std::time::Duration>, Failure> {
    Ok(flag.or(from_file(key, text)?).map(|Duration(time)| time))
}

/// A value of the file that is written as text.
pub(super) fn from_file<T: std::str::FromStr<Err = String>>(
    key: &str,
    text: Option<&str>,
) -> Result<Option<T>, Failure> {
    text.map(|text| {
        text.parse().map_err(|why: String| Failure::invalid(format!("ekiden.toml: agent.{key} = '{text}': {why}")))
    })
    .transpose()
}
