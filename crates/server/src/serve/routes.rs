//! All that the server answers, below its public path and at the top.

use crate::git::{GitHttp, TokenGate};
use crate::plane::Plane;
use crate::runner::Runners;
use crate::watch::{Hints, hook_routes};
use axum::Router;
use std::sync::Arc;

/// The routes. A proxy may leave the path of the public address before them, or take it away.
pub(super) fn routes(plane: &Plane, hints: Hints) -> Router {
    let all = rooms(plane, hints);
    match public_path(&plane.site.url) {
        Some(path) => all.clone().nest(path, all),
        None => all,
    }
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
fn public_path(url: &str) -> Option<&str> {
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
