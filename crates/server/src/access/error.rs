//! Why somebody may not do something, and why a token could not be made.

use api::Right;
use domain::control::{NoToken, TokenRefusal};
use store::StoreError;

/// Why somebody may not.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// Nobody was shown.
    #[error("this needs a token")]
    NoToken,
    /// What was shown is no token, or has a slip.
    #[error(transparent)]
    Form(#[from] NoToken),
    /// It is a token for something else.
    #[error("this is a token that {0}, not one of a person")]
    Kind(&'static str),
    /// It is none of this server.
    #[error("this token is not known here")]
    Unknown,
    /// It opens nothing any more.
    #[error(transparent)]
    Dead(TokenRefusal),
    /// Too many wrong tokens came from there.
    #[error("too many wrong tokens came from there")]
    TooMany {
        /// After so many seconds again.
        seconds: u64,
    },
    /// It may not do this.
    #[error("{person} may not do this: it lacks the right {needs}")]
    Right {
        /// Who.
        person: String,
        /// What it lacks.
        needs: Right,
    },
    /// It reaches less than this.
    #[error("{person} does not reach the whole instance")]
    Reach {
        /// Who.
        person: String,
    },
    /// There is no such thing, or none that the token reaches: which of the two is not said.
    #[error("there is no {what} {name}, or the token does not reach it")]
    Missing {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a token was not made, rotated or revoked.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// What is asked for makes no sense.
    #[error("{0}")]
    Order(String),
    /// Its maker may not do as much.
    #[error("the token cannot have {what}: {maker} has it not")]
    TooMuch {
        /// What.
        what: String,
        /// Who makes it.
        maker: String,
    },
    /// Its maker ends before.
    #[error(
        "the token cannot live longer than {maker}, which ends at {end}; ask for less, or make it with one that lives longer"
    )]
    Outlives {
        /// Who makes it.
        maker: String,
        /// When that one ends.
        end: String,
    },
    /// There is no such token, or none that the caller may see.
    #[error("there is no token {0} that yours may change")]
    Missing(i64),
    /// Tokens of this kind are not rotated here.
    #[error("a token that {0} is not rotated here")]
    Kind(&'static str),
    /// Nobody could do everything any more.
    #[error("this is the last token that may do everything and does not expire; make another such one first")]
    Last,
    /// Its life does not allow it.
    #[error(transparent)]
    Life(#[from] TokenRefusal),
    /// No random numbers, or no key.
    #[error("the system gives no random numbers")]
    Random,
    /// The database failed.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for IssueError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Token(refusal) => Self::Life(refusal),
            StoreError::Last => Self::Last,
            other => Self::Store(other),
        }
    }
}
