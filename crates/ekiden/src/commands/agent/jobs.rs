//! How an agent's jobs run: the half of its settings that goes to each job's process.

use super::settle::{from_file, time};
use crate::args::{AgentArgs, ForksName, JobLimitArgs, MapDocker, NetworkMode, Pair, ProfileName, Size, ToolCacheName};
use crate::config::{AgentLimitsTable, AgentTable};
use crate::exec::{dotenv, expose};
use crate::failure::Failure;
use agent::DockerLabels;
use agent::job::{CacheReach, CertificateCheck, ExposedPaths, Forks, HookFiles, JobSettings, ToolCache, Trust};
use sandbox::{Limits, Network, Profile, Root};
use sandbox_local::Options;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest that a job may take, as with the forges' own runners.
const TIMEOUT: Duration = Duration::from_secs(3 * 3600);

/// Settles it.
pub(super) fn settle(
    args: &AgentArgs,
    table: &AgentTable,
    data: &Path,
    capacity: NonZeroUsize,
    insecure: bool,
) -> Result<JobSettings, Failure> {
    let jobs = &args.jobs;
    let hook = |flag: &Option<PathBuf>, file: &Option<PathBuf>| flag.as_ref().or(file.as_ref()).cloned();
    let hooks = HookFiles {
        started: hook(&args.hooks.job_started_hook, &table.hooks.job_started),
        completed: hook(&args.hooks.job_completed_hook, &table.hooks.job_completed),
    };
    for script in [&hooks.started, &hooks.completed].into_iter().flatten() {
        if !script.is_file() {
            return Err(Failure::not_found(format!("the hook {} is not there", script.display())));
        }
    }
    let mirrors = if jobs.mirror.is_empty() { &table.mirrors } else { &jobs.mirror };
    let state = Options::default_state();
    Ok(JobSettings {
        limits: limits(&args.limits, &table.limits, capacity, &sandbox_local::default_limits(&state))?,
        profile: match jobs.profile.or(table.profile) {
            Some(ProfileName::Root) => Profile::Root,
            Some(ProfileName::Hardened) | None => Profile::Hardened,
        },
        network: network(args, table)?,
        root: match jobs.root.as_ref().or(table.root.as_ref()) {
            None => Root::Host,
            Some(path) => Root::Dir(path.canonicalize().map_err(|error| {
                Failure::not_found(format!("the root {} is not there", path.display())).cause(&error)
            })?),
        },
        expose: exposed(args, table, data)?,
        env: env(args, table)?,
        hooks,
        timeout: time(args.limits.timeout, "limits.timeout", table.limits.timeout.as_deref())?.unwrap_or(TIMEOUT),
        tool_cache: tool_cache(args, table, data),
        data: data.to_owned(),
        state,
        mirrors: mirrors.clone(),
        forks: match jobs.forks.or(table.forks) {
            Some(ForksName::Refuse) => Forks::Refuse,
            Some(ForksName::Confined) | None => Forks::Confined,
        },
        docker_labels: match args.label.map_docker.or(table.map_docker) {
            Some(MapDocker::Sandbox) => DockerLabels::Sandbox,
            None => DockerLabels::Refuse,
        },
        trust: Trust {
            ca: args.forge.ca_file.as_ref().or(table.ca_file.as_ref()).cloned(),
            check: if insecure { CertificateCheck::Off } else { CertificateCheck::On },
        },
        cache: match jobs.cache_server.as_ref().or(table.cache_server.as_ref()) {
            Some(url) => CacheReach::At { url: format!("{}/", url.trim_end_matches('/')) },
            None => CacheReach::None,
        },
    })
}

fn network(args: &AgentArgs, table: &AgentTable) -> Result<Network, Failure> {
    let allow: Vec<String> = table.network.allow.iter().chain(&args.jobs.allow).cloned().collect();
    egress::Policy::new(&allow).map_err(|error| Failure::usage(format!("--allow, agent.network.allow: {error}")))?;
    Ok(match args.jobs.network.or(table.network.mode).unwrap_or(NetworkMode::Outbound) {
        NetworkMode::Outbound => Network::Outbound { allow },
        NetworkMode::None => Network::None,
        NetworkMode::Host => Network::Host,
    })
}

/// Names and paths of the file are relative to the agent's folder, those of flags to where the command runs.
fn exposed(args: &AgentArgs, table: &AgentTable, data: &Path) -> Result<ExposedPaths, Failure> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let mut exposed = expose::resolve(&table.expose, home.as_deref(), data)?;
    let by_flag = expose::resolve(&args.jobs.expose, home.as_deref(), Path::new("."))?;
    exposed.paths.extend(by_flag.paths);
    exposed.bins.extend(by_flag.bins);
    exposed.env.extend(by_flag.env);
    Ok(ExposedPaths { paths: exposed.paths, bins: exposed.bins, env: exposed.env })
}

/// As the forges' own runners: the file's variables win over the single ones of the configuration, flags over both.
fn env(args: &AgentArgs, table: &AgentTable) -> Result<BTreeMap<String, String>, Failure> {
    let mut env = table.env.clone();
    if let Some(path) = args.jobs.env_file.as_ref().or(table.env_file.as_ref()) {
        env.extend(dotenv::read_expanded(path)?);
    }
    env.extend(args.jobs.env.iter().map(|Pair { key, value }| (key.clone(), value.clone())));
    Ok(env)
}

fn tool_cache(args: &AgentArgs, table: &AgentTable, data: &Path) -> ToolCache {
    let folder = args.jobs.tool_cache_folder.as_ref().or(table.tool_cache_folder.as_ref()).cloned();
    match (args.jobs.tool_cache.or(table.tool_cache), folder) {
        (Some(ToolCacheName::Shared), folder) => {
            ToolCache::Shared { folder: folder.unwrap_or_else(|| data.join("tools")) }
        }
        (Some(ToolCacheName::Job) | None, Some(folder)) => ToolCache::ReadOnly { folder },
        (Some(ToolCacheName::Job) | None, None) => ToolCache::Empty,
    }
}

/// `machine` is what `exec` gives to a job: enough for two at once. A lone job gets twice that.
fn limits(
    args: &JobLimitArgs,
    table: &AgentLimitsTable,
    capacity: NonZeroUsize,
    machine: &Limits,
) -> Result<Limits, Failure> {
    let share = |bytes: Option<u64>| bytes.map(|bytes| if capacity.get() == 1 { bytes * 2 } else { bytes });
    let size = |flag: Option<Size>, key: &str, text: Option<&str>, default: Option<u64>| {
        Ok::<_, Failure>(match flag.or(from_file(key, text)?) {
            None => default,
            Some(Size::Bytes(bytes)) => Some(bytes),
            Some(Size::Unlimited) => None,
        })
    };
    let cpus = args.cpus.or(table.cpus);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of processors")]
    let cpu_millis = cpus.filter(|cpus| *cpus > 0.0).map(|cpus| (cpus * 1000.0) as u64);
    Ok(Limits {
        memory: size(args.memory, "limits.memory", table.memory.as_deref(), share(machine.memory))?,
        processes: args.processes.or(table.processes).or(machine.processes),
        cpu_millis,
        disk: size(args.disk, "limits.disk", table.disk.as_deref(), share(machine.disk))?,
        inodes: machine.inodes,
    })
}
