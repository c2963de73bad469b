//! Before a body is read: who calls, and how much may come. A runner shows its key in headers, so a stranger's bytes need not be taken
//! (`security` R5, R86). Mounted by `server` before the services.

use crate::error::{Code, Refusal};
use crate::server::{Caller, RunnerService};
use crate::{MESSAGE_MAX, SMALL_MAX};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{OriginalUri, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use connectrpc::ConnectError;
use http_body_util::LengthLimitError;
use std::error::Error;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Memory that large messages have together, in KiB.
const ROOM: u32 = 512 * 1024;
/// A message takes so many times its length while it is read: rows and their texts are things of their own.
const GROWS: usize = 4;

/// What is copied rather than shared: the question for a task is some bytes.
const SHORT: usize = 1024;

/// Whom anybody may call: what they bring is small, and its own key.
const OPEN: [&str; 2] = ["/ping.v1.PingService/Ping", "/runner.v1.RunnerService/Register"];
/// What brings much: outputs, and rows of logs.
pub(crate) const LARGE: [&str; 2] = ["/runner.v1.RunnerService/UpdateTask", "/runner.v1.RunnerService/UpdateLog"];

/// What the gate needs.
pub(crate) struct Gate<S> {
    service: Arc<S>,
    room: Arc<Semaphore>,
}

impl<S> Gate<S> {
    pub(crate) fn new(service: Arc<S>) -> Self {
        Self { service, room: Arc::new(Semaphore::new(ROOM as usize)) }
    }
}

impl<S> Clone for Gate<S> {
    fn clone(&self) -> Self {
        Self { service: Arc::clone(&self.service), room: Arc::clone(&self.room) }
    }
}

/// Lets a call through to its service.
pub(crate) async fn gate<S: RunnerService>(State(gate): State<Gate<S>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !OPEN.contains(&path) {
        let caller = Caller::of(request.headers(), request.extensions());
        if let Err(refusal) = gate.service.admit(&caller).await {
            return refused((refusal, None));
        }
    }
    let is_large = LARGE.contains(&path);
    let most = if is_large { MESSAGE_MAX } else { SMALL_MAX };
    let length = length(request.headers());
    if length.is_some_and(|length| length > most) {
        return refused(too_long(most));
    }
    // A zipped one is as long as it is when it is unzipped, which nobody knows.
    let is_plain = request.headers().get(header::CONTENT_ENCODING).is_none_or(|value| value == "identity");
    let takes = length.filter(|_| is_plain).unwrap_or(most);
    let room = u32::try_from(takes * GROWS / 1024).unwrap_or(ROOM).min(ROOM);
    let _room = if takes > SMALL_MAX { gate.room.acquire_many(room).await.ok() } else { None };
    let (head, body) = request.into_parts();
    match to_bytes(body, most).await {
        Ok(body) => next.run(own(head, body)).await,
        Err(error) => refused(cut(&error, most)),
    }
}

/// A small call in memory of its own. What is read from a connection is shared with its buffer, 8 KiB that a question that is left open would keep.
fn own(mut head: Parts, body: Bytes) -> Request {
    if body.len() > SHORT {
        return Request::from_parts(head, Body::from(body));
    }
    for value in head.headers.values_mut() {
        if let Ok(copied) = HeaderValue::from_bytes(value.as_bytes()) {
            *value = copied;
        }
    }
    if let Ok(uri) = head.uri.to_string().parse() {
        head.uri = uri;
    }
    head.extensions.remove::<OriginalUri>();
    Request::from_parts(head, Body::from(Bytes::copy_from_slice(&body)))
}

/// Why a body did not come whole, in the caller's words: the server did not fail.
fn cut(error: &axum::Error, most: usize) -> (Refusal, Option<StatusCode>) {
    let causes = || {
        std::iter::successors(Some(error as &(dyn Error + 'static)), |error: &&(dyn Error + 'static)| (*error).source())
    };
    if causes().any(<dyn Error>::is::<LengthLimitError>) {
        return too_long(most);
    }
    let told = causes().last().map_or_else(String::new, ToString::to_string);
    (
        Refusal::new(Code::DeadlineExceeded, format!("the message did not come whole: {told}")),
        Some(StatusCode::REQUEST_TIMEOUT),
    )
}

fn too_long(most: usize) -> (Refusal, Option<StatusCode>) {
    let refusal = Refusal::new(Code::ResourceExhausted, format!("the message is longer than {most} bytes"));
    (refusal, Some(StatusCode::PAYLOAD_TOO_LARGE))
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// An error as Connect writes it.
fn refused((refusal, status): (Refusal, Option<StatusCode>)) -> Response {
    let error = ConnectError::new(refusal.code.to_wire(), refusal.message);
    let status = status.unwrap_or_else(|| error.http_status());
    (status, [(header::CONTENT_TYPE, "application/json")], error.to_json()).into_response()
}
