//! `ekiden whoami`: where this command is running: in a sandbox of ours, on somebody's hosted runner, or on a plain machine.

use crate::args::{PlainFormat, WhoamiArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use serde::Serialize;
use std::collections::BTreeMap;

/// The variable that `exec` gives to every step: what is known of its sandbox before it starts.
pub(crate) const RECEIPT: &str = "EKIDEN_RECEIPT";

/// Where.
#[derive(Debug, Serialize)]
#[serde(tag = "where", rename_all = "snake_case")]
enum Place {
    /// In a sandbox of ours.
    Sandbox {
        /// What the sandbox said of itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        receipt: Option<serde_json::Value>,
        /// What can be seen from inside.
        #[serde(flatten)]
        seen: Seen,
    },
    /// On a runner of somebody else.
    Runner {
        /// Whose.
        service: String,
        /// What can be seen from inside.
        #[serde(flatten)]
        seen: Seen,
    },
    /// On a plain machine.
    Outside {
        /// What can be seen.
        #[serde(flatten)]
        seen: Seen,
    },
}

/// What the kernel tells any process of itself.
#[derive(Debug, Serialize)]
struct Seen {
    machine: String,
    user: String,
    uid: u32,
    capabilities: String,
    no_new_privileges: bool,
    seccomp: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    job: BTreeMap<String, String>,
}

/// Prints where.
pub(crate) fn run(args: &WhoamiArgs) -> Result<Exit, Failure> {
    let place = place();
    let text = match args.output {
        PlainFormat::Json => format!(
            "{}\n",
            serde_json::to_string_pretty(&place)
                .map_err(|error| Failure::platform("could not write JSON").cause(&error))?
        ),
        PlainFormat::Text => text(&place),
    };
    crate::style::data(&text)?;
    Ok(Exit::Ok)
}

fn place() -> Place {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let seen = seen();
    if let Some(receipt) = variable(RECEIPT) {
        return Place::Sandbox { receipt: serde_json::from_str(&receipt).ok(), seen };
    }
    if variable("RUNNER_NAME").is_some_and(|name| name.starts_with("ekiden")) {
        return Place::Sandbox { receipt: None, seen };
    }
    let service = if variable("GITHUB_ACTIONS").is_some() {
        Some(
            match (variable("FORGEJO_ACTIONS"), variable("GITEA_ACTIONS"), variable("RUNNER_ENVIRONMENT").as_deref()) {
                (Some(_), _, _) => "a Forgejo runner",
                (_, Some(_), _) => "a Gitea runner",
                (_, _, Some("github-hosted")) => "a GitHub-hosted runner",
                _ => "a self-hosted GitHub runner",
            },
        )
    } else if variable("GITLAB_CI").is_some() {
        Some("a GitLab runner")
    } else {
        variable("CI").map(|_| "a CI system that does not say which")
    };
    match service {
        Some(service) => Place::Runner { service: service.to_owned(), seen },
        None => Place::Outside { seen },
    }
}

fn seen() -> Seen {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default().trim().to_owned()
    };
    let uid = field("Uid").split_whitespace().nth(1).and_then(|uid| uid.parse().ok()).unwrap_or(u32::MAX);
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    let jobs =
        ["GITHUB_REPOSITORY", "GITHUB_WORKFLOW", "GITHUB_JOB", "GITHUB_RUN_ID", "RUNNER_NAME", "RUNNER_ENVIRONMENT"];
    Seen {
        machine: std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned(),
        user: user.unwrap_or_else(|| uid.to_string()),
        uid,
        capabilities: match field("CapEff").trim_start_matches('0') {
            "" => "none".to_owned(),
            some => some.to_owned(),
        },
        no_new_privileges: field("NoNewPrivs") == "1",
        seccomp: match field("Seccomp").as_str() {
            "0" => "off".to_owned(),
            "1" => "strict".to_owned(),
            "2" => "filter".to_owned(),
            other => other.to_owned(),
        },
        job: jobs.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect(),
    }
}

fn text(place: &Place) -> String {
    let (head, seen, receipt) = match place {
        Place::Sandbox { seen, receipt } => ("in a sandbox of ekiden".to_owned(), seen, receipt.as_ref()),
        Place::Runner { service, seen } => (format!("on {service}"), seen, None),
        Place::Outside { seen } => ("on a plain machine, in no job".to_owned(), seen, None),
    };
    let mut lines = vec![
        head,
        format!("  machine       {}", seen.machine),
        format!("  user          {} (uid {})", seen.user, seen.uid),
        format!("  capabilities  {}", seen.capabilities),
        format!("  new privileges  {}", if seen.no_new_privileges { "refused" } else { "possible" }),
        format!("  seccomp       {}", seen.seccomp),
    ];
    lines.extend(seen.job.iter().map(|(name, value)| format!("  {name}={value}")));
    if let Some(serde_json::Value::Object(receipt)) = receipt {
        lines.extend(receipt.iter().map(|(name, value)| match value {
            serde_json::Value::String(text) => format!("  {name:12}  {text}"),
            other => format!("  {name:12}  {other}"),
        }));
    }
    lines.join("\n") + "\n"
}
