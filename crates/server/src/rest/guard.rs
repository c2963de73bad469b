//! Who gets in: before a handler runs, the token is known, the place of the path is there, and the right is held. Called for every route.

use super::caller::{Caller, Place};
use super::fault::RestFault;
use crate::access::{Actor, Denied, Origin, Person, Reach, shown};
use crate::plane::Plane;
use api::Right;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{ConnectInfo, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use domain::Secret;
use domain::control::Scope;
use std::net::SocketAddr;
use store::StoreError;

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing, not even a token.
    Nothing,
    /// A token, whatever it may do.
    Token,
    /// A right in the place that the path names.
    Here(Right),
    /// A right; the handler looks at the place, or gives only what lies within the token's scope.
    Own(Right),
    /// A right over the whole instance.
    Everywhere(Right),
    /// No token, but a signature with the secret of the project's hook.
    Signature,
}

impl Need {
    /// What the description says of it.
    pub(super) fn words(self) -> String {
        match self {
            Self::Nothing => "Needs no token.".to_owned(),
            Self::Token => "Needs a token.".to_owned(),
            Self::Here(right) => format!("Needs {right} there."),
            Self::Own(right) => format!("Needs {right} in the token's own scope."),
            Self::Everywhere(right) => format!("Needs {right} on the whole instance."),
            Self::Signature => "Needs a signature with the secret of the project's hook.".to_owned(),
        }
    }
}

/// Lets a call through to its handler, with a [`Caller`].
pub(super) async fn guard(
    State((plane, need)): State<(Plane, Need)>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    if need == Need::Nothing {
        return next.run(request).await;
    }
    let Ok(params) = params else {
        return RestFault::bad("the path is not UTF-8").into_response();
    };
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
    let origin = Origin::of(plane.access.trust(), peer, request.headers());
    let (token, path) = (shown(request.headers()), request.uri().path().to_owned());
    match caller(&plane, need, &params, (token, origin, &path)).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(denied) => RestFault::from(denied).into_response(),
    }
}

async fn caller(
    plane: &Plane,
    need: Need,
    params: &RawPathParams,
    (token, origin, path): (Option<Secret>, Origin, &str),
) -> Result<Caller, Denied> {
    let token = token.ok_or(Denied::NoToken)?;
    let person = plane.access.person(plane, &token, origin).await?;
    let param = |wanted: &str| params.iter().find(|(key, _)| *key == wanted).map(|(_, value)| value);
    let place = place(plane, &person, path, param).await?;
    let reach = place.reach();
    match need {
        Need::Nothing | Need::Token | Need::Signature => {}
        Need::Here(right) => person.check(right, reach, place.what(), &place.to_string())?,
        Need::Everywhere(right) => person.check(right, Reach::Instance, "instance", "instance")?,
        Need::Own(right) if person.rights.hold(right) => {}
        Need::Own(needs) => return Err(Denied::Right { person: person.to_string(), needs }),
    }
    let actor = Actor { name: person.to_string(), origin };
    Ok(Caller { person, actor, place })
}

async fn place<'a>(
    plane: &Plane,
    person: &Person,
    path: &str,
    param: impl Fn(&str) -> Option<&'a str>,
) -> Result<Place, Denied> {
    let missing = |error, what, name: String| match error {
        StoreError::Missing { .. } => Denied::Missing { what, name },
        other => Denied::Store(other),
    };
    if let (Some(owner), Some(name)) = (param("owner"), param("repo")) {
        let project = plane.store.project(owner, name).await;
        let project = project.map_err(|error| missing(error, "project", format!("{owner}/{name}")))?;
        return Ok(Place::Project(Box::new(project)));
    }
    if let Some(name) = param("org") {
        let owner = plane.store.owner(name).await;
        let owner = owner.map_err(|error| missing(error, "owner", name.to_owned()))?;
        return Ok(Place::Owner(owner, name.to_owned()));
    }
    // Gitea's `/user` is whoever calls: here, the owner whose token it is.
    if path.contains("/user/actions/")
        && let Scope::Owner(owner) = person.scope
    {
        return Ok(Place::Owner(owner, owner.to_string()));
    }
    if path.contains("/user/actions/") {
        return Err(Denied::Missing { what: "owner", name: format!("of {person}") });
    }
    Ok(Place::Instance)
}
