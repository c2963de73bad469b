//! Sessions of the pages: a person's token is shown once, by form or by a link that works once; then a cookie holds a token that opens the pages
//! alone. Called by the pages and by `up`.
//!
//! Rule: `security` R89. A session ends after two hours without a call, after twelve in any case, and with the token that began it.

use super::error::{Denied, IssueError};
use super::gate::{find, note_use};
use super::issue::{Lifetime, MadeToken, Order, make, reach_of};
use super::opens::{SessionUse, UserOpens};
use super::person::{Actor, Person};
use crate::plane::Plane;
use domain::Secret;
use domain::control::{Expiry, TokenChange, TokenId, TokenPhase, TokenUse, Uses};
use std::num::NonZeroU32;
use std::time::Duration;
use store::TokenKind;

const LINK: Duration = Duration::from_mins(10);
const WHOLE: Duration = Duration::from_hours(12);
const IDLE: Duration = Duration::from_hours(2);

/// Makes the text of a link that begins a session of a person, once, within ten minutes.
///
/// # Errors
/// When the system gives no random numbers or the database fails.
pub async fn make_link(plane: &Plane, person: &Person, actor: &Actor) -> Result<Secret, IssueError> {
    let uses = Uses::Left(NonZeroU32::MIN);
    Ok(made(plane, person, actor, SessionUse::Link { token: person.token.0 }, uses, LINK).await?.text)
}

/// Begins a session of a person who showed a token. The text belongs into a cookie.
///
/// # Errors
/// When the system gives no random numbers or the database fails.
pub async fn open_session(plane: &Plane, person: &Person, actor: &Actor) -> Result<Secret, IssueError> {
    Ok(made(plane, person, actor, SessionUse::Page { token: person.token.0 }, Uses::Unlimited, WHOLE).await?.text)
}

/// Begins the session of a link. Of many who use it at the same time one gets a session.
///
/// # Errors
/// When the link was used, is too old, or is none.
pub async fn use_link(plane: &Plane, link: &Secret, actor: &Actor) -> Result<(Person, Secret), Denied> {
    let token = look(plane, link).await?;
    let Some(SessionUse::Link { token: behind }) = token.1.session else { return Err(Denied::Unknown) };
    let (id, person) = (token.0, token.2);
    let audit = actor.did("session.link", format!("token {behind} ({})", person.name), serde_json::Value::Null);
    plane.store.change_token(id, TokenChange::Used, plane.now(), &audit).await.map_err(|error| match error {
        store::StoreError::Token(refusal) => Denied::Dead(refusal),
        other => Denied::Store(other),
    })?;
    let person = Person { token: TokenId(behind), ..person };
    let session = open_session(plane, &person, actor).await.map_err(|error| match error {
        IssueError::Store(error) => Denied::Store(error),
        _ => Denied::Unknown,
    })?;
    Ok((person, session))
}

/// Whose session a cookie is.
///
/// # Errors
/// When it is none, it is over, or the token that began it opens nothing any more.
pub async fn session(plane: &Plane, cookie: &Secret) -> Result<Person, Denied> {
    let (_, opens, person) = look(plane, cookie).await?;
    let Some(SessionUse::Page { token }) = opens.session else { return Err(Denied::Unknown) };
    Ok(Person { token: TokenId(token), ..person })
}

/// Ends a session. It is no fault when it is over.
///
/// # Errors
/// When the database fails.
pub async fn close_session(plane: &Plane, cookie: &Secret, actor: &Actor) -> Result<(), Denied> {
    let Some(stored) = find(plane, TokenKind::Session, cookie).await? else { return Ok(()) };
    let audit = actor.did("session.end", format!("token {} ({})", stored.id, stored.name), serde_json::Value::Null);
    plane.store.change_token(stored.id, TokenChange::Revoked, plane.now(), &audit).await?;
    Ok(())
}

async fn look(plane: &Plane, text: &Secret) -> Result<(TokenId, UserOpens, Person), Denied> {
    if TokenUse::of(text.expose())? != TokenUse::User {
        return Err(Denied::Unknown);
    }
    let stored = find(plane, TokenKind::Session, text).await?.ok_or(Denied::Unknown)?;
    let now = plane.now();
    stored.phase.opens(now).map_err(Denied::Dead)?;
    if now.since(stored.used.unwrap_or(stored.created)) > IDLE {
        return Err(Denied::Dead(domain::control::TokenRefusal::Dead(domain::control::DeathCause::Expired)));
    }
    let opens = UserOpens::of(&stored);
    let Some(SessionUse::Link { token } | SessionUse::Page { token }) = opens.session else {
        return Err(Denied::Unknown);
    };
    // The session does what its token still may.
    let Some((TokenKind::User, behind)) = plane.store.token_by_id(TokenId(token)).await? else {
        return Err(Denied::Unknown);
    };
    behind.phase.opens(now).map_err(Denied::Dead)?;
    note_use(plane, &stored);
    let person = UserOpens::of(&behind).person(&behind);
    Ok((stored.id, opens, person))
}

async fn made(
    plane: &Plane,
    person: &Person,
    actor: &Actor,
    session: SessionUse,
    uses: Uses,
    life: Duration,
) -> Result<MadeToken, IssueError> {
    let reach = reach_of(plane, person.scope).await?;
    let order = Order { name: format!("session of {}", person.name), reach, life: Lifetime::For(life) };
    let phase = TokenPhase::live(uses, Expiry::At(plane.now().after(life)));
    let opens = UserOpens { rights: Vec::new(), session: Some(session) };
    make(plane, actor, TokenKind::Session, &order, phase, &opens).await
}
