//! Why a forge did not do it.

/// Why a forge did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// The client could not be made: the machine's TLS or proxy settings are unusable.
    #[error("no client for {url} could be made")]
    Setup {
        /// The repository's page.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The token holds what no token has.
    #[error("the token for {url} is none: it holds characters that no header takes")]
    Token {
        /// The repository's page.
        url: String,
    },
    /// Nobody answered.
    #[error("{url} does not answer")]
    Unreachable {
        /// The repository's page.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It said no.
    #[error("{url} refuses ({status}): {said}")]
    Refused {
        /// The repository's page.
        url: String,
        /// The status.
        status: u16,
        /// Its message, in a line.
        said: String,
    },
}

impl ForgeError {
    /// Whether the fault is in this one thing, such as a commit that the forge does not have, and other calls may work.
    #[must_use]
    pub const fn is_of_this_alone(&self) -> bool {
        matches!(self, Self::Refused { status: 400 | 404 | 409 | 410 | 413 | 422, .. })
    }

    /// Whether the forge refuses, and will until somebody does something about it.
    #[must_use]
    pub const fn is_for_people(&self) -> bool {
        matches!(self, Self::Refused { status: 400..=407 | 409..=428 | 430..=499, .. })
    }

    /// Whether the forge answered that something went wrong in it: it may be away, or stumble over this one thing. Gitea says so of the status of a commit that it does
    /// not have.
    #[must_use]
    pub const fn is_of_the_server(&self) -> bool {
        matches!(self, Self::Refused { status: 500..=599, .. })
    }
}
