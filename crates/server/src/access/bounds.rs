//! What somebody may give to a token that they make: no more than they have, and no longer. Called by `issue`.

use super::error::IssueError;
use super::person::{Person, Reach};
use domain::control::Expiry;

/// Nobody gives what lies outside of their scope.
pub(super) fn within(maker: &Person, reach: Reach) -> Result<(), IssueError> {
    if reach.is_within(maker.scope) {
        return Ok(());
    }
    Err(IssueError::TooMuch { what: "a scope that reaches further".to_owned(), maker: maker.to_string() })
}

/// Whoever has a token until then makes none that opens longer.
pub(super) fn no_later(maker: &Person, expires: Expiry) -> Result<Expiry, IssueError> {
    match maker.ends {
        Expiry::At(end) if expires.is_after(maker.ends) => {
            Err(IssueError::Outlives { maker: maker.to_string(), end: api::when::text(end) })
        }
        Expiry::At(_) | Expiry::Never => Ok(expires),
    }
}
