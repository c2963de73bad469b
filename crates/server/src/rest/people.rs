//! Who the caller is, and which server this is.

use super::caller::Caller;
use super::fault::RestFault;
use super::guard::Need;
use super::openapi::openapi;
use super::reply;
use super::route::{Route, get};
use super::shape;
use crate::plane::Plane;
use api::{Right, User, Version};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use domain::control::Scope;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/version", Need::Nothing, "Which server this is; needs no token").gives::<Version>(200).by(version),
        get("/openapi.json", Need::Nothing, "This description; needs no token").gives_document(200).by(described),
        get("/user", Need::Token, "Who the token is").gives::<User>(200).by(me),
        get("/user/keys", Need::Token, "Keys of a person, whom a server does not know: there are none")
            .gives::<Vec<String>>(200)
            .by(keys),
    ]
}

async fn version(State(plane): State<Plane>) -> Response {
    reply::ok(&Version::of(plane.site.version))
}

async fn described() -> Response {
    let mut answer = Response::new(openapi().into());
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// Gitea's clients look for a key of theirs.
async fn keys(_: Caller) -> Response {
    reply::ok(&[(); 0])
}

async fn me(State(plane): State<Plane>, caller: Caller) -> Result<Response, RestFault> {
    let person = &caller.person;
    let id = match person.scope {
        Scope::Owner(owner) => owner.0,
        Scope::Instance | Scope::Repository(_) => 0,
    };
    let is_admin = person.scope == Scope::Instance && person.rights.hold(Right::Admin);
    let scope = shape::scope(&plane, person.scope).await?;
    // The number is the owner's, and so is the word; the token's own is in the full name.
    let login = if let Scope::Owner(_) = person.scope { &scope } else { &person.name };
    Ok(reply::ok(&User { id, full_name: format!("{person} of {scope}"), is_admin, ..User::named(login) }))
}
