//! All routes together. Called by `serve` and by the document of the API.

use super::body::LONGEST;
use super::fault::RestFault;
use super::guard::guard;
use super::route::Route;
use super::{audit, holdings, jobs, logs, outside, people, projects, queue, runners, runs, tokens, workflows};
use crate::plane::Plane;
use axum::Router;
use axum::extract::{DefaultBodyLimit, OriginalUri};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::any;

/// Where the routes are.
pub(super) const BASE: &str = "/api/v1";

/// Every route of REST.
pub(super) fn table() -> Vec<Route> {
    [
        people::routes(),
        projects::routes(),
        outside::routes(),
        workflows::routes(),
        runs::routes(),
        jobs::routes(),
        logs::routes(),
        runners::routes(),
        holdings::routes(),
        queue::routes(),
        tokens::routes(),
        audit::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The routes, below `/api/v1`.
pub fn router(plane: &Plane) -> Router {
    let mut router = Router::new();
    for Route { path, need, handler, .. } in table() {
        router = router.route(path, handler.route_layer(from_fn_with_state((plane.clone(), need), guard)));
    }
    let router = router
        .fallback(absent)
        .method_not_allowed_fallback(|method: Method, uri: Uri| async move {
            RestFault::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} is there, and {method} is not", uri.path()))
        })
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state(plane.clone());
    // What is nested has the paths below, not the one itself.
    Router::new().nest(BASE, router).route(BASE, any(absent)).route(&format!("{BASE}/"), any(absent))
}

async fn absent(method: Method, OriginalUri(uri): OriginalUri) -> RestFault {
    RestFault::new(StatusCode::NOT_FOUND, format!("there is no route {method} {}", uri.path()))
}
