//! Before a body is read: who calls, and how much may come. A runner shows its key in headers, so a stranger's bytes need not be taken
//! (`security` R5, R86). Mounted by `server` before the services.

use crate::error::{Code, Refusal};
use crate::room::{Held, NotTaken, Room, unzipped, unzipped_length};
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

/// What is copied rather than shared: the question for a task is some bytes.
const SHORT: usize = 1024;

/// What nobody reads behind the gate: it is in the [`Caller`], or of the connection.
const READ: [&str; 11] = [
    crate::header::UUID,
    crate::header::TOKEN,
    crate::header::VERSION,
    crate::header::WAIT,
    crate::header::FIRST,
    crate::header::FORWARDED,
    "host",
    "user-agent",
    "accept",
    "content-length",
    "connection",
];
/// So many others most calls have.
const KEPT: usize = 6;

/// Say how what is in an envelope is packed.
const ENVELOPES: [&str; 2] = ["grpc-encoding", "connect-content-encoding"];

/// Whom anybody may call: what they bring is small, and its own key.
const OPEN: [&str; 2] = ["/ping.v1.PingService/Ping", "/runner.v1.RunnerService/Register"];
/// What brings much: outputs, and rows of logs.
pub(crate) const LARGE: [&str; 2] = ["/runner.v1.RunnerService/UpdateTask", "/runner.v1.RunnerService/UpdateLog"];

/// What the gate needs.
pub(crate) struct Gate<S> {
    service: Arc<S>,
    room: Arc<Room>,
}

impl<S> Gate<S> {
    pub(crate) fn new(service: Arc<S>) -> Self {
        Self { service, room: Arc::new(Room::new()) }
    }
}

impl<S> Clone for Gate<S> {
    fn clone(&self) -> Self {
        Self { service: Arc::clone(&self.service), room: Arc::clone(&self.room) }
    }
}

/// Lets a call through to its service.
pub(crate) async fn gate<S: RunnerService>(State(gate): State<Gate<S>>, request: Request, next: Next) -> Response {
    // What it took to read a question does not lie in it while it is open.
    match Box::pin(admitted(gate, request)).await {
        Ok((request, _room)) => next.run(request).await,
        Err(refusal) => refused(refusal),
    }
}

type Admitted = (Request, Held);

/// A call that may go on, whole, and the memory that it has meanwhile.
async fn admitted<S: RunnerService>(
    gate: Gate<S>,
    request: Request,
) -> Result<Admitted, (Refusal, Option<StatusCode>)> {
    let caller = Caller::of(request.headers(), request.extensions());
    let length = length(request.headers());
    let (mut head, body) = request.into_parts();
    let is_short = length.is_some_and(|length| length <= SHORT);
    if is_short {
        // Before anything is waited for: thousands may be looked up at the same time.
        head = own(head);
    }
    let path = head.uri.path();
    if !OPEN.contains(&path) {
        gate.service.admit(&caller).await.map_err(|refusal| (refusal, None))?;
    }
    let is_large = LARGE.contains(&path);
    let most = if is_large { MESSAGE_MAX } else { SMALL_MAX };
    if length.is_some_and(|length| length > most) {
        return Err(too_long(most));
    }
    let (runner, packing) = (caller.key.as_ref().map(|key| &key.uuid), Packing::of(&head.headers, is_large));
    let (mut body, mut held) = if length.is_some_and(|length| length <= SMALL_MAX) || !is_large {
        (to_bytes(body, most).await.map_err(|error| cut(&error, most))?, Held::default())
    } else {
        gate.room.body(runner, body, (SMALL_MAX, most)).await.map_err(|error| not_taken(error, most))?
    };
    let takes = match packing {
        Packing::Gzip if !body.is_empty() => unzipped_length(&body, most).map_err(|error| not_taken(error, most))?,
        Packing::Inside => most,
        _ => body.len(),
    };
    if takes > SMALL_MAX {
        gate.room.reading(runner, takes, &mut held).await.map_err(|error| not_taken(error, most))?;
    }
    if packing == Packing::Gzip {
        if !body.is_empty() {
            body = unzipped(&body, takes).await.map_err(|error| not_taken(error, most))?;
        }
        head.headers.remove(header::CONTENT_ENCODING);
        head.headers.remove(header::CONTENT_LENGTH);
    }
    head.extensions.insert(caller);
    let body = if body.len() > SHORT { body } else { Bytes::copy_from_slice(&body) };
    let head = if is_short || body.len() > SHORT { head } else { own(head) };
    Ok((Request::from_parts(head, Body::from(body)), held))
}

/// How a message is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    /// It is not, or in a way that nobody here unpacks.
    None,
    Gzip,
    /// Within its envelope, as gRPC has it: how long it is, nobody knows.
    Inside,
}

impl Packing {
    fn of(headers: &HeaderMap, is_large: bool) -> Self {
        let is = |name: &str, what: fn(&[u8]) -> bool| headers.get(name).is_some_and(|value| what(value.as_bytes()));
        if is("content-encoding", |value| value == b"gzip") {
            Self::Gzip
        } else if is_large && ENVELOPES.into_iter().any(|name| is(name, |value| value != b"identity")) {
            Self::Inside
        } else {
            Self::None
        }
    }
}

/// The head of a small call in memory of its own. What is read from a connection is shared with its buffer, 8 KiB that a question that is left open would keep.
fn own(mut head: Parts) -> Parts {
    // Of a small map: one that was taken from does not get smaller.
    let mut headers = HeaderMap::with_capacity(KEPT);
    for (name, value) in &head.headers {
        if !READ.contains(&name.as_str())
            && let Ok(copied) = HeaderValue::from_bytes(value.as_bytes())
        {
            headers.append(name, copied);
        }
    }
    head.headers = headers;
    if let Ok(uri) = head.uri.to_string().parse() {
        head.uri = uri;
    }
    head.extensions.remove::<OriginalUri>();
    head
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

fn not_taken(fault: NotTaken, most: usize) -> (Refusal, Option<StatusCode>) {
    let (code, status) = match &fault {
        NotTaken::TooLong => return too_long(most),
        NotTaken::Cut(error) => return cut(error, most),
        NotTaken::Slow => (Code::DeadlineExceeded, Some(StatusCode::REQUEST_TIMEOUT)),
        NotTaken::Full => (Code::Unavailable, None),
        NotTaken::Garbled => (Code::InvalidArgument, None),
    };
    (Refusal::new(code, fault.to_string()), status)
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

#[cfg(test)]
mod tests {
    use super::{Body, KEPT, Request, own};
    use crate::header;

    #[test]
    fn an_open_question_keeps_only_what_is_read_behind_the_gate() {
        let request = Request::post("/runner.v1.RunnerService/FetchTask")
            .header("host", "forge.example")
            .header("content-type", "application/proto")
            .header(header::UUID, "u")
            .header(header::TOKEN, "t")
            .header(header::WAIT, "50000")
            .header(header::REQUEST_KEY, "k")
            .header("connect-timeout-ms", "60000");
        let (head, _) = request.body(Body::empty()).unwrap().into_parts();
        let head = own(head);
        let mut names: Vec<&str> = head.headers.keys().map(axum::http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["connect-timeout-ms", "content-type", header::REQUEST_KEY]);
        assert!(head.headers.capacity() <= 2 * KEPT, "{}", head.headers.capacity());
    }
}
