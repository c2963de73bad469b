//! The registration token of a scope that is said again and again, as with Gitea. Called by REST.
//!
//! Gitea keeps it as text; here only a hash is kept, and the text is drawn again from the master key and a salt that the database has. A copy of the
//! database alone registers nobody.

use super::error::IssueError;
use super::issue::{Lifetime, MadeToken, Order, keep};
use super::opens::{Registration, Seed};
use super::person::{Actor, Person, Reach};
use crate::keys;
use crate::plane::Plane;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::control::{Expiry, TokenPhase, TokenUse, Uses};
use std::time::Duration;
use store::TokenKind;

/// So long one lives; Gitea's lives for ever.
const LIFE: Duration = Duration::from_hours(2);
/// It is said again as long as it lives so long still.
const LEFT: Duration = Duration::from_hours(1);

/// The token that registers any number of runners of a scope, for an hour at least, or as long as the token of who asks lives.
///
/// # Errors
/// When the system gives no random numbers or the database fails.
pub async fn current_registration(
    plane: &Plane,
    person: &Person,
    actor: &Actor,
    reach: Reach,
) -> Result<MadeToken, IssueError> {
    let least = Expiry::At(plane.now().after(LEFT)).or_before(person.ends);
    for stored in plane.store.tokens(TokenKind::Registration).await? {
        let TokenPhase::Live { uses: Uses::Unlimited, expires: end @ Expiry::At(_) } = stored.phase else { continue };
        if stored.scope != reach.scope() || least.is_after(end) || end.is_after(person.ends) {
            continue;
        }
        let registration = Registration::of(&stored);
        let text =
            registration.seed.and_then(|seed| plane.keys.drawn(seed.key, seed.salt.as_bytes(), TokenUse::Registration));
        if let Some(text) = text {
            return Ok(MadeToken { text, stored });
        }
    }
    let salt = STANDARD.encode(keys::random().map_err(|_| IssueError::Random)?);
    let seed = Seed { key: plane.keys.number(), salt };
    let text = plane.keys.drawn(seed.key, seed.salt.as_bytes(), TokenUse::Registration).ok_or(IssueError::Random)?;
    let order = Order { name: format!("registration for {}", person.name), reach, life: Lifetime::Usual };
    let expires = Expiry::At(plane.now().after(LIFE)).or_before(person.ends);
    let phase = TokenPhase::live(Uses::Unlimited, expires);
    let opens = Registration { seed: Some(seed), ..Registration::default() };
    keep(plane, actor, TokenKind::Registration, &order, phase, &opens, text).await
}
