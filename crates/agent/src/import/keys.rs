//! Every key of `config.yaml` that Gitea's runner (to 3.3) and Forgejo's (to 12.8) know, with its defaults there and what becomes of it.

use super::config::Carried;
use super::{Origin, value};
use std::time::Duration;
use workflow::yaml::Node;

/// Takes a value over; the error says what the runner would have wanted.
type Apply = fn(&Node<'_>, &mut Carried) -> Result<(), &'static str>;

/// What becomes of a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    /// It carries over to this key of ours.
    To(&'static str, Apply),
    /// It carries over to this key of ours, with this difference.
    Bent(&'static str, Apply, &'static str),
    /// Nothing is lost without it.
    Needless(&'static str),
    /// It does not carry over.
    Lost(&'static str),
    /// Where the registration lies.
    RunnerFile,
    /// The labels.
    Labels,
    /// Registrations.
    Connections,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// Dotted.
    pub(super) path: &'static str,
    /// The only runner that knows it; `None`: both.
    pub(super) of: Option<Origin>,
    /// Values that say what that runner does anyway.
    pub(super) defaults: &'static [&'static str],
    /// What becomes of it.
    pub(super) fate: Fate,
}

/// How their defaults for it are written.
pub(super) const FETCH_INTERVAL: &[&str] = &["2s", "0s"];
const G: Option<Origin> = Some(Origin::Gitea);
const F: Option<Origin> = Some(Origin::Forgejo);

const fn key(path: &'static str, of: Option<Origin>, defaults: &'static [&'static str], fate: Fate) -> Key {
    Key { path, of, defaults, fate }
}

const CONTAINERS: &str =
    "no container is started yet: jobs of docker:// labels run in a sandbox over this machine's root";
const CLEAN: &str = "what a job writes goes with its sandbox: there is nothing to clean up";
const PACE: &str = "the pace of asking adapts by itself: three times a second after work, every 2 s later";
const SPOOL: &str = "rows and states wait on disk until the forge takes them, whatever its answers";
pub(super) const CACHE: &str = "there is no cache service of the agent yet: actions/cache finds nothing and stores nothing, and no job fails by that; cache_server names one of yours";
const HEALTH: &str = "the agent does not look at the machine's health before it takes jobs; limits.disk and limits.memory bound each job, and /healthz can be watched from outside";
const LOG: &str = "the agent logs by EKIDEN_LOG (info, agent=debug)";

/// All of them.
const KEYS: &[Key] = &[
    key("log.level", None, &["info"], Fate::Lost(LOG)),
    key(
        "log.job_level",
        F,
        &["info"],
        Fate::Needless("a job shows its debug lines when the secret or variable ACTIONS_STEP_DEBUG is true"),
    ),
    key("log.job.dir", G, &[""], Fate::Lost("no log is kept on this machine once the forge has it")),
    key("log.job.retention", G, &["168h"], Fate::Needless("no log is kept on this machine once the forge has it")),
    key("log.job.max_size", G, &["1GB"], Fate::Needless("no log is kept on this machine once the forge has it")),
    key("runner.file", None, &[], Fate::RunnerFile),
    key("runner.capacity", None, &["1", "0"], Fate::To("capacity", capacity)),
    key("runner.envs", None, &[], Fate::To("env", envs)),
    key("runner.env_file", None, &[""], Fate::To("env_file", env_file)),
    key("runner.timeout", None, &["3h", "0s", "0"], Fate::To("limits.timeout", timeout)),
    key("runner.shutdown_timeout", None, &["0s", "0"], Fate::To("drain_timeout", drain)),
    key("runner.insecure", None, &["false"], Fate::To("insecure", insecure)),
    key("runner.fetch_timeout", None, &["5s", "30s", "0s"], Fate::To("fetch_timeout", fetch_timeout)),
    key("runner.fetch_interval", None, FETCH_INTERVAL, Fate::To("fetch_interval", fetch_interval)),
    key("runner.fetch_interval_max", G, &["5s", "0s", "0"], Fate::Needless(PACE)),
    key("runner.report_interval", F, &["1s"], Fate::To("report_interval", report)),
    key("runner.log_report_max_latency", G, &["3s"], Fate::To("report_interval", report)),
    key("runner.log_report_interval", G, &["5s"], Fate::Needless("rows wait report_interval at most")),
    key("runner.log_report_batch_size", G, &["100"], Fate::Needless("batches follow what the forge takes")),
    key(
        "runner.state_report_interval",
        G,
        &["5s"],
        Fate::Needless("states go with the rows, and at once when a step begins or ends"),
    ),
    key("runner.report_close_timeout", G, &["10s"], Fate::Needless(SPOOL)),
    key("runner.report_retry.max_retries", F, &["10"], Fate::Needless(SPOOL)),
    key("runner.report_retry.initial_delay", F, &["100ms"], Fate::Needless(SPOOL)),
    key("runner.report_retry.max_delay", F, &["0", "0s"], Fate::Needless(SPOOL)),
    key("runner.workdir_cleanup_age", G, &["24h"], Fate::Needless(CLEAN)),
    key("runner.idle_cleanup_interval", G, &["10m"], Fate::Needless(CLEAN)),
    key(
        "runner.github_mirror",
        G,
        &[""],
        Fate::Bent(
            "mirrors",
            mirror,
            "it is asked before the forge's default actions URL, whatever that is; what it lacks comes from there",
        ),
    ),
    key("runner.action_shallow_clone", G, &["true"], Fate::Needless("an action is fetched as one commit")),
    key(
        "runner.set_act_env",
        G,
        &["true"],
        Fate::Needless(
            "ACT is not set: workflows that ask for it see a runner like GitHub's; ACT = \"true\" under [agent.env] brings it back",
        ),
    ),
    key("runner.patch_actions", G, &["true"], Fate::Needless("actions run as they are")),
    key("runner.labels", None, &[], Fate::Labels),
    key(
        "runner.allocate_pty",
        G,
        &["false"],
        Fate::Lost(
            "steps have no terminal, as on GitHub's runner; `script -qec COMMAND /dev/null` gives one to a command",
        ),
    ),
    key("runner.default_image", G, &["docker.gitea.com/runner-images:ubuntu-latest"], Fate::Lost(CONTAINERS)),
    key(
        "runner.tool_cache_mode",
        G,
        &["none"],
        Fate::Bent(
            "tool_cache",
            tool_cache,
            "tools are shared by jobs of the same repository only, and jobs of forks change nothing there",
        ),
    ),
    key("runner.post_task_script", G, &[""], Fate::To("hooks.post_task_script", post_task)),
    key("runner.post_task_script_timeout", G, &["5m"], Fate::To("hooks.post_task_script_timeout", post_task_timeout)),
    key("runner.hooks.job_started", G, &[""], Fate::To("hooks.job_started", job_started)),
    key("runner.hooks.job_completed", G, &[""], Fate::To("hooks.job_completed", job_completed)),
    key("cache.enabled", None, &["true", "false"], Fate::Needless(CACHE)),
    key("cache.dir", None, &[""], Fate::Lost(CACHE)),
    key("cache.host", None, &[""], Fate::Needless(CACHE)),
    key("cache.port", None, &["0"], Fate::Needless(CACHE)),
    key("cache.proxy_port", F, &["0"], Fate::Needless(CACHE)),
    key(
        "cache.external_server",
        None,
        &[""],
        Fate::Bent(
            "cache_server",
            cache_server,
            "jobs are told of it, but the agent does not announce their tokens there: a server with a secret refuses them",
        ),
    ),
    key(
        "cache.external_secret",
        G,
        &[""],
        Fate::Lost(
            "the agent does not announce jobs to a cache server of Gitea's runner; run one without a secret, or none",
        ),
    ),
    key(
        "cache.external_secret_file",
        G,
        &[""],
        Fate::Lost(
            "the agent does not announce jobs to a cache server of Gitea's runner; run one without a secret, or none",
        ),
    ),
    key("cache.secret", F, &[""], Fate::Lost("the agent is no cache proxy of Forgejo's runner")),
    key("cache.secret_url", F, &[""], Fate::Lost("the agent is no cache proxy of Forgejo's runner")),
    key("cache.actions_cache_url_override", F, &[""], Fate::To("cache_server", cache_server)),
    key(
        "cache.offline_mode",
        G,
        &["false"],
        Fate::Lost(
            "an action named by a tag or branch is looked up for each job; pin it by its commit, and it is fetched once",
        ),
    ),
    key("cache.v2", G, &["true"], Fate::Needless(CACHE)),
    key("cache.retention", G, &["168h"], Fate::Needless(CACHE)),
    key("cache.repo_size_limit", G, &["10GB"], Fate::Needless(CACHE)),
    key("cache.size_limit", G, &["0"], Fate::Needless(CACHE)),
    key("cache.sweep_interval", G, &["1h"], Fate::Needless(CACHE)),
    key(
        "container.network",
        None,
        &[""],
        Fate::Lost(
            "every job has a network of its own; network.mode and network.allow under [agent] say what it reaches",
        ),
    ),
    key(
        "container.network_mode",
        None,
        &["", "bridge"],
        Fate::Lost(
            "every job has a network of its own; network.mode and network.allow under [agent] say what it reaches",
        ),
    ),
    key("container.network_create_options.enable_ipv4", G, &["true"], Fate::Needless(CONTAINERS)),
    key("container.network_create_options.enable_ipv6", G, &["false"], Fate::Needless(CONTAINERS)),
    key("container.enable_ipv6", None, &["false"], Fate::Needless("jobs reach IPv6 addresses where this machine does")),
    key(
        "container.privileged",
        None,
        &["false"],
        Fate::Lost("no job gets this machine's root; profile = \"root\" gives it sudo and apt-get within its sandbox"),
    ),
    key(
        "container.options",
        None,
        &[""],
        Fate::Lost("no container is started yet; limits, env and expose under [agent] say the same of sandboxes"),
    ),
    key("container.workdir_parent", None, &["", "workspace"], Fate::Needless("the workspace lies in the sandbox")),
    key(
        "container.valid_volumes",
        None,
        &[],
        Fate::Lost("no container is started yet; expose = [\"/PATH\"] under [agent] brings a folder in, read-only"),
    ),
    key(
        "container.docker_host",
        None,
        &["", "-"],
        Fate::Lost("no container is started yet, and no socket of Docker is given to jobs"),
    ),
    key("container.force_pull", None, &["true", "false"], Fate::Needless(CONTAINERS)),
    key("container.force_rebuild", None, &["true", "false"], Fate::Needless(CONTAINERS)),
    key("container.require_docker", G, &["false"], Fate::Lost(CONTAINERS)),
    key("container.docker_timeout", G, &["0s", "0"], Fate::Needless(CONTAINERS)),
    key("container.bind_workdir", G, &["false"], Fate::Lost(CONTAINERS)),
    key("container.service_ready_timeout", G, &["5m"], Fate::Needless(CONTAINERS)),
    key("host.workdir_parent", None, &[""], Fate::Needless("the workspace lies in the sandbox")),
    key("health_check.enabled", G, &["false"], Fate::Lost(HEALTH)),
    key("health_check.min_free_disk_space_mb", G, &["1024"], Fate::Lost(HEALTH)),
    key("health_check.script", G, &[""], Fate::Lost(HEALTH)),
    key("health_check.interval", G, &["30s"], Fate::Needless(HEALTH)),
    key("health_check.timeout", G, &["10s"], Fate::Needless(HEALTH)),
    key(
        "metrics.enabled",
        G,
        &["false"],
        Fate::Bent("metrics", metrics_on, "names begin with ekiden_; /healthz is there, /readyz is not"),
    ),
    key(
        "metrics.addr",
        G,
        &["127.0.0.1:9101"],
        Fate::Bent("metrics", metrics_at, "it is served on loopback only: put a proxy of yours before it"),
    ),
    key("metrics.readiness_grace", G, &["30s"], Fate::Needless("there is no /readyz")),
    key("server.connections", F, &[], Fate::Connections),
];

/// The key of this path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether keys lie below this path.
pub(super) fn is_table(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The key or table that was probably meant: one at the same depth whose last part is near, or the same one elsewhere.
pub(super) fn meant(path: &str) -> Option<String> {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().replace('-', "_");
    let written = last(path);
    KEYS.iter()
        .flat_map(|key| key.path.match_indices('.').map(|(at, _)| &key.path[..at]).chain([key.path]))
        .map(|known| (strsim::osa_distance(&written, &last(known)), strsim::osa_distance(path, known), known))
        .filter(|(near, _, _)| *near <= (written.len() / 4).min(2))
        .min()
        .map(|(_, _, known)| known.to_owned())
}

const TEXT: &str = "it must be a text";
const TIME: &str = "it must be a time such as 3h, 90s or 500ms";

fn text(node: &Node<'_>) -> Result<String, &'static str> {
    value::text(node).ok_or(TEXT)
}

pub(super) fn time(node: &Node<'_>) -> Result<String, &'static str> {
    value::time(&text(node)?).map(value::our_time).ok_or(TIME)
}

fn capacity(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    const WRONG: &str = "it must be a number of jobs from 1 to 1000";
    let number: u32 = text(node)?.parse().map_err(|_| WRONG)?;
    to.capacity = Some(number).filter(|number| (1..=1000).contains(number));
    to.capacity.map(drop).ok_or(WRONG)
}

fn envs(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    to.env = value::pairs(node).ok_or("it must be names with texts")?.into_iter().collect();
    Ok(())
}

fn env_file(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    to.env_file = Some(text(node)?);
    Ok(())
}

fn timeout(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    to.limits.timeout = Some(time(node)?);
    Ok(())
}

fn drain(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    to.drain_timeout = Some(time(node)?);
    Ok(())
}

fn insecure(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    to.insecure = Some(value::truth(&text(node)?).ok_or("it must be true or false")?);
    Ok(())
}

fn fetch_timeout(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    to.fetch_timeout = Some(time(node)?);
    Ok(())
}

fn fetch_interval(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    to.fetch_interval = Some(time(node)?);
    Ok(())
}

fn report(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    let time = value::time(&text(node)?).ok_or(TIME)?;
    // Other keys of theirs may mean the same: nothing waits longer than a person was used to.
    to.report_interval = Some(value::our_time(time.max(Duration::from_millis(100))));
    Ok(())
}

fn mirror(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    to.mirrors = vec![format!("{}/{{repository}}", text(node)?.trim_end_matches('/'))];
    Ok(())
}

fn tool_cache(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    match text(node)?.as_str() {
        "shared" => {
            to.tool_cache = Some("shared");
            Ok(())
        }
        _ => Err("it must be none or shared"),
    }
}

fn post_task(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    to.hooks.post_task_script = Some(text(node)?);
    Ok(())
}

fn post_task_timeout(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    to.hooks.post_task_script_timeout = Some(time(node)?);
    Ok(())
}

fn job_started(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    to.hooks.job_started = Some(text(node)?);
    Ok(())
}

fn job_completed(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    to.hooks.job_completed = Some(text(node)?);
    Ok(())
}

fn cache_server(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    to.cache_server = Some(text(node)?);
    Ok(())
}

fn metrics_on(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    if value::truth(&text(node)?).ok_or("it must be true or false")? {
        to.metrics.get_or_insert_with(|| "127.0.0.1:9101".to_owned());
    }
    Ok(())
}

fn metrics_at(node: &Node<'_>, to: &mut Carried) -> Result<(), &'static str> {
    const WRONG: &str = "it must be an address such as 127.0.0.1:9101";
    let text = text(node)?;
    let (host, port) = text.rsplit_once(':').ok_or(WRONG)?;
    let port: u16 = port.parse().map_err(|_| WRONG)?;
    to.metrics = Some(if host == "[::1]" { format!("[::1]:{port}") } else { format!("127.0.0.1:{port}") });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{KEYS, find, is_table, meant};

    #[test]
    fn each_key_is_there_once_and_is_no_table() {
        for (at, key) in KEYS.iter().enumerate() {
            assert!(KEYS[..at].iter().all(|other| other.path != key.path), "{}", key.path);
            assert!(!is_table(key.path), "{}", key.path);
        }
        assert!(find("runner.capacity").is_some() && is_table("runner") && is_table("runner.hooks"));
    }

    #[test]
    fn slips_are_recognised() {
        assert_eq!(meant("runner.capcity").as_deref(), Some("runner.capacity"));
        assert_eq!(meant("runner.env-file").as_deref(), Some("runner.env_file"));
        assert_eq!(meant("capacity").as_deref(), Some("runner.capacity"));
        assert_eq!(meant("containers").as_deref(), Some("container"));
        assert_eq!(meant("runner.colour"), None);
    }
}
