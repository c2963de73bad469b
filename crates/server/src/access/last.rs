//! The last token that may do everything is not revoked: nobody could make another. Called by `issue`.

use super::error::IssueError;
use super::opens::UserOpens;
use crate::plane::Plane;
use api::Right;
use domain::Timestamp;
use domain::control::{Scope, TokenPhase};
use store::{StoredToken, TokenKind};

/// Refuses to let go of the last one.
pub(super) async fn keeps_one(plane: &Plane, kind: TokenKind, token: &StoredToken) -> Result<(), IssueError> {
    let now = plane.now();
    if kind != TokenKind::User || !may_all(token, now) {
        return Ok(());
    }
    let others = plane.store.tokens(TokenKind::User).await?;
    if others.iter().any(|other| other.id != token.id && may_all(other, now)) {
        return Ok(());
    }
    Err(IssueError::Last)
}

fn may_all(token: &StoredToken, now: Timestamp) -> bool {
    token.scope == Scope::Instance
        && matches!(token.phase.at(now), TokenPhase::Live { .. })
        && UserOpens::of(token).rights.contains(&Right::Admin)
}
