//! What buttons do: cancel a run, run it again.

use super::fault::Fault;
use super::fill::place;
use super::run::find;
use super::visit::{Visit, see};
use crate::run::{self, Rerun};
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::control::{CancelCause, JobNumber};
use serde_json::json;
use store::Ending;

type Place = Path<(String, String, String)>;

/// `POST …/cancel`
pub(crate) async fn cancel(visit: Visit, Path(at): Place, headers: HeaderMap, body: Bytes) -> Response {
    let done = cancelled(&visit, &at, &headers, &body).await;
    visit.answer(done)
}

/// `POST …/rerun`: `what` is `all`, `failed` or the number of a job.
pub(crate) async fn rerun(visit: Visit, Path(at): Place, headers: HeaderMap, body: Bytes) -> Response {
    let done = run_again(&visit, &at, &headers, &body).await;
    visit.answer(done)
}

async fn cancelled(
    visit: &Visit,
    (owner, name, run): &(String, String, String),
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Fault> {
    let form = visit.form(headers, body)?;
    let (project, run) = find(visit, owner, name, run).await?;
    if !visit.changes(&project) {
        return Err(Fault::Nowhere);
    }
    // A button that is pressed twice is not the other button.
    let (ending, detail) = match form.get("what") {
        Some("all") => (Ending::All, json!({ "force": true })),
        _ => (Ending::ByConditions, json!({})),
    };
    let audit = visit.actor.did("run.cancel", format!("run {} of {}", run.id, project.full_name()), detail);
    let by = CancelCause::Person(visit.person.name.clone());
    run::cancel(&visit.plane, run.id, by, ending, Some(&audit)).await?;
    Ok(see(&visit.links.run(&place(&project, &run))))
}

async fn run_again(
    visit: &Visit,
    (owner, name, run): &(String, String, String),
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Fault> {
    let form = visit.form(headers, body)?;
    let (project, run) = find(visit, owner, name, run).await?;
    if !visit.changes(&project) {
        return Err(Fault::Nowhere);
    }
    let what = match form.get("what") {
        Some("failed") => Rerun::Failed,
        Some("all") => Rerun::All,
        _ => Rerun::Job(form.number("what").map(JobNumber).ok_or(Fault::Nowhere)?),
    };
    let object = format!("run {} of {}", run.id, project.full_name());
    let audit = visit.actor.did("run.rerun", object, json!({ "what": form.get("what") }));
    run::rerun(&visit.plane, run.id, what, &visit.person.name, Some(&audit)).await?;
    Ok(see(&visit.links.run(&place(&project, &run))))
}
