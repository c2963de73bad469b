//! Logs of jobs, as text; and artifacts, of which there are none yet.

use super::caller::Caller;
use super::fault::RestFault;
use super::jobs::job_of;
use super::query::Query;
use super::reply;
use super::route::{Route, get};
use super::runs::{Params, run_of};
use crate::logs::LogText;
use crate::plane::Plane;
use crate::task::{StepView, is_removed, newest_task, removed, steps};
use api::{ArtifactQuery, LogQuery, PageQuery, Right};
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use domain::control::TokenId;
use domain::{LogEnd, LogRow, TaskId};
use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Pieces on their way to a reader who is slow.
const AHEAD: usize = 4;
/// A token that opens a log for long is looked at this often.
const LOOK: Duration = Duration::from_secs(3);
/// The log of a job that is over, and that took no row for so long, is taken to have ended.
const QUIET: Duration = Duration::from_secs(20);
/// Rows of one page while a log is followed.
const ROWS: u64 = 10_000;

pub(super) fn routes() -> Vec<Route> {
    let read = Right::ReadRuns;
    vec![
        get("/repos/{owner}/{repo}/actions/jobs/{job}/logs", read, "The log of a job's newest task")
            .query::<LogQuery>()
            .gives_text(200)
            .by(log),
        get("/repos/{owner}/{repo}/actions/artifacts", read, "List artifacts: there are none yet")
            .query::<ArtifactQuery>()
            .query::<PageQuery>()
            .gives::<api::ArtifactList>(200)
            .by(artifacts),
        get(
            "/repos/{owner}/{repo}/actions/runs/{run}/artifacts",
            read,
            "List the artifacts of a run: there are none yet",
        )
        .query::<ArtifactQuery>()
        .query::<PageQuery>()
        .gives::<api::ArtifactList>(200)
        .by(artifacts_of_run),
    ]
}

async fn log(
    State(plane): State<Plane>,
    caller: Caller,
    Path(params): Params,
    query: Query,
) -> Result<Response, RestFault> {
    let job = job_of(&plane, &caller, &params).await?;
    let task = newest_task(&plane.store, &job).await?;
    let name = format!("{}-{}.log", job.id.as_str().replace(|c: char| !c.is_ascii_alphanumeric(), "-"), job.number);
    let Some(task) = task else {
        return Err(RestFault::new(StatusCode::NOT_FOUND, format!("job {} has no log: no runner had it", job.number)));
    };
    let facts = *plane.logs.watch(task.id).await?.borrow();
    if is_removed(&plane, &job, facts).await? {
        // Gitea's words.
        let fault = RestFault::new(StatusCode::NOT_FOUND, "logs have been cleaned up");
        return Err(
            fault.fix(format!("{} `ekiden server --keep-logs` says how long they stay", removed(plane.site.keep_logs)))
        );
    }
    let step = query.number::<u32>("step")?;
    let step = step.map(|number| step_rows(&steps(&job, Some(&task)), number)).transpose()?;
    let (sender, receiver) = mpsc::channel(AHEAD);
    let mut answer = if let Some(rows) = step {
        tokio::spawn(send_rows(plane.clone(), task.id, rows, sender));
        Response::new(body(receiver))
    } else if query.truth("follow") == Some(true) {
        let watched = plane.logs.watch(task.id).await?;
        tokio::spawn(follow(plane.clone(), task.id, watched, caller.person.token, sender));
        Response::new(body(receiver))
    } else {
        let text = plane.logs.text(task.id).await?;
        let bytes = text.facts().bytes;
        tokio::spawn(send(text, sender));
        let mut answer = Response::new(body(receiver));
        answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
        answer
    };
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(answer)
}

/// The rows of a step, as far as its runner has said.
fn step_rows(steps: &[StepView], number: u32) -> Result<Range<u64>, RestFault> {
    let step = steps.iter().find(|step| step.number == number);
    let missing = || RestFault::new(StatusCode::NOT_FOUND, format!("the job has no step {number}: they count from 0"));
    step.map(|step| step.row..step.row.saturating_add(step.rows)).ok_or_else(missing)
}

type Piece = Result<Bytes, io::Error>;

fn body(mut receiver: mpsc::Receiver<Piece>) -> Body {
    Body::from_stream(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)))
}

/// Sends a whole log; a fault ends the answer early, which the reader sees.
async fn send(mut text: LogText, to: mpsc::Sender<Piece>) {
    loop {
        let piece = match text.next().await {
            Ok(Some(piece)) => Ok(piece),
            Ok(None) => return,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a log could not be read to its end");
                Err(io::Error::other("the log could not be read to its end"))
            }
        };
        let is_fault = piece.is_err();
        if to.send(piece).await.is_err() || is_fault {
            return;
        }
    }
}

/// Sends some rows; a fault ends the answer early, which the reader sees.
async fn send_rows(plane: Plane, task: TaskId, mut rows: Range<u64>, to: mpsc::Sender<Piece>) {
    while !rows.is_empty() {
        let piece = match plane.logs.read(task, rows.start, ROWS.min(rows.end - rows.start)).await {
            Ok(page) if page.rows.is_empty() => return,
            Ok(page) => {
                rows.start += page.rows.len() as u64;
                Ok(text_of(&page.rows))
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "rows of a log could not be read");
                Err(io::Error::other("the log could not be read to its end"))
            }
        };
        let is_fault = piece.is_err();
        if to.send(piece).await.is_err() || is_fault {
            return;
        }
    }
}

/// The form of the whole text: seven places behind the second.
fn text_of(rows: &[LogRow]) -> Bytes {
    let mut text = String::new();
    for row in rows {
        let at = jiff::Timestamp::from_millisecond(row.at.0.cast_signed()).unwrap_or_default();
        text.push_str(&format!("{at:.7} {}\n", row.content));
    }
    Bytes::from(text)
}

/// Sends a log as it comes, until it has ended and all of it is sent, the reader is gone, or the reader's token opens nothing any more
/// (`security` R10).
async fn follow(
    plane: Plane,
    task: TaskId,
    mut watched: tokio::sync::watch::Receiver<crate::logs::LogFacts>,
    token: TokenId,
    to: mpsc::Sender<Piece>,
) {
    let mut row = 0;
    let mut look = tokio::time::interval(LOOK);
    let mut last = Instant::now();
    loop {
        let facts = *watched.borrow_and_update();
        if row < facts.rows {
            last = Instant::now();
        }
        while row < facts.rows {
            let piece = plane.logs.read(task, row, ROWS).await;
            let piece = piece.map(|page| {
                row += page.rows.len() as u64;
                (text_of(&page.rows), page.rows.is_empty())
            });
            match piece {
                Ok((_, true)) => return,
                Ok((text, false)) => {
                    if to.send(Ok(text)).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "a log could not be followed");
                    let _ = to.send(Err(io::Error::other("the log could not be followed"))).await;
                    return;
                }
            }
        }
        if facts.end == LogEnd::Last {
            return;
        }
        tokio::select! {
            changed = watched.changed() => if changed.is_err() { return },
            () = to.closed() => return,
            () = plane.queue.closed() => return,
            _ = look.tick() => if !opens(&plane, token).await || last.elapsed() >= QUIET && is_over(&plane, task).await {
                return;
            },
        }
    }
}

/// Whether a task is none that goes on.
async fn is_over(plane: &Plane, task: TaskId) -> bool {
    match plane.store.task(task).await {
        Ok((_, job)) => job.phase.lease().is_none_or(|lease| lease.task != task),
        Err(error) => !error.is_passing(),
    }
}

/// Whether a token opens still. While the database is away, what was begun goes on.
async fn opens(plane: &Plane, token: TokenId) -> bool {
    match plane.store.token_by_id(token).await {
        Ok(found) => found.is_some_and(|(_, token)| token.phase.opens(plane.now()).is_ok()),
        Err(error) => error.is_passing(),
    }
}

async fn artifacts(State(plane): State<Plane>, query: Query) -> Response {
    none(&plane, &query)
}

async fn artifacts_of_run(
    State(plane): State<Plane>,
    caller: Caller,
    Path(params): Params,
    query: Query,
) -> Result<Response, RestFault> {
    run_of(&plane, &caller, &params).await?;
    Ok(none(&plane, &query))
}

/// Jobs cannot leave any yet.
fn none(plane: &Plane, query: &Query) -> Response {
    let list = api::ArtifactList { artifacts: Vec::new(), total_count: 0 };
    reply::page(&list, 0, query.page(), &plane.site.url, &query.uri)
}
