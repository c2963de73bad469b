//! How jobs run: flags and variables over `ekiden.toml` over the defaults.

use super::expose::{self, Exposed};
use super::trust;
use crate::args::{Duration, LimitArgs, NetworkMode, ProfileName, SandboxArgs, Size, StoreArgs};
use crate::config::{ActionsTable, ConfigFile, FileNetworkMode};
use crate::failure::Failure;
use sandbox::{Limits, Network, Profile, Root};
use std::path::{Path, PathBuf};

/// Output of a step that is shown on a terminal, by default.
const LOG_LIMIT: u64 = 100_000_000;
/// What a sandbox needs for itself, before any step.
const LEAST_MEMORY: u64 = 4 << 20;

/// All of it, settled.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What a job may do inside.
    pub(crate) profile: Profile,
    /// A job's way out.
    pub(crate) network: Network,
    /// What a job sees as `/`.
    pub(crate) root: Root,
    /// What is brought in.
    pub(crate) exposed: Exposed,
    /// Labels that this machine serves beside its own.
    pub(crate) labels: Vec<String>,
    /// Jobs at once.
    pub(crate) jobs: usize,
    /// What a job may use.
    pub(crate) limits: Limits,
    /// The longest that a job may take.
    pub(crate) timeout: Option<std::time::Duration>,
    /// Output of a step that is shown.
    pub(crate) log_limit: LogLimit,
    /// Where actions come from.
    pub(crate) actions: ActionSettings,
    /// What the project's file asks for and whoever runs it should know.
    pub(crate) notices: Vec<String>,
}

/// Output of a step that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLimit {
    /// Nobody said: the default on a terminal, everything elsewhere.
    Default,
    /// This many bytes.
    Bytes(u64),
    /// Everything.
    Unlimited,
}

impl LogLimit {
    /// On a terminal.
    pub(crate) const fn on_terminal(self) -> u64 {
        match self {
            Self::Default => LOG_LIMIT,
            Self::Bytes(bytes) => bytes,
            Self::Unlimited => u64::MAX,
        }
    }

    /// Elsewhere, where every line is printed unless somebody said otherwise.
    pub(crate) const fn elsewhere(self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Default | Self::Unlimited => None,
        }
    }
}

/// Where actions come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActionSettings {
    /// The folder that keeps them; `None` for the default.
    pub(crate) store: Option<PathBuf>,
    /// Places to ask before GitHub.
    pub(crate) mirrors: Vec<String>,
    /// Whether places on the network are asked at all.
    pub(crate) reach: Reach,
}

/// Whether places on the network are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// They are.
    Network,
    /// Only what the store has.
    Offline,
}

/// Settles where actions come from.
pub(crate) fn actions(args: &StoreArgs, table: &ActionsTable) -> ActionSettings {
    ActionSettings {
        store: args.action_store.clone().or_else(|| table.store.clone()),
        mirrors: if args.action_mirror.is_empty() { table.mirrors.clone() } else { args.action_mirror.clone() },
        reach: if args.offline.or(table.offline).unwrap_or(false) { Reach::Offline } else { Reach::Network },
    }
}

/// Settles everything. `machine` gives the defaults of memory and disk.
pub(crate) fn settle(
    sandbox: &SandboxArgs,
    limits: &LimitArgs,
    store: &StoreArgs,
    config: &ConfigFile,
    directory: &Path,
    machine: &Limits,
) -> Result<Settings, Failure> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let given = trust::Given {
        sandbox,
        limits,
        store,
        directory,
        home: home.as_deref(),
        machine,
        processors: u32::try_from(processors).unwrap_or(u32::MAX),
    };
    let (config, notices) = trust::heed(config, &given);
    let exec = &config.exec;
    let mut exposed = expose::resolve(&exec.expose, home.as_deref(), directory)?;
    let by_flag = expose::resolve(&sandbox.expose, home.as_deref(), Path::new("."))?;
    exposed.paths.extend(by_flag.paths);
    exposed.bins.extend(by_flag.bins);
    exposed.env.extend(by_flag.env);

    let allow: Vec<String> = exec.network.allow.iter().chain(&sandbox.allow).cloned().collect();
    egress::Policy::new(&allow).map_err(|error| Failure::usage(format!("--allow, network.allow: {error}")))?;
    let mode = sandbox.network.unwrap_or(match exec.network.mode {
        Some(FileNetworkMode::None) => NetworkMode::None,
        Some(FileNetworkMode::Outbound) | None => NetworkMode::Outbound,
    });
    let network = match mode {
        NetworkMode::Outbound => Network::Outbound { allow },
        NetworkMode::None => Network::None,
        NetworkMode::Host => Network::Host,
    };
    let root =
        match sandbox.root.as_ref().or(exec.root.as_ref()) {
            None => Root::Host,
            Some(path) => Root::Dir(path.canonicalize().map_err(|error| {
                Failure::not_found(format!("the root {} is not there", path.display())).cause(&error)
            })?),
        };
    let named = exec.platforms.keys().cloned();
    let jobs = limits.jobs.or(exec.jobs).map_or(processors, |jobs| usize::try_from(jobs).unwrap_or(usize::MAX));
    Ok(Settings {
        profile: match sandbox.profile.or(exec.profile) {
            Some(ProfileName::Root) => Profile::Root,
            Some(ProfileName::Hardened) | None => Profile::Hardened,
        },
        network,
        root,
        exposed,
        labels: named.chain(sandbox.platform.iter().map(|platform| platform.label.clone())).collect(),
        jobs: jobs.max(1),
        limits: settle_limits(limits, &config, machine)?,
        timeout: limits.timeout.or(from_file("timeout", exec.limits.timeout.as_deref())?).map(|Duration(time)| time),
        log_limit: match limits.log_limit.or(from_file("log", exec.limits.log.as_deref())?) {
            None => LogLimit::Default,
            Some(Size::Bytes(bytes)) => LogLimit::Bytes(bytes),
            Some(Size::Unlimited) => LogLimit::Unlimited,
        },
        actions: actions(store, &config.actions),
        notices,
    })
}

fn settle_limits(args: &LimitArgs, config: &ConfigFile, machine: &Limits) -> Result<Limits, Failure> {
    let table = &config.exec.limits;
    let size = |flag: Option<Size>, key: &str, text: Option<&str>, default: Option<u64>| {
        Ok::<_, Failure>(match flag.or(from_file(key, text)?) {
            None => default,
            Some(Size::Bytes(bytes)) => Some(bytes),
            Some(Size::Unlimited) => None,
        })
    };
    let disk = size(args.disk, "disk", table.disk.as_deref(), machine.disk)?;
    let cpus = args.cpus.or(table.cpus);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of processors")]
    let cpu_millis = cpus.map(|cpus| (cpus * 1000.0) as u64);
    let memory = size(args.memory, "memory", table.memory.as_deref(), machine.memory)?;
    if let Some(memory) = memory.filter(|memory| *memory < LEAST_MEMORY) {
        return Err(Failure::usage(format!("a job with {} of memory cannot start", crate::text::bytes(memory)))
            .fact(format!("the least is {}", crate::text::bytes(LEAST_MEMORY)))
            .fix("--memory 512MiB"));
    }
    Ok(Limits {
        memory,
        processes: args.processes.or(table.processes).or(machine.processes),
        cpu_millis,
        disk,
        inodes: machine.inodes,
    })
}

/// A value of the file that is written as text.
fn from_file<T: std::str::FromStr<Err = String>>(key: &str, text: Option<&str>) -> Result<Option<T>, Failure> {
    text.map(|text| {
        text.parse()
            .map_err(|why: String| Failure::invalid(format!("ekiden.toml: exec.limits.{key} = '{text}': {why}")))
    })
    .transpose()
}

#[cfg(test)]
mod tests {
    use super::{LogLimit, settle};
    use crate::args::{Cli, Command, ExecArgs};
    use crate::config::ConfigFile;
    use clap::Parser as _;
    use sandbox::{Limits, Network, Profile};
    use std::path::Path;

    fn exec(arguments: &[&str]) -> ExecArgs {
        let cli = Cli::try_parse_from(["ekiden", "exec"].iter().chain(arguments)).unwrap();
        match cli.command {
            Command::Exec(args) => *args,
            _ => unreachable!(),
        }
    }

    fn machine() -> Limits {
        Limits { memory: Some(1 << 30), processes: Some(4096), cpu_millis: None, disk: Some(8 << 30), inodes: None }
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let config: ConfigFile =
            toml::from_str("[exec.network]\nmode = 'none'\n[exec.limits]\nmemory = '512MiB'\nlog = '1MB'").unwrap();
        let settled = |arguments: &[&str]| {
            let args = exec(arguments);
            settle(&args.sandbox, &args.limits, &args.store, &config, Path::new("."), &machine()).unwrap()
        };
        let plain = settled(&[]);
        assert_eq!((plain.profile, plain.network), (Profile::Hardened, Network::None));
        assert_eq!((plain.limits.memory, plain.limits.processes), (Some(512 << 20), Some(4096)));
        assert_eq!(plain.log_limit, LogLimit::Bytes(1_000_000));
        let flags = settled(&[
            "--profile",
            "root",
            "--network",
            "outbound",
            "--allow",
            "db:1",
            "--memory",
            "none",
            "--cpus",
            "1.5",
        ]);
        assert_eq!(flags.profile, Profile::Root);
        assert_eq!(flags.network, Network::Outbound { allow: vec!["db:1".into()] });
        assert_eq!((flags.limits.memory, flags.limits.cpu_millis), (None, Some(1500)));
    }

    #[test]
    fn a_wrong_value_of_the_file_is_named() {
        let config: ConfigFile = toml::from_str("[exec.limits]\nmemory = 'much'").unwrap();
        let args = exec(&[]);
        let error = settle(&args.sandbox, &args.limits, &args.store, &config, Path::new("."), &machine()).unwrap_err();
        assert!(error.what.starts_with("ekiden.toml: exec.limits.memory = 'much': "), "{error}");
    }
}
