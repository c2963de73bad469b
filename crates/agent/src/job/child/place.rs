//! Where a task's job runs: which of the runner's labels it asked for, and what that label means here. Pure.

use super::super::payload::Outline;
use super::super::{JobOrder, JobSettings};
use super::tier::{Cause, Tier};
use crate::{Backend, DockerLabels, Label};
use sandbox::{Network, Profile};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// Which backend a job needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// A sandbox of this machine.
    Sandbox,
    /// The machine itself.
    Host,
}

/// Makes a backend, once it is known which; the path is the one of [`JobSettings::state`], the text of its error says what failed and what
/// to do. Asked for the same one again it may fail.
pub type MakeBackend = Box<dyn FnMut(Where, &Path) -> Result<Arc<dyn sandbox::Backend>, String> + Send>;

/// Where and how confined a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) backend: Where,
    pub(super) profile: Profile,
    pub(super) network: Network,
    /// What the log's head says of it.
    pub(super) head: Vec<String>,
}

/// The place of an order's job; the error says why it has none.
pub(super) fn of(order: &JobOrder, outline: &Outline, cause: &Cause, reached: &[String]) -> Result<Place, String> {
    let settings = &order.settings;
    let label = outline.runs_on.iter().find_map(|wanted| order.labels.iter().find(|label| label.name == *wanted));
    let label = label.or(order.labels.first());
    let mut head = Vec::new();
    let backend = match label.map(|label| (&label.backend, label)) {
        None | Some((Backend::Sandbox, _)) => Where::Sandbox,
        Some((Backend::Host, _)) => Where::Host,
        Some((Backend::Docker { image }, Label { name, .. })) => match settings.docker_labels {
            DockerLabels::Sandbox => {
                head.push(format!(
                    "Label '{name}' names the image {image}: it is mapped to the sandbox over this machine's root, with what is installed there"
                ));
                Where::Sandbox
            }
            DockerLabels::Refuse => {
                return Err(format!(
                    "The label '{name}' wants a container of {image}, and this version runs none yet. The runner's owner can let such jobs run in the \
                     sandbox over the machine's root: --map-docker sandbox"
                ));
            }
        },
    };
    let fork = matches!(cause, Cause::Fork { .. });
    if fork && backend == Where::Host {
        return Err(format!(
            "A fork caused this job ({cause}), and its label runs on the machine itself, where nothing confines it. Ask for a label with a sandbox"
        ));
    }
    let profile = if fork { Profile::Hardened } else { settings.profile };
    let network = match &settings.network {
        Network::None => Network::None,
        Network::Host if !fork => Network::Host,
        Network::Host => Network::Outbound { allow: reached.to_vec() },
        Network::Outbound { allow } => {
            let new = reached.iter().filter(|target| !allow.contains(target)).cloned();
            Network::Outbound { allow: allow.iter().cloned().chain(new).collect() }
        }
    };
    let tier = cause.tier();
    head.push(format!(
        "Trust: {tier} ({cause}){}",
        if fork { "; confined: profile hardened, nothing shared is written" } else { "" }
    ));
    head.push(told(backend, profile, &network, settings));
    Ok(Place { backend, profile, network, head })
}

/// How the job is isolated, in one line.
fn told(backend: Where, profile: Profile, network: &Network, settings: &JobSettings) -> String {
    if backend == Where::Host {
        return "Isolation: none; this job runs on the machine itself".to_owned();
    }
    let profile = match profile {
        Profile::Hardened => "hardened",
        Profile::Root => "root",
    };
    let network = match network {
        Network::Outbound { .. } => "outbound",
        Network::None => "none",
        Network::Host => "the machine's own",
    };
    let root = match &settings.root {
        sandbox::Root::Host => "the machine's, read-only".to_owned(),
        sandbox::Root::Dir(path) => path.display().to_string(),
    };
    let mut line = format!("Isolation: Linux namespaces, profile {profile}; network: {network}; root: {root}");
    for (what, value) in [("memory", settings.limits.memory), ("disk", settings.limits.disk)] {
        if let Some(bytes) = value {
            line.push_str(&format!("; {what} up to {} MiB", bytes >> 20));
        }
    }
    line
}

/// Whether a job may write what later jobs of its repository read.
pub(super) fn may_share(cause: &Cause) -> bool {
    cause.tier() > Tier::T0
}
