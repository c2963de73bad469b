//! The two calls of a report as futures, and what their faults mean. Called by `reporter`.

use super::settings::ReportSettings;
use domain::TaskState;
use protocol::{Advice, CallError, PackedBatch, Report, Reported, quirks};
use std::collections::BTreeMap;
use std::pin::Pin;

/// A call under way.
pub(super) type Call<T> = Pin<Box<dyn Future<Output = Result<T, CallError>> + Send>>;

pub(super) fn rows(settings: &ReportSettings, batch: PackedBatch) -> Call<u64> {
    let (client, key) = (settings.client.clone(), settings.key.clone());
    Box::pin(async move { client.log_packed(&key, batch).await })
}

pub(super) fn state(settings: &ReportSettings, state: TaskState, outputs: BTreeMap<String, String>) -> Call<Reported> {
    let (client, key) = (settings.client.with_timeout(settings.timing.state_timeout), settings.key.clone());
    Box::pin(async move { client.report(&key, Report { state, outputs }).await })
}

/// What a fault of a call means for the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nobody answered in the words of the protocol. Later it may go.
    Away(String),
    /// The forge answered, and refused. Later it may go.
    Unwilling(String),
    /// The body is too large.
    TooLarge(String),
    /// The log was filed away.
    Filed(String),
    /// The key is not good. Believed when it is said more than once.
    Stranger(String),
    /// The task is not this runner's, or is gone.
    Gone(String),
}

impl Fault {
    pub(super) fn of(error: &CallError) -> Self {
        let message = error.to_string();
        match error {
            CallError::Credentials { .. } => Self::Stranger(message),
            CallError::LogClosed { .. } => Self::Filed(message),
            CallError::TooLarge { .. } => Self::TooLarge(message),
            CallError::Refused { refusal, .. } if quirks::is_task_gone(refusal) => Self::Gone(message),
            CallError::Refused { .. } | CallError::Unsupported { .. } => Self::Unwilling(message),
            CallError::Unavailable { .. } | CallError::TimedOut { .. } | CallError::Garbled { .. } => {
                debug_assert_eq!(error.advice(), Advice::Retry);
                Self::Away(message)
            }
        }
    }

    pub(super) fn message(self) -> String {
        match self {
            Self::Away(message)
            | Self::Unwilling(message)
            | Self::TooLarge(message)
            | Self::Filed(message)
            | Self::Stranger(message)
            | Self::Gone(message) => message,
        }
    }
}
