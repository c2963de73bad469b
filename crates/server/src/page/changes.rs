//! The news that something changed, for pages that are then read again.

use super::fault::Fault;
use super::pairs::Pairs;
use super::visit::Visit;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use domain::control::RunId;
use futures_util::stream;
use std::convert::Infallible;
use std::time::Duration;
use store::{Change, Changes};
use tokio::sync::mpsc;

/// Between two pieces of news so much time goes by: pages of one run, and lists.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));
/// So often it is asked whether the session goes on.
pub(crate) const CHECK: Duration = Duration::from_secs(5);
/// A connection on which nothing was said for so long hears that it lives.
pub(crate) const ALIVE: Duration = Duration::from_secs(15);

/// What is of interest to a page.
#[derive(Debug, Clone, Copy)]
enum About {
    Run(RunId),
    Runners,
    Runs,
}

impl About {
    const fn is(self, change: Change) -> bool {
        match (self, change) {
            (_, Change::Missed) => true,
            (Self::Run(own), Change::Run(run) | Change::Job { run, .. } | Change::Task { run, .. }) => own.0 == run.0,
            (Self::Runners, change) => matches!(change, Change::Runner(_) | Change::Task { runner: Some(_), .. }),
            (Self::Runs, change) => {
                matches!(change, Change::Run(_) | Change::Job { .. } | Change::Task { .. } | Change::Project(_))
            }
            (Self::Run(_), _) => false,
        }
    }
}

/// `/changes`
pub(crate) async fn changes(visit: Visit, asked: Pairs) -> Response {
    let about = match (asked.number("run"), asked.get("runners")) {
        (Some(run), _) => About::Run(RunId(run)),
        (None, Some(_)) => About::Runners,
        (None, None) => About::Runs,
    };
    let news = match visit.plane.store.changes().await {
        Ok(news) => news,
        Err(error) => return visit.answer(Err(Fault::Store(error))),
    };
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(tell(visit, about, news, sender));
    sse(receiver)
}

/// A stream of what comes through a channel: a reader that is slow keeps the writer waiting, and nothing piles up.
pub(crate) fn sse(mut receiver: mpsc::Receiver<Event>) -> Response {
    let events =
        stream::poll_fn(move |context| receiver.poll_recv(context).map(|event| event.map(Ok::<_, Infallible>)));
    // Proxies that keep answers until they are whole are told not to.
    let headers = [("x-accel-buffering", "no"), ("cache-control", "no-store, no-transform")];
    (headers, Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE))).into_response()
}

async fn tell(visit: Visit, about: About, mut news: Changes, sender: mpsc::Sender<Event>) {
    let pause = if matches!(about, About::Run(_)) { PAUSE.0 } else { PAUSE.1 };
    let mut check = tokio::time::interval(CHECK);
    check.tick().await;
    loop {
        let change = tokio::select! {
            change = news.next() => change,
            _ = check.tick() => {
                if visit.still().await.is_err() {
                    return;
                }
                continue;
            }
            () = visit.plane.queue.closed() => return,
            () = sender.closed() => return,
        };
        let Some(change) = change else { return };
        if !about.is(change) {
            continue;
        }
        if sender.send(Event::default().event("change").data("-")).await.is_err() {
            return;
        }
        // What happens meanwhile is told at its end, once: the news wait.
        let end = tokio::time::Instant::now() + pause;
        let mut again = false;
        while let Ok(change) = tokio::time::timeout_at(end, news.next()).await {
            let Some(change) = change else { return };
            again |= about.is(change);
        }
        if again && sender.send(Event::default().event("change").data("-")).await.is_err() {
            return;
        }
    }
}
