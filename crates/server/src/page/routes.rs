//! Which page is where.

use super::links::Links;
use super::{actions, assets, changes, fault, forge, guard, job, live, login, queue, raw, run, runners, runs, start};
use crate::plane::Plane;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

/// A form is no larger than this.
const FORM: usize = 64 * 1024;

/// The pages. Whatever no other room answers, they answer.
pub fn routes(plane: Plane) -> Router {
    let mut router = Router::new().route("/", get(runs::all));
    // A router that is nested does not answer at its own path with a slash behind it.
    let base = Links::new(&plane.site.url);
    if base.home() != "/" {
        router = router.route(&base.home(), get(runs::all));
    }
    router
        .route("/queue", get(queue::queue))
        .route("/runners", get(runners::runners))
        .route("/changes", get(changes::changes))
        .route("/login", get(login::form).post(login::login))
        .route("/login/once/{link}", get(login::link).post(login::link_form))
        .route("/logout", post(login::logout))
        .route("/assets/{version}/{name}", get(asset))
        .route("/{owner}/{name}", get(runs::project))
        .route("/{owner}/{name}/start", get(start::form).post(start::start))
        .route("/{owner}/{name}/runs/{run}", get(run::run))
        .route("/{owner}/{name}/runs/{run}/cancel", post(actions::cancel))
        .route("/{owner}/{name}/runs/{run}/rerun", post(actions::rerun))
        .route("/{owner}/{name}/runs/{run}/jobs/{job}", get(job::job))
        .route("/{owner}/{name}/runs/{run}/jobs/{job}/rows", get(job::rows))
        .route("/{owner}/{name}/runs/{run}/jobs/{job}/events", get(live::events))
        .route("/{owner}/{name}/runs/{run}/jobs/{job}/log.txt", get(raw::text))
        .route("/{owner}/{name}/actions", get(forge::actions))
        .route("/{owner}/{name}/actions/workflows/{file}", get(forge::workflow))
        .route("/{owner}/{name}/actions/runs/{run}", get(forge::run))
        .route("/{owner}/{name}/actions/runs/{run}/attempts/{attempt}", get(forge::attempt))
        .route("/{owner}/{name}/actions/runs/{run}/job/{job}", get(forge::job))
        .route("/{owner}/{name}/actions/runs/{run}/jobs/{job}", get(forge::job))
        .fallback(fault::nowhere)
        .method_not_allowed_fallback(fault::nowhere)
        .layer(DefaultBodyLimit::max(FORM))
        .layer(from_fn_with_state(plane.clone(), guard::guard))
        .with_state(plane)
}

/// Our own files need no session: the page that begins one is made of them.
async fn asset(Path((_, name)): Path<(String, String)>) -> Response {
    match assets::asset(&name) {
        Some(asset) => {
            let headers =
                [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
            (headers, asset.text.as_str()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
