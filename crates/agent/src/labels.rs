//! All labels of a runner together: what a list of them means, and what about it people should know. Called by registration, start and import.

use crate::{Backend, InvalidLabel, Label};

/// Labels that fit together, and what is to be said about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// In the order given, each name once.
    pub labels: Vec<Label>,
    /// What people should know.
    pub notes: Vec<LabelNote>,
}

/// Something that people should know about a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelNote {
    /// The colon belongs to the name; it may be a slip.
    Opaque {
        /// The whole name.
        name: String,
        /// The backend that was probably meant.
        meant: Option<&'static str>,
    },
}

impl std::fmt::Display for LabelNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Opaque { name, meant } => {
                write!(f, "the label '{name}' is a name as it stands, for what follows its colon is no backend")?;
                match meant {
                    Some(meant) => {
                        write!(f, "; did you mean '{}:{meant}'?", name.split(':').next().unwrap_or_default())
                    }
                    None => Ok(()),
                }
            }
        }
    }
}

/// The labels do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelsError {
    /// One of them is none.
    #[error(transparent)]
    Invalid(#[from] InvalidLabel),
    /// One name with two backends.
    #[error(
        "the label '{name}' is there twice: '{first}' and '{second}'; a job that asks for it can run in one place only, so remove one"
    )]
    Twice {
        /// The name.
        name: String,
        /// As it stands first.
        first: String,
        /// As it stands then.
        second: String,
    },
    /// There is none.
    #[error(
        "there is no label; a runner without labels gets no jobs: give those that workflows write in runs-on, such as linux"
    )]
    None,
}

impl Labels {
    /// Reads a list. Empty items, as a comma at the end leaves them, are none; the same label twice is one.
    ///
    /// # Errors
    /// When one is no label, one name has two backends, or there is none at all.
    pub fn read<T: AsRef<str>>(texts: &[T]) -> Result<Self, LabelsError> {
        let (mut labels, mut notes): (Vec<Label>, _) = (Vec::new(), Vec::new());
        for text in texts.iter().map(AsRef::as_ref).filter(|text| !text.trim().is_empty()) {
            let label = Label::parse(text)?;
            match labels.iter().find(|known| known.name == label.name) {
                Some(known) if *known == label => continue,
                Some(known) => {
                    return Err(LabelsError::Twice {
                        name: label.name.clone(),
                        first: known.to_string(),
                        second: label.to_string(),
                    });
                }
                None => {}
            }
            if let Some((_, after)) = label.name.split_once(':') {
                notes.push(LabelNote::Opaque { name: label.name.clone(), meant: meant(after) });
            }
            labels.push(label);
        }
        if labels.is_empty() { Err(LabelsError::None) } else { Ok(Self { labels, notes }) }
    }

    /// The first label that wants a container.
    #[must_use]
    pub fn container(&self) -> Option<&Label> {
        self.labels.iter().find(|label| matches!(label.backend, Backend::Docker { .. }))
    }
}

/// The backend whose letters these nearly are.
fn meant(after: &str) -> Option<&'static str> {
    let word = after.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let sorted = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters
    };
    // Swapped, dropped or doubled letters.
    let near = |backend: &&str| {
        let (have, want) = (sorted(&word), sorted(backend));
        let missing = want.iter().filter(|letter| !have.contains(letter)).count();
        have.len().abs_diff(want.len()) <= 1 && missing <= 1
    };
    ["host", "docker", "sandbox"].into_iter().find(near).map(|backend| match backend {
        "docker" => "docker://IMAGE",
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::{LabelNote, Labels, LabelsError};

    #[test]
    fn a_list_is_read_with_its_slips() {
        let read = Labels::read(&["linux", "", " linux ", "gpu:hots", "pool:e57e18d4"]).unwrap();
        assert_eq!(
            read.labels.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["linux", "gpu:hots", "pool:e57e18d4"]
        );
        let opaque = |name: &str, meant| LabelNote::Opaque { name: name.to_owned(), meant };
        assert_eq!(read.notes, [opaque("gpu:hots", Some("host")), opaque("pool:e57e18d4", None)]);
        assert!(read.notes[0].to_string().ends_with("did you mean 'gpu:host'?"));
        assert!(read.container().is_none());
        assert!(Labels::read(&["a", "b:docker://node:20"]).unwrap().container().is_some());
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        assert!(matches!(Labels::read(&["a", "a:host"]), Err(LabelsError::Twice { .. })));
        assert_eq!(Labels::read(&["", " "]), Err(LabelsError::None));
        assert!(matches!(Labels::read(&["a:"]), Err(LabelsError::Invalid(_))));
    }
}
