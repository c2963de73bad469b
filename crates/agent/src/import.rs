//! Taking over a registration of Gitea's or Forgejo's own runner, so that no new token is needed: their file `.runner`, which has one form.
//! Called by the command `agent register --import`.

use crate::{Backend, Label, Registration};
use domain::{RunnerId, RunnerKey, RunnerLife, RunnerUuid, Secret};
use serde::{Deserialize, Serialize};

/// What becomes of labels whose jobs ran on the machine itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostLabels {
    /// They run in our sandbox.
    Sandbox,
    /// They go on running on the machine (`--keep-host`).
    Keep,
}

/// What becomes of labels whose jobs ran in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DockerLabels {
    /// The import fails and names them; a job of such a label fails.
    #[default]
    Refuse,
    /// They run in our sandbox over the host's root (`--map-docker sandbox`).
    Sandbox,
}

/// A registration taken over, and where it differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// What is to be kept.
    pub registration: Registration,
    /// Each label that means something else now.
    pub differences: Vec<Difference>,
}

/// A label that means something else after the import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It ran on the machine itself, now in our sandbox.
    HostToSandbox {
        /// Which label.
        name: String,
    },
    /// It ran in a container, now in our sandbox over the host's root.
    DockerToSandbox {
        /// Which label.
        name: String,
        /// The image that is used no more.
        image: String,
    },
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HostToSandbox { name } => {
                write!(
                    f,
                    "{name}: jobs ran on this machine itself and run in a sandbox now; --keep-host keeps them there"
                )
            }
            Self::DockerToSandbox { name, image } => {
                write!(
                    f,
                    "{name}: jobs ran in {image} and run in a sandbox over this machine's root now, with what is installed here"
                )
            }
        }
    }
}

/// The file cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is not that file.
    #[error(
        "this is no .runner file: {0}; give the file that `act_runner register` or `forgejo-runner register` wrote"
    )]
    Content(#[source] serde_json::Error),
    /// It lacks what a runner signs its calls with.
    #[error("the .runner file has no {0}; register with a token instead")]
    Lacking(&'static str),
    /// Containers are not there yet.
    #[error(
        "the label '{label}' wants a container; give --map-docker sandbox to run its jobs over this machine's root"
    )]
    Docker {
        /// As it stands in the file.
        label: String,
    },
    /// A backend that we do not have.
    #[error(
        "the label '{label}' wants a backend that is not here; remove it from the .runner file or register again with other labels"
    )]
    Backend {
        /// As it stands in the file.
        label: String,
    },
}

/// What both runners write. Keys that they add do no harm.
#[derive(Debug, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct RunnerFile {
    id: i64,
    uuid: String,
    name: String,
    token: String,
    address: String,
    labels: Option<Vec<String>>,
    ephemeral: bool,
}

/// Reads the text of a `.runner` file.
///
/// # Errors
/// When it is not such a file, or a label's jobs could not run here.
pub fn import_runner_file(text: &str, host: HostLabels, docker: DockerLabels) -> Result<Imported, ImportError> {
    let file: RunnerFile = serde_json::from_str(text).map_err(ImportError::Content)?;
    for (value, name) in [(&file.address, "address"), (&file.uuid, "uuid"), (&file.token, "token")] {
        if value.is_empty() {
            return Err(ImportError::Lacking(name));
        }
    }
    let (mut labels, mut differences) = (Vec::new(), Vec::new());
    for text in file.labels.unwrap_or_default() {
        let (label, difference) = label(&text, host, docker)?;
        labels.push(label);
        differences.extend(difference);
    }
    let registration = Registration {
        instance: file.address.trim_end_matches('/').to_owned(),
        id: RunnerId(file.id),
        name: file.name,
        key: RunnerKey { uuid: RunnerUuid(file.uuid), token: Secret::new(file.token) },
        labels,
        life: if file.ephemeral { RunnerLife::Ephemeral } else { RunnerLife::Lasting },
    };
    Ok(Imported { registration, differences })
}

/// A bare name there means the machine itself (Gitea) or an image that is built in (Forgejo): both run in our sandbox.
fn label(text: &str, host: HostLabels, docker: DockerLabels) -> Result<(Label, Option<Difference>), ImportError> {
    let label = Label::parse(text).map_err(|_| ImportError::Backend { label: text.to_owned() })?;
    let name = label.name.clone();
    let difference = match (&label.backend, host, docker) {
        (Backend::Host, HostLabels::Keep, _) => return Ok((label, None)),
        (Backend::Docker { .. }, _, DockerLabels::Refuse) => {
            return Err(ImportError::Docker { label: text.to_owned() });
        }
        (Backend::Docker { image }, _, DockerLabels::Sandbox) => {
            Difference::DockerToSandbox { name: name.clone(), image: image.clone() }
        }
        (Backend::Host | Backend::Sandbox, _, _) => Difference::HostToSandbox { name: name.clone() },
    };
    Ok((Label { name, backend: Backend::Sandbox }, Some(difference)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(labels: &str) -> String {
        format!(
            r#"{{"WARNING": "do not edit", "id": 7, "uuid": "u", "name": "old", "token": "t", "address": "https://forge.example.org/", "labels": {labels}, "tomorrow": 1}}"#
        )
    }

    #[test]
    fn who_it_is_carries_over() {
        let text = file("[\"linux:host\"]");
        let imported = import_runner_file(&text, HostLabels::Keep, DockerLabels::Refuse).unwrap();
        let registration = imported.registration;
        assert_eq!((registration.instance.as_str(), registration.name.as_str()), ("https://forge.example.org", "old"));
        assert_eq!((registration.id, registration.key.token.expose()), (RunnerId(7), "t"));
        assert_eq!(registration.labels, [Label { name: "linux".to_owned(), backend: Backend::Host }]);
        assert_eq!((registration.life, imported.differences), (RunnerLife::Lasting, Vec::new()));
    }

    #[test]
    fn each_label_that_changes_is_told() {
        let text = file(r#"["a:host", "b:docker://node:20", "c"]"#);
        let imported = import_runner_file(&text, HostLabels::Sandbox, DockerLabels::Sandbox).unwrap();
        assert!(imported.registration.labels.iter().all(|label| label.backend == Backend::Sandbox));
        let host = |name: &str| Difference::HostToSandbox { name: name.to_owned() };
        let docker = Difference::DockerToSandbox { name: "b".to_owned(), image: "node:20".to_owned() };
        assert_eq!(imported.differences, [host("a"), docker, host("c")]);
    }

    #[test]
    fn what_cannot_run_here_is_refused() {
        let import = |text: &str| import_runner_file(text, HostLabels::Keep, DockerLabels::Refuse).unwrap_err();
        assert!(matches!(import(&file("[\"b:docker://node:20\"]")), ImportError::Docker { .. }));
        assert!(matches!(import(&file("[\"b:lxc://debian\"]")), ImportError::Backend { .. }));
        assert!(matches!(import("{}"), ImportError::Lacking("address")));
        assert!(matches!(import("runner:"), ImportError::Content(_)));
    }

    #[test]
    fn a_file_without_labels_is_taken() {
        let imported = import_runner_file(&file("null"), HostLabels::Keep, DockerLabels::Refuse).unwrap();
        assert!(imported.registration.labels.is_empty());
    }
}
