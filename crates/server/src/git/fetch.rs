//! The two routes of a fetch, and what a push is told.

use super::gate::{Asker, Gate, Refusal};
use super::process::Output;
use crate::access::{Origin, Trust};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Secret;
use source::project::{GitProtocol, GitService, Projects, unzipped};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;
use tokio_util::io::ReaderStream;

/// The most that a client may say of what it wants and has.
const LARGEST_REQUEST: usize = 16 << 20;
/// So many requests are read at a time: unpacked they take twice their length.
const READ_AT_ONCE: usize = 8;
/// Processes of git at once.
const AT_ONCE: usize = 32;
/// The longest that one fetch may take.
const LONGEST: Duration = Duration::from_secs(3600);
/// How much of a pack is sent at once.
const CHUNK: usize = 64 << 10;

/// What the git routes need.
#[derive(Debug, Clone)]
pub struct GitHttp {
    projects: Arc<Projects>,
    gate: Arc<dyn Gate>,
    trust: Trust,
    running: Arc<Semaphore>,
    reading: Arc<Semaphore>,
}

impl GitHttp {
    /// Over these repositories, for those whom the gate lets in.
    #[must_use]
    pub fn new(projects: Arc<Projects>, gate: Arc<dyn Gate>, trust: Trust) -> Self {
        Self {
            projects,
            gate,
            trust,
            running: Arc::new(Semaphore::new(AT_ONCE)),
            reading: Arc::new(Semaphore::new(READ_AT_ONCE)),
        }
    }
}

/// The routes, below `/{owner}/{name}`; the name with or without `.git`.
pub fn routes(git: GitHttp) -> Router {
    Router::new()
        .route("/{owner}/{name}/info/refs", get(advertise))
        .route("/{owner}/{name}/git-upload-pack", post(upload_pack))
        .route("/{owner}/{name}/git-receive-pack", post(async || refuse_push()))
        .with_state(git)
}

async fn advertise(
    State(git): State<GitHttp>,
    Path((owner, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    match query.as_deref().unwrap_or_default().strip_prefix("service=") {
        Some("git-upload-pack") => {}
        Some("git-receive-pack") => return refuse_push(),
        _ => return text(StatusCode::FORBIDDEN, "this git is too old: it must speak the smart protocol over HTTP"),
    }
    let asker = asker(&git, &request);
    match place(&git, (&owner, &name), &asker).await {
        Ok(place) => answer(git, place, request.headers(), GitService::Advertise, Vec::new()).await,
        Err(refused) => refused,
    }
}

async fn upload_pack(
    State(git): State<GitHttp>,
    Path((owner, name)): Path<(String, String)>,
    request: Request,
) -> Response {
    let asker = asker(&git, &request);
    // Of a stranger nothing is read; of others only some at a time.
    let place = match place(&git, (&owner, &name), &asker).await {
        Ok(place) => place,
        Err(refused) => return refused,
    };
    let Ok(_reading) = git.reading.acquire().await else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "the server is ending");
    };
    let (head, body) = request.into_parts();
    let headers = head.headers;
    let Ok(body) = to_bytes(body, LARGEST_REQUEST).await else {
        return text(StatusCode::PAYLOAD_TOO_LARGE, "the request is larger than any fetch's");
    };
    let zipped = headers.get(header::CONTENT_ENCODING).is_some_and(|value| value == "gzip" || value == "x-gzip");
    let body = match zipped.then(|| unzipped(&body, LARGEST_REQUEST as u64)) {
        None => body.into(),
        Some(Ok(plain)) => plain,
        Some(Err(error)) => return text(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    answer(git.clone(), place, &headers, GitService::UploadPack, body).await
}

/// Where the repository is, for whoever asks.
async fn place(git: &GitHttp, (owner, name): (&str, &str), asker: &Asker) -> Result<String, Response> {
    let name = name.strip_suffix(".git").unwrap_or(name);
    git.gate.repository(owner, name, asker).await.map_err(|refusal| refused(&refusal))
}

fn asker(git: &GitHttp, request: &Request) -> Asker {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
    Asker { password: password(request.headers()), origin: Origin::of(git.trust, peer, request.headers()) }
}

async fn answer(git: GitHttp, place: String, headers: &HeaderMap, service: GitService, input: Vec<u8>) -> Response {
    let Ok(permit) = Arc::clone(&git.running).acquire_owned().await else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "the server is ending");
    };
    let protocol = GitProtocol::of(headers.get("git-protocol").and_then(|value| value.to_str().ok()));
    let projects = Arc::clone(&git.projects);
    let prepared = tokio::task::spawn_blocking(move || projects.upload_pack(&place, service, protocol)).await;
    let prepared = match prepared {
        Ok(Ok(prepared)) => prepared,
        Ok(Err(error)) => return failed(&error),
        Err(error) => return failed(&error),
    };
    let output = match Output::of(prepared, input, permit, LONGEST) {
        Ok(output) => output,
        Err(error) => return failed(&error),
    };
    let (kind, head) = match service {
        GitService::Advertise => ("application/x-git-upload-pack-advertisement", protocol.head()),
        GitService::UploadPack => ("application/x-git-upload-pack-result", &b""[..]),
    };
    let body = Body::from_stream(ReaderStream::with_capacity(head.chain(output), CHUNK));
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], body).into_response()
}

/// The password of `Authorization: Basic`, whoever the user; or the token of `token …` and `Bearer …`.
fn password(headers: &HeaderMap) -> Option<Secret> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (kind, value) = value.split_once(' ')?;
    match kind.to_ascii_lowercase().as_str() {
        "basic" => {
            let text = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
            let (user, password) = text.split_once(':')?;
            // Git's clients put a token in either place.
            Some(Secret::new(if password.is_empty() || password == "x-oauth-basic" { user } else { password }))
        }
        "bearer" | "token" => Some(Secret::new(value.trim())),
        _ => None,
    }
}

fn refused(refusal: &Refusal) -> Response {
    const ASK: [(HeaderName, &str); 1] = [(header::WWW_AUTHENTICATE, "Basic realm=\"ekiden\"")];
    match refusal {
        Refusal::Unknown => {
            (ASK, text(StatusCode::UNAUTHORIZED, "give a token as the password; a job's is github.token"))
                .into_response()
        }
        Refusal::Missing => text(StatusCode::NOT_FOUND, "there is no such project, or not for this token"),
        Refusal::Failed(why) => text(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

fn refuse_push() -> Response {
    text(StatusCode::FORBIDDEN, "projects are read here; push to where the project's repository is")
}

/// What failed on this side is in the log, not in the answer: it names paths.
fn failed(error: &dyn std::error::Error) -> Response {
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        told.push_str(&format!(": {error}"));
        next = error.source();
    }
    tracing::warn!(target: "ekiden::git", error = told, "a repository could not be given");
    text(StatusCode::INTERNAL_SERVER_ERROR, "the project's repository cannot be read; the server's log says why")
}

fn text(status: StatusCode, text: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{text}\n")).into_response()
}
