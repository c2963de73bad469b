//! Tokens made, rotated, revoked. Called by REST and the pages.

use super::bounds::{no_later, within};
use super::error::IssueError;
use super::last::may_go;
use super::opens::{Registration, UserOpens, kind_words};
use super::person::{Actor, Person, Reach, Rights};
use crate::keys;
use crate::plane::Plane;
use api::Right;
use domain::control::{Expiry, Scope, TokenChange, TokenId, TokenPhase, TokenUse, Uses};
use domain::{Secret, Timestamp};
use std::time::Duration;
use store::{AuditEntry, NewToken, RotationAudit, StoredToken, TokenKind};

/// How long a token that registers lives where nothing is said (`security` R3), and at most.
const REGISTRATION: Duration = Duration::from_mins(15);
const REGISTRATION_MOST: Duration = Duration::from_hours(365 * 24);
/// Names longer than this are none.
const NAME: usize = 100;

/// How long a token lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// As its kind does.
    Usual,
    /// So long.
    For(Duration),
}

/// What every token that is asked for has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// How people will call it.
    pub name: String,
    /// Where it opens.
    pub reach: Reach,
    /// How long.
    pub life: Lifetime,
}

/// A person's token that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserOrder {
    /// What every token has.
    pub order: Order,
    /// What it may do.
    pub rights: Vec<Right>,
}

/// A token for registering that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationOrder {
    /// What every token has.
    pub order: Order,
    /// How many runners it registers.
    pub uses: Uses,
    /// Their pool.
    pub pool: Option<String>,
    /// The labels that they may have; none: any.
    pub labels: Vec<String>,
}

/// A token that was just made.
#[derive(Debug)]
pub struct MadeToken {
    /// Its text, which is said once.
    pub text: Secret,
    /// What is kept of it.
    pub stored: StoredToken,
}

/// The text of a new token.
pub(crate) fn draw(usage: TokenUse) -> Option<Secret> {
    Some(usage.text(keys::random().ok()?))
}

/// Makes a token of a person, which may do no more than who asks for it.
///
/// # Errors
/// When it could do more or live longer, has no name or no right, or the database fails.
pub async fn issue_user(
    plane: &Plane,
    maker: &Person,
    actor: &Actor,
    order: UserOrder,
) -> Result<MadeToken, IssueError> {
    let UserOrder { order, rights } = order;
    if rights.is_empty() {
        return Err(IssueError::Order(format!("a token without rights opens nothing; name some of {}", all_rights())));
    }
    let lacking = rights.iter().find(|right| !maker.rights.hold(**right));
    if let Some(right) = lacking {
        return Err(IssueError::TooMuch { what: format!("the right {right}"), maker: maker.to_string() });
    }
    within(maker, order.reach)?;
    let expires = match order.life {
        Lifetime::Usual => maker.ends,
        Lifetime::For(time) => no_later(maker, Expiry::At(plane.now().after(time)))?,
    };
    let opens = UserOpens { rights: Rights::of(rights).list(), session: None };
    let phase = TokenPhase::live(Uses::Unlimited, expires);
    make(plane, actor, TokenKind::User, &order, phase, &opens).await
}

/// Makes a token that registers runners.
///
/// # Errors
/// When it would reach further or live longer than who asks for it, lives too long, has no name, or the database fails.
pub async fn issue_registration(
    plane: &Plane,
    maker: &Person,
    actor: &Actor,
    order: RegistrationOrder,
) -> Result<MadeToken, IssueError> {
    let RegistrationOrder { order, uses, pool, labels } = order;
    within(maker, order.reach)?;
    let expires = match order.life {
        Lifetime::Usual => Expiry::At(plane.now().after(REGISTRATION)).or_before(maker.ends),
        Lifetime::For(time) if time > REGISTRATION_MOST => {
            return Err(IssueError::Order(
                "a token that registers runners lives a year at most; ask for less".to_owned(),
            ));
        }
        Lifetime::For(time) => no_later(maker, Expiry::At(plane.now().after(time)))?,
    };
    let phase = TokenPhase::live(uses, expires);
    let opens = Registration { pool, labels, seed: None };
    make(plane, actor, TokenKind::Registration, &order, phase, &opens).await
}

/// Puts another token in the place of one; that one opens for a grace still.
///
/// # Errors
/// When there is none that the caller may change, it lives longer than the caller, is dead or rotated already, or signs a runner's calls.
pub async fn rotate(
    plane: &Plane,
    caller: &Person,
    actor: &Actor,
    id: TokenId,
    grace: Duration,
) -> Result<MadeToken, IssueError> {
    let (kind, old) = visible(plane, caller, id).await?;
    let usage = match kind {
        TokenKind::User => TokenUse::User,
        TokenKind::Registration => TokenUse::Registration,
        TokenKind::Runner | TokenKind::Session => return Err(IssueError::Kind(kind_words(kind))),
    };
    if let TokenPhase::Live { expires, .. } = old.phase {
        // Its text would be the caller's, for longer than the caller's own.
        no_later(caller, expires)?;
    }
    let text = draw(usage).ok_or(IssueError::Random)?;
    let mut opens = old.opens.clone();
    // The new one's text is its own.
    if let Some(opens) = opens.as_object_mut() {
        opens.remove("seed");
    }
    let new = NewToken {
        kind,
        hash: plane.keys.hash(&text),
        name: old.name.clone(),
        opens,
        scope: old.scope,
        phase: old.phase,
        by: actor.name.clone(),
    };
    let object = format!("token {id} ({})", old.name);
    let detail = serde_json::json!({"grace_s": grace.as_secs()});
    let made = actor.did(
        "token.make",
        format!("token {} ({})", AuditEntry::NEW, old.name),
        serde_json::json!({"in_place_of": id.0}),
    );
    let audit = RotationAudit { made, rotated: actor.did("token.rotate", object, detail) };
    let now = plane.now();
    let (made, phase) = plane.store.rotate_token(id, grace, &new, now, &audit).await?;
    plane.access.forget(id);
    Ok(MadeToken { text, stored: stored(made, &NewToken { phase, ..new }, now) })
}

/// Revokes a token: from now on here, and within five seconds everywhere, it opens nothing.
///
/// # Errors
/// When there is none that the caller may change, it is the last one that may do everything, or the database fails.
pub async fn revoke(
    plane: &Plane,
    caller: &Person,
    actor: &Actor,
    id: TokenId,
) -> Result<(TokenKind, StoredToken), IssueError> {
    let (kind, mut token) = visible(plane, caller, id).await?;
    let object = format!("token {id} ({})", token.name);
    let detail = serde_json::json!({"kind": kind_words(kind)});
    let audit = actor.did("token.revoke", object, detail);
    let (store, now) = (&plane.store, plane.now());
    token.phase = match kind {
        TokenKind::User => store.revoke_token(id, may_go, now, &audit).await?,
        TokenKind::Registration | TokenKind::Runner | TokenKind::Session => {
            store.change_token(id, TokenChange::Revoked, now, &audit).await?
        }
    };
    plane.access.forget(id);
    Ok((kind, token))
}

/// A token that a caller may change: within its scope, and its own rights hold the token's.
async fn visible(plane: &Plane, caller: &Person, id: TokenId) -> Result<(TokenKind, StoredToken), IssueError> {
    let Some((kind, token)) = plane.store.token_by_id(id).await? else { return Err(IssueError::Missing(id.0)) };
    let reach = reach_of(plane, token.scope).await?;
    let holds = UserOpens::of(&token).rights.into_iter().all(|right| caller.rights.hold(right));
    if holds && reach.is_within(caller.scope) { Ok((kind, token)) } else { Err(IssueError::Missing(id.0)) }
}

/// What a scope is about.
pub(crate) async fn reach_of(plane: &Plane, scope: Scope) -> Result<Reach, store::StoreError> {
    Ok(match scope {
        Scope::Instance => Reach::Instance,
        Scope::Owner(owner) => Reach::Owner(owner),
        Scope::Repository(project) => Reach::Project(plane.store.project_by_id(project).await?.owner_id, project),
    })
}

pub(super) async fn make(
    plane: &Plane,
    actor: &Actor,
    kind: TokenKind,
    order: &Order,
    phase: TokenPhase,
    opens: &impl serde::Serialize,
) -> Result<MadeToken, IssueError> {
    let usage = match kind {
        TokenKind::Registration => TokenUse::Registration,
        TokenKind::Runner => TokenUse::Runner,
        TokenKind::User | TokenKind::Session => TokenUse::User,
    };
    let text = draw(usage).ok_or(IssueError::Random)?;
    keep(plane, actor, kind, order, phase, opens, text).await
}

/// Keeps a token of a text.
pub(super) async fn keep(
    plane: &Plane,
    actor: &Actor,
    kind: TokenKind,
    order: &Order,
    phase: TokenPhase,
    opens: &impl serde::Serialize,
    text: Secret,
) -> Result<MadeToken, IssueError> {
    let name = order.name.trim();
    if name.is_empty() || name.chars().count() > NAME || name.chars().any(char::is_control) {
        return Err(IssueError::Order(format!(
            "a token needs a name of at most {NAME} characters; say what it is for"
        )));
    }
    let opens = serde_json::to_value(opens).map_err(|error| IssueError::Order(error.to_string()))?;
    let new = NewToken {
        kind,
        hash: plane.keys.hash(&text),
        name: name.to_owned(),
        opens: opens.clone(),
        scope: order.reach.scope(),
        phase,
        by: actor.name.clone(),
    };
    let mut shown = opens;
    if let Some(shown) = shown.as_object_mut() {
        shown.remove("seed");
    }
    let detail = serde_json::json!({"kind": kind_words(kind), "opens": shown, "scope": new.scope});
    let now = plane.now();
    let id = plane
        .store
        .add_token(&new, now, &actor.did("token.make", format!("token {} ({name})", AuditEntry::NEW), detail))
        .await?;
    Ok(MadeToken { text, stored: stored(id, &new, now) })
}

fn stored(id: TokenId, new: &NewToken, now: Timestamp) -> StoredToken {
    StoredToken {
        id,
        name: new.name.clone(),
        opens: new.opens.clone(),
        scope: new.scope,
        runner: None,
        phase: new.phase,
        by: new.by.clone(),
        created: now,
        used: None,
    }
}

fn all_rights() -> String {
    Right::ALL.map(Right::word).join(", ")
}
