//! `/healthz`, `/readyz`, `/metrics`: for whoever watches the server. They say nothing of any project.

use crate::plane::Plane;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::Timestamp;
use domain::control::RunnerStanding;
use telemetry::metrics::{self, ServerNumbers};

pub(super) fn routes(plane: &Plane) -> Router {
    let started = plane.now();
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(move |plane| numbers(plane, started)))
        .with_state(plane.clone())
}

/// Whether calls can be answered: the database is there.
async fn ready(State(plane): State<Plane>) -> (StatusCode, &'static str) {
    match plane.store.runs_behind(1).await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }
}

async fn numbers(State(plane): State<Plane>, started: Timestamp) -> Response {
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
