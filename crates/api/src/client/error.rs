//! Why a call of the client did nothing.

use crate::fault::Fault;

/// Why a call did nothing, or nothing that is known.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server's URL is none.
    #[error(
        "'{url}' is no address of a server: {reason}; give http://HOST:PORT or https://HOST, with a path where it has one"
    )]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The token cannot be sent.
    #[error("the token holds characters that no token has; copy it again, whole")]
    Token,
    /// The machine's TLS or proxy settings, or the given certificates, are unusable.
    #[error("could not set up calls to the server")]
    Setup(#[source] reqwest::Error),
    /// Nobody answered, or not to the end.
    #[error("could not {did}: {url} does not answer; is the server running there? (`ekiden server`, `ekiden up`)")]
    Unreachable {
        /// What was to be done.
        did: String,
        /// The server.
        url: String,
        /// What was seen.
        #[source]
        source: reqwest::Error,
    },
    /// The server said no.
    #[error("could not {did}: {}{}", fault.message, Fix(fault.fix.as_deref()))]
    Refused {
        /// What was to be done.
        did: String,
        /// The status of the answer.
        status: u16,
        /// What it said.
        fault: Fault,
    },
    /// The answer is not in the shape of this version.
    #[error("could not {did}: {url} answers in another shape; is it a server of ekiden?")]
    Shape {
        /// What was to be done.
        did: String,
        /// The server.
        url: String,
        /// What was seen.
        #[source]
        source: serde_json::Error,
    },
}

struct Fix<'a>(Option<&'a str>);

impl std::fmt::Display for Fix<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |fix| write!(f, "; {fix}"))
    }
}

/// The kinds of faults that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// What was asked for cannot be: a wrong name, a state that does not allow it.
    Request,
    /// The token opens nothing, or not this.
    Auth,
    /// There is no such thing.
    Missing,
    /// The server cannot be reached.
    Unreachable,
    /// The server failed.
    Server,
}

impl ClientError {
    /// Of which kind it is.
    #[must_use]
    pub const fn kind(&self) -> FaultKind {
        match self {
            Self::Refused { status: 401 | 403, .. } | Self::Token => FaultKind::Auth,
            Self::Refused { status: 404, .. } => FaultKind::Missing,
            Self::Refused { status: 502..=504, .. } | Self::Unreachable { .. } => FaultKind::Unreachable,
            Self::Refused { status: 500.., .. } | Self::Shape { .. } => FaultKind::Server,
            Self::Refused { .. } | Self::Url { .. } | Self::Setup(_) => FaultKind::Request,
        }
    }
}
