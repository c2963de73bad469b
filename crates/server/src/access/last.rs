//! The last token that may do everything is not revoked: nobody could make another. Called by `issue`, and by the store within the transaction that
//! revokes.

use super::opens::UserOpens;
use api::Right;
use domain::Timestamp;
use domain::control::{Expiry, Scope, TokenPhase, Uses};
use store::StoredToken;

/// Whether a token may go: another one that may do everything is left, and one that lasts if this one does.
pub(super) fn may_go(token: &StoredToken, others: &[StoredToken], now: Timestamp) -> bool {
    if lasts(token) {
        others.iter().any(lasts)
    } else {
        !may_all(token, now) || others.iter().any(|other| may_all(other, now))
    }
}

/// It may do everything, and time alone takes it from nobody.
fn lasts(token: &StoredToken) -> bool {
    let is_lasting = matches!(token.phase, TokenPhase::Live { uses: Uses::Unlimited, expires: Expiry::Never });
    is_lasting && opens_all(token)
}

fn may_all(token: &StoredToken, now: Timestamp) -> bool {
    matches!(token.phase.at(now), TokenPhase::Live { .. }) && opens_all(token)
}

fn opens_all(token: &StoredToken) -> bool {
    token.scope == Scope::Instance && UserOpens::of(token).rights.contains(&Right::Admin)
}
