//! What the labels of a foreign runner mean here.

use super::{DockerLabels, HostLabels, ImportError, Origin};
use crate::{Backend, Label, LabelsError};

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
    /// It ran in the image that Forgejo's runner takes where a label says nothing.
    BareToSandbox {
        /// Which label.
        name: String,
    },
    /// It ran in a container of LXC.
    LxcToSandbox {
        /// Which label.
        name: String,
        /// The template.
        template: String,
    },
    /// It stood there more than once; the last one counts, as in that runner.
    Replaced {
        /// As it stood first.
        first: String,
    },
}

impl Difference {
    /// The label that it is about.
    #[must_use]
    pub fn label(&self) -> &str {
        match self {
            Self::HostToSandbox { name }
            | Self::DockerToSandbox { name, .. }
            | Self::BareToSandbox { name }
            | Self::LxcToSandbox { name, .. } => name,
            Self::Replaced { first } => first,
        }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HostToSandbox { .. } => f.write_str(
                "jobs ran on this machine itself and run in a sandbox now; --keep-host keeps them there",
            ),
            Self::DockerToSandbox { image, .. } => write!(
                f,
                "jobs ran in {image} and run in a sandbox over this machine's root now, with what is installed here"
            ),
            Self::BareToSandbox { .. } => f.write_str(
                "jobs ran in the default image of Forgejo's runner and run in a sandbox over this machine's root now, with what is installed here",
            ),
            Self::LxcToSandbox { template, .. } => write!(
                f,
                "jobs ran in an LXC container of {template} and run in a sandbox over this machine's root now, with what is installed here"
            ),
            Self::Replaced { .. } => f.write_str("the label is there once more; the last one counts, as it did"),
        }
    }
}

/// Reads them all.
pub(super) fn convert(
    texts: &[String],
    origin: Option<Origin>,
    host: HostLabels,
    docker: DockerLabels,
) -> Result<(Vec<Label>, Vec<Difference>), ImportError> {
    let (mut labels, mut differences): (Vec<Label>, Vec<Difference>) = (Vec::new(), Vec::new());
    for text in texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        let (label, difference) = one(text, origin, host, docker)?;
        if let Some(at) = labels.iter().position(|known| known.name == label.name) {
            let first = labels.remove(at);
            differences.retain(|difference| difference.label() != label.name);
            if first != label {
                differences.push(Difference::Replaced { first: first.to_string() });
            }
        }
        labels.push(label);
        differences.extend(difference);
    }
    Ok((labels, differences))
}

/// Without a backend, Gitea's runner means the machine itself, Forgejo's an image that is built in; both opaque and bare names run in our
/// sandbox here.
fn one(
    text: &str,
    origin: Option<Origin>,
    host: HostLabels,
    docker: DockerLabels,
) -> Result<(Label, Option<Difference>), ImportError> {
    if let Some((name, template)) = text.split_once(":lxc").filter(|(name, _)| !name.contains(':')) {
        let template = match template.trim_start_matches(':').trim_start_matches("//") {
            "" => "its default template",
            template => template,
        };
        let difference = Difference::LxcToSandbox { name: name.to_owned(), template: template.to_owned() };
        return Ok((Label { name: name.to_owned(), backend: Backend::Sandbox }, Some(difference)));
    }
    let label = Label::parse(text).map_err(LabelsError::from)?;
    let name = label.name.clone();
    let is_bare = !text.contains(':');
    Ok(match (&label.backend, host, docker) {
        (Backend::Docker { .. }, _, DockerLabels::Refuse) => {
            return Err(ImportError::Docker { label: text.to_owned() });
        }
        // The image stays in the label: the job's log says what it asks for, and later it is there.
        (Backend::Docker { image }, _, DockerLabels::Sandbox) => {
            let difference = Difference::DockerToSandbox { name, image: image.clone() };
            (label, Some(difference))
        }
        (Backend::Sandbox, ..) if is_bare && origin == Some(Origin::Forgejo) => {
            (label, Some(Difference::BareToSandbox { name }))
        }
        (Backend::Host | Backend::Sandbox, HostLabels::Keep, _) => (Label { name, backend: Backend::Host }, None),
        (Backend::Host | Backend::Sandbox, HostLabels::Sandbox, _) => {
            let difference = Difference::HostToSandbox { name: name.clone() };
            (Label { name, backend: Backend::Sandbox }, Some(difference))
        }
    })
}
