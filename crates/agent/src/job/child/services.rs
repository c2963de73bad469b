//! What the forges' own runners put into the environment of jobs beyond the reference (`runner-protocol` 4.5): addresses and tokens of
//! the forge's services, marks of the dialect. Pure.

use super::super::{CacheReach, JobOrder};
use super::contexts::text;
use domain::Secret;
use protocol::Dialect;

/// The variables, and which of their values are masked.
#[derive(Debug, Default)]
pub(super) struct Services {
    /// For every process of the job.
    pub(super) environment: Vec<(String, String)>,
    /// Values among them that nobody may read.
    pub(super) secrets: Vec<Secret>,
    /// Hosts with their ports that the job's network is open to, whatever their addresses.
    pub(super) reached: Vec<String>,
}

impl Services {
    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.environment.push((name.to_owned(), value.into()));
    }

    fn secret(&mut self, name: &str, value: &str) {
        self.set(name, value);
        self.secrets.push(Secret::new(value));
    }

    fn reach(&mut self, url: &str) {
        if let Some(target) = host_and_port(url).filter(|target| !self.reached.contains(target)) {
            self.reached.push(target);
        }
    }
}

/// The services of an order's forge, as its job sees them.
pub(super) fn of(order: &JobOrder, token: Option<&Secret>) -> Services {
    let mut all = Services::default();
    let (context, forge) = (&order.task.context, &order.forge);
    all.reach(&forge.url);
    if let Some(url) = text(context, &["server_url"]) {
        all.reach(url);
    }
    all.set("ACTIONS_RUNTIME_URL", format!("{}/api/actions_pipeline/", forge.url));
    all.set("ACTIONS_RESULTS_URL", forge.url.clone());
    let runtime = text(context, &["forgejo_runtime_token", "gitea_runtime_token"]);
    if let Some(runtime) = runtime.or(token.map(Secret::expose)) {
        all.secret("ACTIONS_RUNTIME_TOKEN", runtime);
    }
    if let CacheReach::At { url } = &order.settings.cache {
        all.reach(url);
        all.set("ACTIONS_CACHE_URL", url.clone());
    }
    let asked = text(context, &["forgejo_actions_id_token_request_url", "actions_id_token_request_url"]);
    let with = text(context, &["forgejo_actions_id_token_request_token", "actions_id_token_request_token"]);
    if let (Some(url), Some(token)) = (asked, with) {
        all.reach(url);
        all.set("ACTIONS_ID_TOKEN_REQUEST_URL", url);
        all.secret("ACTIONS_ID_TOKEN_REQUEST_TOKEN", token);
    }
    all.set("GITEA_ACTIONS", "true");
    match forge.dialect {
        Dialect::Gitea => {
            all.set("GITEA_ACTIONS_RUNNER_VERSION", concat!("ekiden ", env!("CARGO_PKG_VERSION")));
            if !forge.capabilities.is_empty() {
                all.set("GITEA_ACTIONS_CAPABILITIES", forge.capabilities.join(","));
            }
            if let Some(run) = text(context, &["run_id"]) {
                all.set("GITEA_RUN_ID", run);
            }
        }
        Dialect::Forgejo => all.set("FORGEJO_ACTIONS", "true"),
    }
    all
}

/// Before which names of command files (`…_OUTPUT`, `…_ENV`) the dialect has a word of its own.
pub(super) fn aliases(dialect: Dialect) -> Vec<&'static str> {
    match dialect {
        Dialect::Gitea => vec!["GITEA_"],
        Dialect::Forgejo => vec!["FORGEJO_", "GITEA_"],
    }
}

/// `host:port` of a URL; the usual port of its scheme where it names none.
pub(super) fn host_and_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if host.is_empty() {
        return None;
    }
    Some(if has_port { host.to_owned() } else { format!("{host}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::host_and_port;

    #[test]
    fn a_url_opens_its_host_and_port() {
        for (url, target) in [
            ("http://127.0.0.1:3000/sub", Some("127.0.0.1:3000")),
            ("https://forge.example", Some("forge.example:443")),
            ("http://me:secret@forge.example/x?y", Some("forge.example:80")),
            ("http://[::1]:3000/", Some("[::1]:3000")),
            ("http://[::1]/", Some("[::1]:80")),
            ("ssh://h", None),
            ("https://", None),
        ] {
            assert_eq!(host_and_port(url).as_deref(), target, "{url}");
        }
    }
}
