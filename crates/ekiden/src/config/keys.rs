//! The keys that `ekiden.toml` knows: for "did you mean", and so that a test can hold every key against its flag and variable.

/// One key, with its flag and its variable.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// Dotted path in the file.
    pub(super) path: &'static str,
    /// The flag, without dashes.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "read by the test that holds keys, flags and variables together")
    )]
    pub(super) flag: &'static str,
}

const fn key(path: &'static str, flag: &'static str) -> Key {
    Key { path, flag }
}

/// All keys. The variable is the flag in capitals with `EKIDEN_` before it, for the agent's `EKIDEN_AGENT_`,
/// for the server's `EKIDEN_SERVER_`.
pub(super) const KEYS: &[Key] = &[
    key("exec.profile", "profile"),
    key("exec.root", "root"),
    key("exec.expose", "expose"),
    key("exec.platforms", "platform"),
    key("exec.jobs", "jobs"),
    key("exec.network.mode", "network"),
    key("exec.network.allow", "allow"),
    key("exec.limits.memory", "memory"),
    key("exec.limits.disk", "disk"),
    key("exec.limits.processes", "processes"),
    key("exec.limits.cpus", "cpus"),
    key("exec.limits.timeout", "timeout"),
    key("exec.limits.log", "log-limit"),
    key("actions.store", "action-store"),
    key("actions.mirrors", "action-mirror"),
    key("actions.offline", "offline"),
    key("agent.capacity", "capacity"),
    key("agent.labels", "labels"),
    key("agent.map_docker", "map-docker"),
    key("agent.insecure", "insecure"),
    key("agent.ca_file", "ca-file"),
    key("agent.fetch_interval", "fetch-interval"),
    key("agent.fetch_timeout", "fetch-timeout"),
    key("agent.report_interval", "report-interval"),
    key("agent.drain_timeout", "drain-timeout"),
    key("agent.metrics", "metrics"),
    key("agent.profile", "profile"),
    key("agent.forks", "forks"),
    key("agent.root", "root"),
    key("agent.expose", "expose"),
    key("agent.env", "env"),
    key("agent.env_file", "env-file"),
    key("agent.tool_cache", "tool-cache"),
    key("agent.tool_cache_folder", "tool-cache-folder"),
    key("agent.cache_server", "cache-server"),
    key("agent.mirrors", "mirror"),
    key("agent.network.mode", "network"),
    key("agent.network.allow", "allow"),
    key("agent.limits.memory", "memory"),
    key("agent.limits.disk", "disk"),
    key("agent.limits.processes", "processes"),
    key("agent.limits.cpus", "cpus"),
    key("agent.limits.timeout", "timeout"),
    key("agent.hooks.job_started", "job-started-hook"),
    key("agent.hooks.job_completed", "job-completed-hook"),
    key("agent.hooks.post_task_script", "post-task-script"),
    key("agent.hooks.post_task_script_timeout", "post-task-script-timeout"),
    key("server.listen", "listen"),
    key("server.url", "url"),
    key("server.behind_proxy", "behind-proxy"),
    key("server.tls_cert", "tls-cert"),
    key("server.tls_key", "tls-key"),
    key("server.database", "database"),
    key("server.database_file", "database-file"),
    key("server.keep_runs", "keep-runs"),
    key("server.keep_logs", "keep-logs"),
    key("server.workflows", "workflows"),
    key("server.actions_url", "actions-url"),
];

/// Whether `path` is a key, or a table that holds keys.
pub(super) fn is_known(path: &str) -> bool {
    KEYS.iter().any(|key| {
        key.path == path
            || key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
            // The labels and the variables are the user's.
            || ["exec.platforms.", "agent.env."]
                .iter()
                .any(|table| path.strip_prefix(table).is_some_and(|name| !name.is_empty()))
    })
}

/// The known key or table that was probably meant.
pub(super) fn suggestion(path: &str) -> Option<&'static str> {
    let last = |path: &'static str| path;
    let candidates = KEYS.iter().flat_map(|key| {
        let tables = key.path.match_indices('.').map(|(at, _)| &key.path[..at]);
        tables.chain([last(key.path)])
    });
    candidates
        .map(|candidate| {
            (crate::text::distance(&tail(candidate), &tail(path)), crate::text::distance(candidate, path), candidate)
        })
        .filter(|(tails, _, _)| *tails <= 2)
        // Two tables have keys of one name: the written table counts.
        .min_by_key(|(tails, whole, candidate)| (tails + whole, *candidate))
        .map(|(_, _, candidate)| candidate)
}

/// The last part, without the difference between '-' and '_'.
fn tail(path: &str) -> String {
    path.rsplit('.').next().unwrap_or(path).replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::{KEYS, is_known, suggestion};
    use clap::CommandFactory;

    #[test]
    fn every_key_is_also_a_flag_and_a_variable() {
        let cli = crate::args::Cli::command();
        let exec = cli.find_subcommand("exec").unwrap();
        let start = cli.find_subcommand("agent").and_then(|agent| agent.find_subcommand("start")).unwrap();
        let server = cli.find_subcommand("server").unwrap();
        for key in KEYS {
            let (command, prefix) = match key.path.split('.').next() {
                Some("agent") => (start, "EKIDEN_AGENT"),
                Some("server") => (server, "EKIDEN_SERVER"),
                _ => (exec, "EKIDEN"),
            };
            let flag = command.get_arguments().find(|a| a.get_long() == Some(key.flag));
            let flag = flag.unwrap_or_else(|| panic!("--{} is no flag ({})", key.flag, key.path));
            let variable = format!("{prefix}_{}", key.flag.replace('-', "_").to_uppercase());
            assert_eq!(flag.get_env().and_then(|v| v.to_str()), Some(variable.as_str()), "{}", key.path);
        }
    }

    #[test]
    fn tables_are_known_and_slips_are_recognised() {
        assert!(is_known("exec") && is_known("exec.network") && is_known("exec.platforms.gpu"));
        assert!(!is_known("exec.net") && !is_known("exec.expos"));
        assert_eq!(suggestion("exec.expos"), Some("exec.expose"));
        assert_eq!(suggestion("allow"), Some("exec.network.allow"));
        assert_eq!(suggestion("actions.mirror"), Some("actions.mirrors"));
        assert_eq!(suggestion("colour"), None);
    }
}
