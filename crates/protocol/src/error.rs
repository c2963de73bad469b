//! Why a call failed, in the words that an agent acts by; and how a server says no.

use std::time::Duration;

/// The codes of Connect: what a server says beside its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// 499.
    Canceled,
    /// 500, and whatever has no name.
    Unknown,
    /// 400.
    InvalidArgument,
    /// 504.
    DeadlineExceeded,
    /// 404.
    NotFound,
    /// 409.
    AlreadyExists,
    /// 403.
    PermissionDenied,
    /// 429.
    ResourceExhausted,
    /// 400.
    FailedPrecondition,
    /// 409.
    Aborted,
    /// 400.
    OutOfRange,
    /// 501; a client reads a bare 404 so too.
    Unimplemented,
    /// 500.
    Internal,
    /// 503.
    Unavailable,
    /// 500.
    DataLoss,
    /// 401.
    Unauthenticated,
}

/// How a server refuses a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Which kind.
    pub code: Code,
    /// What people read.
    pub message: String,
}

impl Refusal {
    /// A refusal of a kind.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Why a call of a client did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The key or the registration token is not good, and will not become good.
    #[error("{url} does not accept these credentials ({message}); register this runner again")]
    Credentials {
        /// The instance.
        url: String,
        /// What it said.
        message: String,
    },
    /// The forge has no such method: it is older, or Actions are switched off, or the URL is not an instance.
    #[error(
        "{url} does not know the call {method} ({message}); check the URL, that Actions are enabled there, and its version"
    )]
    Unsupported {
        /// The instance.
        url: String,
        /// Which call.
        method: &'static str,
        /// What it said.
        message: String,
    },
    /// The log was filed away; rows that come now are refused for ever.
    #[error("{url} has filed the log of this task away ({message}); its last rows are kept on this machine only")]
    LogClosed {
        /// The instance.
        url: String,
        /// What it said.
        message: String,
    },
    /// A proxy before the forge, or the forge, takes no body of this size (413). A smaller one may pass.
    #[error("{url} takes no {method} of this size ({message}); raise the limit of the proxy before it")]
    TooLarge {
        /// The instance.
        url: String,
        /// Which call.
        method: &'static str,
        /// What it said.
        message: String,
    },
    /// The forge understood and refused.
    #[error("{url} refused {method}: {refusal}")]
    Refused {
        /// The instance.
        url: String,
        /// Which call.
        method: &'static str,
        /// Code and message.
        #[source]
        refusal: Refusal,
    },
    /// Nobody answered, or a proxy before the forge did, or the forge failed. Repeating may help.
    #[error("{url} cannot be reached for {method}: {message}")]
    Unavailable {
        /// The instance.
        url: String,
        /// Which call.
        method: &'static str,
        /// What was seen.
        message: String,
    },
    /// No whole answer in time. The forge may have done what was asked.
    #[error("{url} did not answer {method} within {after:?}")]
    TimedOut {
        /// The instance.
        url: String,
        /// Which call.
        method: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// An answer came that cannot be read: cut off, or not of this protocol. The forge may have done what was asked.
    #[error("{url} answered {method} with something that is not the runner protocol: {message}")]
    Garbled {
        /// The instance.
        url: String,
        /// Which call.
        method: &'static str,
        /// What was seen.
        message: String,
    },
}

/// What to do after a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Again, later, with the same content.
    Retry,
    /// Not again: the answer will be the same.
    GiveUp,
    /// Nothing of this runner will be accepted any more.
    Stop,
}

impl CallError {
    /// What to do now.
    #[must_use]
    pub const fn advice(&self) -> Advice {
        match self {
            Self::Credentials { .. } => Advice::Stop,
            Self::Unsupported { .. } | Self::LogClosed { .. } => Advice::GiveUp,
            // Too large a body: with less in it.
            Self::Unavailable { .. } | Self::TimedOut { .. } | Self::Garbled { .. } | Self::TooLarge { .. } => {
                Advice::Retry
            }
            Self::Refused { refusal, .. } => match refusal.code {
                // Gitea says `unknown` for everything, faults of the moment among them.
                Code::Unknown | Code::Internal | Code::Aborted | Code::ResourceExhausted | Code::Canceled => {
                    Advice::Retry
                }
                Code::DeadlineExceeded | Code::Unavailable | Code::DataLoss => Advice::Retry,
                Code::InvalidArgument
                | Code::NotFound
                | Code::AlreadyExists
                | Code::PermissionDenied
                | Code::FailedPrecondition
                | Code::OutOfRange
                | Code::Unimplemented
                | Code::Unauthenticated => Advice::GiveUp,
            },
        }
    }
}

/// A client cannot be made from these settings.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not a URL of an instance.
    #[error("'{url}' is not the URL of an instance: {reason}; give it as https://forge.example.org")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The certificates cannot be read.
    #[error("the certificate authority is not PEM: {0}; give a file with BEGIN CERTIFICATE blocks")]
    Authority(#[source] reqwest::Error),
    /// TLS or the proxy settings are at fault.
    #[error("the HTTP client cannot be set up: {0}; check the proxy variables and the system's certificates")]
    Setup(#[source] reqwest::Error),
}
