//! Labels of a runner: `name[:backend[://image]]`. Only the name goes to the forge. Called by registration and import.

use serde::{Deserialize, Serialize};

/// Where jobs with a label run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Backend {
    /// In our sandbox over the host's root: what a label without backend means.
    Sandbox,
    /// On the machine itself.
    Host,
    /// In a container of this image.
    Docker {
        /// The image.
        image: String,
    },
}

/// One label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label {
    /// What `runs-on` names.
    pub name: String,
    /// Where its jobs run.
    pub backend: Backend,
}

/// The text is no label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a label: {reason}; write NAME, NAME:sandbox, NAME:host or NAME:docker://IMAGE")]
pub struct InvalidLabel {
    text: String,
    reason: &'static str,
}

impl Label {
    /// Reads `name[:backend[://image]]`.
    ///
    /// # Errors
    /// When there is no name, or the backend is not one of ours.
    pub fn parse(text: &str) -> Result<Self, InvalidLabel> {
        let fault = |reason| InvalidLabel { text: text.to_owned(), reason };
        let (name, backend) =
            text.trim().split_once(':').map_or((text.trim(), None), |(name, rest)| (name, Some(rest)));
        if name.is_empty() {
            return Err(fault("it has no name"));
        }
        if name.contains(|letter: char| letter == ',' || letter.is_whitespace()) {
            return Err(fault("its name holds a comma or a blank"));
        }
        let backend = match backend.map(|backend| backend.split_once("://").unwrap_or((backend, ""))) {
            None | Some(("sandbox", "")) => Backend::Sandbox,
            Some(("host", "")) => Backend::Host,
            Some(("docker", "")) => return Err(fault("a container needs an image")),
            Some(("docker", image)) => Backend::Docker { image: image.to_owned() },
            Some(("sandbox" | "host", _)) => return Err(fault("this backend takes no image")),
            Some(_) => return Err(fault("its backend is unknown")),
        };
        Ok(Self { name: name.to_owned(), backend })
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.backend {
            Backend::Sandbox => f.write_str(&self.name),
            Backend::Host => write!(f, "{}:host", self.name),
            Backend::Docker { image } => write!(f, "{}:docker://{image}", self.name),
        }
    }
}

impl TryFrom<String> for Label {
    type Error = InvalidLabel;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{Backend, Label};
    use proptest::prelude::*;

    fn backend(text: &str) -> Backend {
        Label::parse(text).unwrap().backend
    }

    #[test]
    fn each_form_has_its_backend() {
        assert_eq!(backend("linux"), Backend::Sandbox);
        assert_eq!(backend("linux:sandbox"), Backend::Sandbox);
        assert_eq!(backend("linux:host"), Backend::Host);
        let image = "registry.example:5000/node:20@sha256:0".to_owned();
        assert_eq!(backend(&format!("ubuntu-latest:docker://{image}")), Backend::Docker { image });
        assert_eq!(Label::parse(" a:host ").unwrap().name, "a");
    }

    #[test]
    fn what_is_no_label_is_told_why() {
        for (text, reason) in [
            ("", "no name"),
            (":host", "no name"),
            ("a b", "blank"),
            ("a,b:host", "comma"),
            ("a:docker", "needs an image"),
            ("a:docker://", "needs an image"),
            ("a:host://x", "takes no image"),
            ("a:lxc://debian:bookworm", "unknown"),
            ("a:", "unknown"),
        ] {
            let error = Label::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(text in "\\PC{0,20}(:(host|sandbox|docker://\\PC{0,10})?)?") {
            if let Ok(label) = Label::parse(&text) {
                prop_assert_eq!(Label::parse(&label.to_string()), Ok(label));
            }
        }
    }
}
