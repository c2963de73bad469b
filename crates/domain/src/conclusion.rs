//! How a step, a job or a run ended. Used by the engine, `workflow::run`, the store and every view.

use serde::{Deserialize, Serialize};

/// The final result, after `continue-on-error` was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conclusion {
    /// It did what it should.
    Success,
    /// It did not.
    Failure,
    /// It was stopped before its end.
    Cancelled,
    /// Its condition was false, or what it needs did not happen.
    Skipped,
}

/// The result of a step before `continue-on-error` was applied (`steps.<id>.outcome`).
pub type Outcome = Conclusion;

impl Conclusion {
    /// The word that contexts, summaries and APIs use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    /// Merges a step's conclusion into a job's status: it only gets worse, and a cancellation sticks
    /// (`execution-semantics` 3.7; skipped steps change nothing).
    #[must_use]
    pub const fn merge(self, step: Self) -> Self {
        match (self, step) {
            (Self::Cancelled, _) | (_, Self::Cancelled) => Self::Cancelled,
            (Self::Failure, _) | (_, Self::Failure) => Self::Failure,
            (status, _) => status,
        }
    }
}

impl std::fmt::Display for Conclusion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Conclusion::{Cancelled, Failure, Skipped, Success};

    #[test]
    fn a_status_only_gets_worse_and_cancellation_sticks() {
        assert_eq!(Success.merge(Skipped), Success);
        assert_eq!(Success.merge(Failure), Failure);
        assert_eq!(Failure.merge(Success), Failure);
        assert_eq!(Failure.merge(Cancelled), Cancelled);
        assert_eq!(Cancelled.merge(Failure), Cancelled);
    }
}
