//! `[agent]` of `ekiden.toml`: how the agent of a machine works. It is read from the agent's own folder, or from where `--config` says.

use super::file::ConfigFile;
use crate::args::{ForksName, MapDocker, NetworkMode, ProfileName, ToolCacheName};
use crate::failure::Failure;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The file in an agent's folder.
pub(crate) const AGENT_FILE: &str = "ekiden.toml";

/// `[agent]`; every key is optional. Times and sizes are text, as on the command line.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AgentTable {
    /// Jobs at once.
    pub(crate) capacity: Option<u32>,
    /// Labels to serve, in place of those of the registration.
    pub(crate) labels: Option<Vec<String>>,
    /// How jobs of `docker://` labels run.
    pub(crate) map_docker: Option<MapDocker>,
    /// Believe any certificate of the forge.
    pub(crate) insecure: Option<bool>,
    /// Certificates to believe beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// Ask at this interval, always.
    pub(crate) fetch_interval: Option<String>,
    /// The longest to wait for one answer.
    pub(crate) fetch_timeout: Option<String>,
    /// Send log and state at least this often.
    pub(crate) report_interval: Option<String>,
    /// The longest that jobs may go on when the agent ends.
    pub(crate) drain_timeout: Option<String>,
    /// Where `/healthz` and `/metrics` are served.
    pub(crate) metrics: Option<SocketAddr>,
    /// `hardened` or `root`.
    pub(crate) profile: Option<ProfileName>,
    /// `confined` or `refuse`.
    pub(crate) forks: Option<ForksName>,
    /// A folder with a root file system.
    pub(crate) root: Option<PathBuf>,
    /// Toolchains and paths to bring in.
    pub(crate) expose: Vec<String>,
    /// `[agent.env]`: variables of every job.
    pub(crate) env: BTreeMap<String, String>,
    /// A file of them.
    pub(crate) env_file: Option<PathBuf>,
    /// `job` or `shared`.
    pub(crate) tool_cache: Option<ToolCacheName>,
    /// The folder behind `RUNNER_TOOL_CACHE`.
    pub(crate) tool_cache_folder: Option<PathBuf>,
    /// The cache service that jobs are told of.
    pub(crate) cache_server: Option<String>,
    /// Places to ask for actions before the forge's own default.
    pub(crate) mirrors: Vec<String>,
    /// `[agent.network]`.
    pub(crate) network: AgentNetworkTable,
    /// `[agent.limits]`.
    pub(crate) limits: AgentLimitsTable,
    /// `[agent.hooks]`.
    pub(crate) hooks: AgentHooksTable,
}

/// `[agent.network]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AgentNetworkTable {
    /// `outbound`, `none` or `host`: unlike a project's file, this one is the machine owner's.
    pub(crate) mode: Option<NetworkMode>,
    /// Single targets that are open.
    pub(crate) allow: Vec<String>,
}

/// `[agent.limits]`: of one job.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AgentLimitsTable {
    /// Memory: `4GiB`.
    pub(crate) memory: Option<String>,
    /// Disk.
    pub(crate) disk: Option<String>,
    /// Processes and threads.
    pub(crate) processes: Option<u64>,
    /// Processors.
    pub(crate) cpus: Option<f64>,
    /// The longest that a job may take.
    pub(crate) timeout: Option<String>,
}

/// `[agent.hooks]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AgentHooksTable {
    /// Inside the job, before its first step.
    pub(crate) job_started: Option<PathBuf>,
    /// Inside the job, after its last step.
    pub(crate) job_completed: Option<PathBuf>,
    /// On this machine, when the job is gone.
    pub(crate) post_task_script: Option<PathBuf>,
    /// The longest that it may take.
    pub(crate) post_task_script_timeout: Option<String>,
}

/// Reads the file that was asked for, else the one in the agent's folder; the defaults where that is not there.
pub(crate) fn load_agent(asked: Option<&Path>, data: &Path) -> Result<AgentTable, Failure> {
    let path = asked.map_or_else(|| data.join(AGENT_FILE), Path::to_path_buf);
    let looks_foreign = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    if asked.is_some() && looks_foreign {
        return Err(Failure::usage(format!("{} is the configuration of another runner", path.display()))
            .fact("ekiden's is an ekiden.toml")
            .fix(format!("take it over: ekiden agent register --import .runner --config {}", path.display())));
    }
    let config = match (super::file::load_file(&path)?, asked) {
        (Some(config), _) => config,
        (None, None) => ConfigFile::default(),
        (None, Some(_)) => return Err(Failure::not_found(format!("{} is not there", path.display()))),
    };
    let mut table = config.agent;
    // Paths in the file are relative to the file.
    let folder = path.parent().unwrap_or(Path::new("."));
    let hooks = &mut table.hooks;
    for place in [
        &mut table.ca_file,
        &mut table.root,
        &mut table.env_file,
        &mut table.tool_cache_folder,
        &mut hooks.job_started,
        &mut hooks.job_completed,
        &mut hooks.post_task_script,
    ]
    .into_iter()
    .flatten()
    {
        *place = folder.join(&*place);
    }
    Ok(table)
}
