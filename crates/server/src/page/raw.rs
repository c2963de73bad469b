//! The whole log of a job as text, to be kept.

use super::fault::Fault;
use super::job::{Found, Place, find_job};
use super::visit::Visit;
use crate::task::{is_removed, removed};
use axum::body::Body;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

/// `…/log.txt`
pub(crate) async fn text(visit: Visit, Path(at): Place) -> Response {
    let done = show(&visit, &at).await;
    visit.answer(done)
}

async fn show(visit: &Visit, at: &(String, String, String, String)) -> Result<Response, Fault> {
    let Found { task, job, .. } = find_job(visit, at).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"job-{}.txt\"", job.number)),
    ];
    // Nobody has begun it: it said nothing.
    let Some(task) = task else { return Ok((headers, "").into_response()) };
    let facts = *visit.plane.logs.watch(task.id).await?.borrow();
    if is_removed(&visit.plane, &job, facts).await? {
        return Err(Fault::Removed(removed(visit.plane.site.keep_logs)));
    }
    let text = visit.plane.logs.text(task.id).await?;
    // Who gets less knows that something broke off.
    let length = [(header::CONTENT_LENGTH, text.facts().bytes.to_string())];
    // A reader that is slow is read for slowly.
    let pieces = stream::try_unfold(text, |mut text| async move {
        Ok::<_, crate::logs::LogError>(text.next().await?.map(|piece| (piece, text)))
    });
    Ok((headers, length, Body::from_stream(pieces)).into_response())
}
