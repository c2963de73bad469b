//! Tokens: listed, made, rotated, revoked. Ours.

use super::body::Body;
use super::caller::Caller;
use super::fault::RestFault;
use super::guard::Need;
use super::query::Query;
use super::reply;
use super::route::{Route, delete, get, post};
use super::runners::grace;
use super::runs::{Params, number};
use super::shape;
use crate::access::{
    Lifetime, MadeToken, Order, Reach, RegistrationOrder, UserOrder, issue_registration, issue_user, quoted_label,
    reach_of, revoke, rotate, sound_label,
};
use crate::plane::Plane;
use api::{PageQuery, Place, Right, TokenQuery};
use axum::extract::{Path, State};
use axum::response::Response;
use domain::control::{TokenId, Uses};
use std::num::NonZeroU32;
use std::time::Duration;
use store::{StoreError, TokenKind};

pub(super) fn routes() -> Vec<Route> {
    let own = Need::Own(Right::WriteTokens);
    vec![
        get("/tokens", own, "List tokens of a kind within the token's scope (ours)")
            .query::<TokenQuery>()
            .query::<PageQuery>()
            .gives::<api::TokenList>(200)
            .by(list),
        post(
            "/tokens",
            Need::Token,
            "Make a token: of a person with write:tokens, one that registers with write:runners (ours)",
        )
        .takes::<api::NewToken>()
        .gives::<api::MadeToken>(201)
        .by(make),
        post(
            "/tokens/{token}/rotate",
            own,
            "Put another token in the place of one, which opens for a grace still (ours)",
        )
        .takes::<api::RotateToken>()
        .gives::<api::MadeToken>(201)
        .by(rotated),
        delete("/tokens/{token}", own, "Revoke a token: within five seconds it opens nothing (ours)")
            .gives::<api::Token>(200)
            .by(revoked),
    ]
}

async fn list(State(plane): State<Plane>, caller: Caller, query: Query) -> Result<Response, RestFault> {
    let kind = match query.one("kind") {
        None | Some("user") => TokenKind::User,
        Some("registration") => TokenKind::Registration,
        Some("runner") => TokenKind::Runner,
        Some("session") => TokenKind::Session,
        Some(other) => {
            let fault = RestFault::bad(format!("there is no kind of token '{other}'"));
            return Err(fault.fix("there are user, registration, runner, session"));
        }
    };
    let mut seen = Vec::new();
    for token in plane.store.tokens(kind).await? {
        let reach = match reach_of(&plane, token.scope).await {
            Ok(reach) => reach,
            // Its project went this moment.
            Err(StoreError::Missing { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        if reach.is_within(caller.person.scope) {
            seen.push(token);
        }
    }
    let (page, total) = (query.page(), seen.len() as u64);
    let mut tokens = Vec::new();
    for token in page.of(seen) {
        tokens.push(shape::token(kind, &token, shape::scope(&plane, token.scope).await?, plane.now()));
    }
    let list = api::TokenList { tokens, total_count: total.cast_signed() };
    Ok(reply::page(&list, total, page, &plane.site.url, &query.uri))
}

/// What a scope that somebody wrote is about.
async fn reach(plane: &Plane, caller: &Caller, text: &str) -> Result<(Reach, &'static str), RestFault> {
    let place: Place = text.parse().map_err(|error: api::InvalidPlace| RestFault::invalid(error.to_string()))?;
    let missing = |error, what: &str| match error {
        StoreError::Missing { .. } => RestFault::missing(what, text),
        other => other.into(),
    };
    let (reach, what) = match place {
        Place::Instance => (Reach::Instance, "instance"),
        Place::Owner(owner) => {
            let owner = plane.store.owner(&owner).await.map_err(|error| missing(error, "owner"))?;
            (Reach::Owner(owner), "owner")
        }
        Place::Project(name) => {
            let project = plane.store.project(name.owner(), name.name()).await;
            let project = project.map_err(|error| missing(error, "project"))?;
            (Reach::Project(project.owner_id, project.id), "project")
        }
    };
    if !reach.is_within(caller.person.scope) && reach != Reach::Instance {
        return Err(RestFault::missing(what, text));
    }
    Ok((reach, what))
}

async fn make(
    State(plane): State<Plane>,
    caller: Caller,
    Body(order): Body<api::NewToken>,
) -> Result<Response, RestFault> {
    let api::NewToken { kind, name, scope, rights, expires_in_s, uses, pool, labels } = order;
    let scope = scope.unwrap_or_else(|| "instance".to_owned());
    let (reach, what) = reach(&plane, &caller, &scope).await?;
    let needs = match kind {
        api::TokenKind::Registration => Right::WriteRunners,
        api::TokenKind::User | api::TokenKind::Runner | api::TokenKind::Session => Right::WriteTokens,
    };
    caller.person.check(needs, reach, what, &scope)?;
    let life = match expires_in_s {
        None => Lifetime::Usual,
        Some(0) => {
            let fault = RestFault::invalid("a token with \"expires_in_s\": 0 would open nothing");
            return Err(fault.fix("give the seconds that it shall live, or leave the key out"));
        }
        Some(seconds) => Lifetime::For(Duration::from_secs(seconds)),
    };
    let order = Order { name, reach, life };
    let (kind, made) = match kind {
        api::TokenKind::User => {
            if pool.is_some() || !labels.is_empty() || uses.is_some() {
                return Err(RestFault::invalid("pool, labels and uses are for tokens that register runners"));
            }
            let order = UserOrder { order, rights };
            (TokenKind::User, issue_user(&plane, &caller.person, &caller.actor, order).await?)
        }
        api::TokenKind::Registration => {
            if !rights.is_empty() {
                return Err(RestFault::invalid("rights are for tokens of people; one that registers runners has none"));
            }
            // One where it is not said; any number for 0.
            let uses = uses
                .map_or(Uses::Left(NonZeroU32::MIN), |uses| NonZeroU32::new(uses).map_or(Uses::Unlimited, Uses::Left));
            let words = pool.iter().map(|pool| ("pool", pool)).chain(labels.iter().map(|label| ("label", label)));
            for (what, word) in words {
                let named = |fault| RestFault::invalid(format!("the {what} {} {fault}", quoted_label(word)));
                sound_label(word).map_err(named)?;
            }
            let order = RegistrationOrder { order, uses, pool, labels };
            (TokenKind::Registration, issue_registration(&plane, &caller.person, &caller.actor, order).await?)
        }
        api::TokenKind::Runner => {
            return Err(RestFault::invalid("a runner's key is made by registering it").fix("ekiden agent register"));
        }
        api::TokenKind::Session => return Err(RestFault::invalid("a session is begun on the pages")),
    };
    Ok(reply::created(&made_shape(&plane, kind, &made).await?))
}

async fn rotated(
    State(plane): State<Plane>,
    caller: Caller,
    Path(params): Params,
    Body(order): Body<api::RotateToken>,
) -> Result<Response, RestFault> {
    let id = TokenId(number(&params, "token")?);
    let grace = grace(order.grace_s)?;
    let made = rotate(&plane, &caller.person, &caller.actor, id, grace).await?;
    let kind = plane.store.token_by_id(made.stored.id).await?.map_or(TokenKind::User, |(kind, _)| kind);
    Ok(reply::created(&made_shape(&plane, kind, &made).await?))
}

async fn revoked(State(plane): State<Plane>, caller: Caller, params: Params) -> Result<Response, RestFault> {
    let id = TokenId(number(&params.0, "token")?);
    let (kind, token) = revoke(&plane, &caller.person, &caller.actor, id).await?;
    let scope = shape::scope(&plane, token.scope).await?;
    Ok(reply::ok(&shape::token(kind, &token, scope, plane.now())))
}

async fn made_shape(plane: &Plane, kind: TokenKind, made: &MadeToken) -> Result<api::MadeToken, RestFault> {
    let scope = shape::scope(plane, made.stored.scope).await?;
    let facts = shape::token(kind, &made.stored, scope, plane.now());
    Ok(api::MadeToken { token: made.text.expose().to_owned(), facts })
}
