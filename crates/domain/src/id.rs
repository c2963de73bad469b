//! Identifiers as types of their own.

use serde::{Deserialize, Serialize};

/// The text is not an id: `[A-Za-z_][A-Za-z0-9_-]*`, shorter than 100 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is not a valid id: it must start with a letter or '_', hold only letters, digits, '-' and '_', and have fewer than 100 characters"
)]
pub struct InvalidId {
    text: String,
}

fn is_id(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() < 100
        && bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// A job as the run knows it, unique within the run: the id of the workflow file, with the caller's before it
/// (`call / build`) for a job of a reusable workflow, and the configuration behind it (`build (linux, 20)`) for a cell of a matrix.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    /// An id made by the planner, which guarantees that it is unique in its run.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for JobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a step within its job or composite action: given, or generated (`__run`, `__actions_checkout`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(String);

impl StepId {
    /// Checks the form of an id; generated ones pass too.
    ///
    /// # Errors
    /// When the text has not the form of an id.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if is_id(text) { Ok(Self(text.to_owned())) } else { Err(InvalidId { text: text.to_owned() }) }
    }

    /// An id made by the planner, which keeps to the form.
    #[must_use]
    pub fn generated(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the planner made this id up; outputs of such a step are not visible in the `steps` context.
    #[must_use]
    pub fn is_generated(&self) -> bool {
        self.0.starts_with("__")
    }
}

impl std::fmt::Display for StepId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::StepId;

    #[test]
    fn ids_have_the_form_of_the_reference() {
        for good in ["a", "_a-1", "__run"] {
            assert!(StepId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "1a", "a b", "é", &"a".repeat(100)] {
            assert!(StepId::parse(bad).is_err(), "{bad}");
        }
    }
}
