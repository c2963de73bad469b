//! Addresses as Gitea and GitHub have them (`/{owner}/{name}/actions/runs/7`), which REST gives as `html_url` and workflows put together themselves: they
//! lead to the pages here.

use super::links::part;
use super::visit::{Visit, see};
use axum::extract::{OriginalUri, Path};
use axum::response::Response;

type Place = Path<(String, String)>;

/// `/{owner}/{name}/actions`
pub(crate) async fn actions(visit: Visit, Path((owner, name)): Place) -> Response {
    see(&visit.links.project(&owner, &name))
}

/// `/{owner}/{name}/actions/workflows/{file}`: its runs.
pub(crate) async fn workflow(visit: Visit, Path((owner, name, file)): Path<(String, String, String)>) -> Response {
    see(&format!("{}?workflow={}", visit.links.project(&owner, &name), part(&file)))
}

/// `/{owner}/{name}/actions/runs/{run}`
pub(crate) async fn run(
    visit: Visit,
    Path((owner, name, run)): Path<(String, String, String)>,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    see(&format!("{}/runs/{}{query}", visit.links.project(&owner, &name), part(&run)))
}

/// `/{owner}/{name}/actions/runs/{run}/attempts/{attempt}`
pub(crate) async fn attempt(
    visit: Visit,
    Path((owner, name, run, attempt)): Path<(String, String, String, String)>,
) -> Response {
    see(&format!("{}/runs/{}?attempt={}", visit.links.project(&owner, &name), part(&run), part(&attempt)))
}

/// `/{owner}/{name}/actions/runs/{run}/jobs/{job}`; GitHub says `job`.
pub(crate) async fn job(
    visit: Visit,
    Path((owner, name, run, job)): Path<(String, String, String, String)>,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    see(&format!("{}/runs/{}/jobs/{}{query}", visit.links.project(&owner, &name), part(&run), part(&job)))
}
