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
#[error("'{text}' is not a label: {reason}; write NAME, NAME:host or NAME:docker://IMAGE")]
pub struct InvalidLabel {
    text: String,
    reason: &'static str,
}

impl Label {
    /// Reads `name[:backend[://image]]`. As with Gitea's runner, a text whose second part is no backend is a name as it stands
    /// (`pool:e57e18d4`, `x:unknown://y`); `:host` or `:sandbox` after such a name says where it runs.
    ///
    /// # Errors
    /// When there is no name, or what follows it makes no sense.
    pub fn parse(text: &str) -> Result<Self, InvalidLabel> {
        let fault = |reason| InvalidLabel { text: text.to_owned(), reason };
        let text = text.trim();
        if text.contains(|letter: char| letter == ',' || letter.is_control()) {
            return Err(fault("it holds a comma or a control character"));
        }
        if text.ends_with(':') {
            return Err(fault("nothing follows the colon"));
        }
        let (name, backend) = match split(text) {
            Split::Name => (text, Backend::Sandbox),
            Split::Backend { name, word: "docker", rest } => match rest.strip_prefix("//").unwrap_or(rest).trim() {
                "" => return Err(fault("a container needs an image")),
                image => (name, Backend::Docker { image: image.to_owned() }),
            },
            // What runners of 2023 wrote for the machine itself.
            Split::Backend { name, word: "host", rest: "" | "//-self-hosted" } => (name, Backend::Host),
            Split::Backend { name, rest: "", .. } => (name, Backend::Sandbox),
            Split::Backend { .. } => return Err(fault("this backend takes no image")),
            Split::Opaque { name, word } => {
                if !matches!(split(name), Split::Opaque { word: None, .. } | Split::Name) {
                    return Err(fault("it names two backends"));
                }
                (name, if word == Some("host") { Backend::Host } else { Backend::Sandbox })
            }
        };
        let name = name.trim();
        if name.is_empty() || name.starts_with(':') {
            return Err(fault("it has no name"));
        }
        if name.ends_with(':') {
            return Err(fault("nothing follows the colon"));
        }
        Ok(Self { name: name.to_owned(), backend })
    }
}

/// What the colons of a label part.
#[derive(Debug)]
enum Split<'a> {
    /// There is none.
    Name,
    /// The second part is a backend.
    Backend { name: &'a str, word: &'a str, rest: &'a str },
    /// It is not: colons belong to the name, but for a last word that is a backend without image.
    Opaque { name: &'a str, word: Option<&'a str> },
}

fn split(text: &str) -> Split<'_> {
    let Some((name, after)) = text.split_once(':') else { return Split::Name };
    let (word, rest) = after.split_once(':').unwrap_or((after, ""));
    if ["sandbox", "host", "docker"].contains(&word) {
        return Split::Backend { name, word, rest };
    }
    match text.rsplit_once(':') {
        Some((name, word @ ("host" | "sandbox"))) => Split::Opaque { name, word: Some(word) },
        _ => Split::Opaque { name: text, word: None },
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
        assert_eq!(backend("linux:host://-self-hosted"), Backend::Host);
        assert_eq!(backend("linux:docker:node:20"), Backend::Docker { image: "node:20".to_owned() });
        let image = "registry.example:5000/node:20@sha256:0".to_owned();
        assert_eq!(backend(&format!("ubuntu-latest:docker://{image}")), Backend::Docker { image });
        assert_eq!(Label::parse(" a:host ").unwrap().name, "a");
    }

    #[test]
    fn what_is_no_backend_belongs_to_the_name() {
        for (text, name, backend) in [
            ("pool:e57e18d4", "pool:e57e18d4", Backend::Sandbox),
            ("x:unknown://y", "x:unknown://y", Backend::Sandbox),
            ("pool:e57e18d4:host", "pool:e57e18d4", Backend::Host),
            ("with a blank:host", "with a blank", Backend::Host),
        ] {
            assert_eq!(Label::parse(text), Ok(Label { name: name.to_owned(), backend }));
        }
    }

    #[test]
    fn what_is_no_label_is_told_why() {
        for (text, reason) in [
            ("", "no name"),
            (":host", "no name"),
            ("a\tb", "control"),
            ("a,b:host", "comma"),
            ("a:docker", "needs an image"),
            ("a:docker://", "needs an image"),
            ("a:host://x", "takes no image"),
            ("a:b:host:sandbox", "two backends"),
            ("a:", "nothing follows"),
        ] {
            let error = Label::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(text in "\\PC{0,20}(:(host|sandbox|docker://\\PC{0,10}|[a-z:]{0,9}))*") {
            if let Ok(label) = Label::parse(&text) {
                prop_assert_eq!(Label::parse(&label.to_string()), Ok(label));
            }
        }
    }
}
