//! `/healthz` and `/metrics`, on loopback, when asked for. `run` starts it.

use crate::status::Status;
use crate::stop::Stop;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use domain::{Attempt, Clock, SystemClock, Timestamp};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use telemetry::metrics::{self, AgentNumbers};

/// A forge that has not answered for so long is no working forge, whatever the reason. Longer than any pause between two calls.
const SILENCE: Duration = Duration::from_secs(120);

/// The server; it ends with this.
#[derive(Debug)]
pub(crate) struct Health(tokio::task::JoinHandle<()>);

impl Drop for Health {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Serves them.
pub(crate) async fn serve(
    address: SocketAddr,
    status: impl Fn() -> Status + Send + Sync + 'static,
) -> io::Result<Health> {
    if !address.ip().is_loopback() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not loopback, and nothing here asks who reads"));
    }
    let listener = tokio::net::TcpListener::bind(address).await?;
    let status = Arc::new(status);
    let health = Arc::clone(&status);
    let router =
        Router::new().route("/healthz", get(move || async move { health_of(&health(), SystemClock.now()) })).route(
            "/metrics",
            get(move || async move {
                ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics::agent(numbers_of(&status()))).into_response()
            }),
        );
    Ok(Health(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "/healthz and /metrics are gone");
        }
    })))
}

fn health_of(status: &Status, now: Timestamp) -> (StatusCode, String) {
    if status.stop > Stop::No {
        return (StatusCode::OK, "draining\n".to_owned());
    }
    if let Some(trouble) = &status.forge.trouble {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", trouble.reason));
    }
    match status.forge.last {
        // An agent without room asks for nothing.
        Some(last) if status.work.free == 0 || now.since(last) < SILENCE => (StatusCode::OK, "ok\n".to_owned()),
        Some(last) => {
            let silence = now.since(last).as_secs();
            (StatusCode::SERVICE_UNAVAILABLE, format!("{} has not answered for {silence} s\n", status.instance))
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, format!("{} has not answered yet\n", status.instance)),
    }
}

fn numbers_of(status: &Status) -> AgentNumbers {
    let count = |of: fn(&Attempt) -> bool| status.work.attempts.iter().filter(|one| of(&one.attempt)).count() as u64;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a date fit")]
    let seconds = |at: Timestamp| at.0 as f64 / 1000.0;
    let counts = status.work.counts;
    AgentNumbers {
        version: status.version.clone(),
        started_seconds: seconds(status.since),
        capacity: status.work.capacity as u64,
        free: status.work.free as u64,
        running: count(|attempt| matches!(attempt, Attempt::Running { .. } | Attempt::Stopping { .. })),
        reporting: count(|attempt| matches!(attempt, Attempt::Ended { .. })),
        taken: counts.taken,
        repeated: counts.repeated,
        ended: vec![
            ("success", counts.success),
            ("failure", counts.failure),
            ("cancelled", counts.cancelled),
            ("skipped", counts.skipped),
            ("fault", counts.fault),
        ],
        undelivered: counts.undelivered,
        fetches: vec![("answered", status.forge.fetches), ("failed", status.forge.failed)],
        contact_seconds: status.forge.last.map_or(0.0, seconds),
        failures: status.forge.trouble.as_ref().map_or(0, |trouble| u64::from(trouble.failures)),
    }
}

#[cfg(test)]
mod tests {
    use super::{health_of, numbers_of};
    use crate::status::{Contact, Status, Trouble, Work};
    use crate::stop::Stop;
    use axum::http::StatusCode;
    use domain::Timestamp;

    fn status(last: Option<u64>) -> Status {
        Status {
            version: "0".to_owned(),
            pid: 1,
            instance: "http://forge".to_owned(),
            runner: "r".to_owned(),
            labels: Vec::new(),
            since: Timestamp(500),
            stop: Stop::No,
            work: Work { capacity: 1, free: 1, ..Work::default() },
            forge: Contact { last: last.map(Timestamp), ..Contact::default() },
        }
    }

    #[test]
    fn it_is_well_while_the_forge_answers_or_it_drains() {
        let code = |status: &Status, now| health_of(status, Timestamp(now)).0;
        assert_eq!(code(&status(None), 0), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(code(&status(Some(1000)), 100_000), StatusCode::OK);
        assert_eq!(code(&status(Some(1000)), 200_000), StatusCode::SERVICE_UNAVAILABLE);
        let mut busy = status(Some(1000));
        busy.work.free = 0;
        assert_eq!(code(&busy, 200_000), StatusCode::OK);
        let mut troubled = status(Some(1000));
        troubled.forge.trouble = Some(Trouble { since: Timestamp(0), failures: 2, reason: "no route".to_owned() });
        assert_eq!(health_of(&troubled, Timestamp(1000)), (StatusCode::SERVICE_UNAVAILABLE, "no route\n".to_owned()));
        assert_eq!(numbers_of(&troubled).failures, 2);
        troubled.stop = Stop::Drain;
        assert_eq!(code(&troubled, 1000), StatusCode::OK);
    }
}
