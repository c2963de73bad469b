//! All that the server answers, below its public path and at the top.

use crate::git::{GitHttp, TokenGate};
use crate::plane::Plane;
use crate::runner::Runners;
use crate::watch::{Hints, hook_routes};
use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Redirect, Response};
use std::sync::Arc;

/// The routes. A proxy may leave the path of the public address before them, or take it away.
pub(super) fn routes(plane: &Plane, hints: Hints) -> Router {
    let all = rooms(plane, hints);
    match public_path(&plane.site.url) {
        Some(path) => {
            let bare = path.to_owned();
            all.clone().nest(path, all).layer(from_fn(move |request, next| slash(bare.clone(), request, next)))
        }
        None => all,
    }
}

/// The public path itself, without the slash behind it, leads to the home page: a router that is nested does not know it with a query.
async fn slash(bare: String, request: Request, next: Next) -> Response {
    let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
    if !is_read || request.uri().path() != bare {
        return next.run(request).await;
    }
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    Redirect::temporary(&format!("{bare}/{query}")).into_response()
}

fn rooms(plane: &Plane, hints: Hints) -> Router {
    let runners = Arc::new(Runners::new(plane.clone()));
    let git = GitHttp::new(Arc::clone(&plane.projects), Arc::new(TokenGate::new(plane.clone())), plane.access.trust());
    Router::new()
        .merge(super::health::routes(plane))
        .nest(protocol::BASE_PATH, protocol::router(runners))
        .merge(crate::rest::router(plane))
        .merge(crate::git::routes(git))
        .merge(hook_routes(plane.clone(), hints))
        .merge(crate::page::routes(plane.clone()))
}

/// The path of an address, where it has one: `/ci` of `https://host/ci`.
pub(super) fn public_path(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let at = rest.find('/')?;
    Some(rest[at..].trim_end_matches('/')).filter(|path| !path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::public_path;

    #[test]
    fn an_address_may_have_a_path() {
        assert_eq!(public_path("https://host:1/ci/x"), Some("/ci/x"));
        assert_eq!(public_path("http://127.0.0.1:8080"), None);
        assert_eq!(public_path("http://h/"), None);
    }
}
