//! `/healthz`, `/readyz`, `/metrics`: for whoever watches the server. They say nothing of any project. The first two answer everybody with a word; the
//! numbers are for the machine itself, and for whoever shows a token.

use crate::access::{Denied, Origin, Reach, shown};
use crate::page::is_our_name;
use crate::plane::Plane;
use api::Right;
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::control::RunnerStanding;
use domain::{Secret, Timestamp};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use telemetry::metrics::{self, ServerNumbers};
use tokio::sync::Mutex;
use tokio::time::Instant;

pub(super) fn routes(plane: &Plane) -> Router {
    let (started, checked) = (plane.now(), Checked::default());
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route(
            "/readyz",
            get(move |State(plane): State<Plane>| {
                let checked = checked.clone();
                async move { ready(&plane, &checked).await }
            }),
        )
        .route("/metrics", get(move |plane, request| numbers(plane, started, request)))
        .with_state(plane.clone())
}

/// What was found lately: who asks often is answered from it.
#[derive(Debug, Clone, Default)]
struct Checked(Arc<Mutex<Option<(Instant, Readiness)>>>);

type Readiness = (StatusCode, &'static str);

/// So long what was found is believed.
const BELIEVED: Duration = Duration::from_secs(1);
/// A database that takes longer is away.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether calls can be answered and what they say be kept: the database takes what is written, and logs have room.
async fn ready(plane: &Plane, checked: &Checked) -> Readiness {
    let mut last = checked.0.lock().await;
    if let Some((at, found)) = &*last
        && at.elapsed() < BELIEVED
    {
        return *found;
    }
    let found = look(plane).await;
    *last = Some((Instant::now(), found));
    found
}

async fn look(plane: &Plane) -> Readiness {
    let not = |error: &(dyn std::error::Error + 'static), said| {
        tracing::warn!(error, "not ready");
        (StatusCode::SERVICE_UNAVAILABLE, said)
    };
    match tokio::time::timeout(PATIENCE, plane.store.check()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.is_held() => {
            return not(&error, "another program holds the database: nothing can be written\n");
        }
        Ok(Err(error)) => {
            return not(&error, "the database does not take what is written: it is away, or its disk is full\n");
        }
        Err(error) => return not(&error, "the database does not answer: it is away, or another program holds it\n"),
    }
    match plane.logs.check().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => not(&error, "logs cannot be written: the disk of the server's folder is full, or not there\n"),
    }
}

/// Whether a caller may see the numbers: how much runs here is nobody's business outside.
async fn may_count(plane: &Plane, origin: Origin, is_ours: bool, token: Option<Secret>) -> Result<(), Denied> {
    if origin == Origin::Here && is_ours {
        return Ok(());
    }
    let person = plane.access.person(plane, &token.ok_or(Denied::NoToken)?, origin).await?;
    person.check(Right::ReadRunners, Reach::Instance, "instance", "instance")
}

async fn numbers(State(plane): State<Plane>, started: Timestamp, request: Request) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
    // A page of another name that somebody made lead here is not the machine itself.
    let is_ours = is_our_name(&plane, request.headers());
    let (origin, token) = (Origin::of(plane.access.trust(), peer, request.headers()), shown(request.headers()));
    if let Err(denied) = may_count(&plane, origin, is_ours, token).await {
        return crate::rest::denied(denied);
    }
    let runners = match plane.store.runners(None).await {
        Ok(runners) => runners,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "no metrics");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let standings =
        [("offline", RunnerStanding::Offline), ("idle", RunnerStanding::Idle), ("active", RunnerStanding::Active)];
    let of = |standing| runners.iter().filter(|runner| runner.phase.standing() == standing).count() as u64;
    let waiting = plane.queue.census().await;
    let numbers = ServerNumbers {
        version: plane.site.version.to_owned(),
        started_seconds: std::time::Duration::from_millis(started.0).as_secs_f64(),
        waiting: waiting.into_iter().map(|(reason, count)| (reason.as_str(), count)).collect(),
        runners: standings.map(|(word, standing)| (word, of(standing))).to_vec(),
        runs: plane.counts.runs_by_event(),
        ended: plane.counts.jobs_by_result(),
        leases: plane.counts.leases_by_outcome(),
        queued: plane.counts.waits(),
        log_rows: plane.counts.all_rows(),
    };
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::server(numbers)).into_response()
}
