//! The news that something changed, for pages that are then read again.

use super::fault::Fault;
use super::pairs::Pairs;
use super::visit::Visit;
use crate::access::{Person, Reach};
use api::Right;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use domain::RunnerId;
use domain::control::{JobPhase, ProjectId, RunId, RunPhase, Scope};
use futures_util::stream;
use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;
use store::{Change, Changes, StoreError};
use tokio::sync::mpsc;

/// Between two pieces of news so much time goes by: pages of one run, and lists.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));
/// So often it is asked whether the session goes on.
pub(crate) const CHECK: Duration = Duration::from_secs(5);
/// A connection on which nothing was said for so long hears that it lives.
pub(crate) const ALIVE: Duration = Duration::from_secs(15);

/// Of so many things it is remembered whether they are seen.
const KNOWN: usize = 1_000;

/// What is of interest to a page.
#[derive(Debug, Clone, Copy)]
enum About {
    Run(RunId, Reach),
    Runners,
    Runs,
    Queue,
}

impl About {
    const fn is(self, change: Change) -> bool {
        match (self, change) {
            (_, Change::Missed) => true,
            (Self::Run(own, _), Change::Run(run) | Change::Job { run, .. } | Change::Task { run, .. }) => {
                own.0 == run.0
            }
            (Self::Runners, change) => matches!(change, Change::Runner(_) | Change::Task { runner: Some(_), .. }),
            // Who comes and goes changes why jobs wait.
            (Self::Queue, Change::Runner(_)) => true,
            (Self::Runs | Self::Queue, change) => {
                matches!(change, Change::Run(_) | Change::Job { .. } | Change::Task { .. } | Change::Project(_))
            }
            (Self::Run(..), _) => false,
        }
    }

    /// Whether somebody may hear of it at all.
    fn may(self, person: &Person) -> bool {
        match self {
            Self::Run(_, reach) => person.may(Right::ReadRuns, reach),
            Self::Runners => person.rights.hold(Right::ReadRunners),
            // Those who see no run see a list without any.
            Self::Runs | Self::Queue => true,
        }
    }
}

/// `/changes`
pub(crate) async fn changes(visit: Visit, asked: Pairs) -> Response {
    let done = open(&visit, &asked).await;
    visit.answer(done)
}

async fn open(visit: &Visit, asked: &Pairs) -> Result<Response, Fault> {
    let about = match (asked.number("run"), asked.get("runners"), asked.get("queue")) {
        (Some(run), _, _) => {
            let run = visit.plane.store.run(RunId(run)).await?;
            let project = visit.plane.store.project_by_id(run.project).await?;
            About::Run(run.id, Reach::Project(project.owner_id, project.id))
        }
        (None, Some(_), _) => About::Runners,
        (None, None, Some(_)) => About::Queue,
        (None, None, None) => About::Runs,
    };
    if !about.may(&visit.person) {
        return Err(Fault::Nowhere);
    }
    let news = visit.plane.store.changes().await?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(tell(Listener { visit: visit.clone(), about, known: HashMap::new() }, news, sender));
    Ok(sse(receiver))
}

/// A stream of what comes through a channel: a reader that is slow keeps the writer waiting, and nothing piles up.
pub(crate) fn sse(mut receiver: mpsc::Receiver<Event>) -> Response {
    let events =
        stream::poll_fn(move |context| receiver.poll_recv(context).map(|event| event.map(Ok::<_, Infallible>)));
    // Proxies that keep answers until they are whole are told not to.
    let headers = [("x-accel-buffering", "no"), ("cache-control", "no-store, no-transform")];
    (headers, Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE))).into_response()
}

/// Somebody who hears of what is theirs to see alone.
struct Listener {
    visit: Visit,
    about: About,
    /// Of what was looked up already: whether they see it.
    known: HashMap<Thing, bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Thing {
    Run(RunId),
    Project(ProjectId),
    Runner(RunnerId),
}

impl Listener {
    /// Whether a change is told.
    async fn hears(&mut self, change: Change) -> bool {
        if !self.about.is(change) {
            return false;
        }
        let person = &self.visit.person;
        let thing = match (self.about, change) {
            (About::Run(..), _) | (_, Change::Missed) => return true,
            // The reasons for which one's jobs wait depend on the runners of everybody.
            (About::Queue, Change::Runner(_)) => return true,
            _ if person.scope == Scope::Instance && person.rights.hold(Right::ReadRuns) => return true,
            (About::Runners, Change::Runner(runner) | Change::Task { runner: Some(runner), .. }) => {
                Thing::Runner(runner)
            }
            (_, Change::Run(run) | Change::Job { run, .. } | Change::Task { run, .. }) => Thing::Run(run),
            (_, Change::Project(project)) => Thing::Project(project),
            (_, Change::Runner(_) | Change::Token(_)) => return false,
        };
        if let Some(is) = self.known.get(&thing) {
            return *is;
        }
        let is = self.sees(thing).await.unwrap_or(false);
        if self.known.len() >= KNOWN {
            self.known.clear();
        }
        self.known.insert(thing, is);
        is
    }

    async fn sees(&self, thing: Thing) -> Result<bool, StoreError> {
        let store = &self.visit.plane.store;
        let project = match thing {
            Thing::Project(project) => project,
            Thing::Run(run) => store.run(run).await?.project,
            Thing::Runner(runner) => {
                let reach = match store.runner(runner).await?.scope {
                    Scope::Instance => Reach::Instance,
                    Scope::Owner(owner) => Reach::Owner(owner),
                    Scope::Repository(id) => Reach::Project(store.project_by_id(id).await?.owner_id, id),
                };
                return Ok(self.visit.person.may(Right::ReadRunners, reach));
            }
        };
        Ok(self.visit.sees(&store.project_by_id(project).await?))
    }

    /// Whether places in the queue move with time: nobody tells of that.
    async fn waits(&self) -> bool {
        let plane = &self.visit.plane;
        match self.about {
            About::Run(run, _) => {
                let Ok(run) = plane.store.run(run).await else { return false };
                let is_open = !matches!(run.phase, RunPhase::Finished(_));
                is_open
                    && plane.store.jobs(run.id, run.attempt).await.is_ok_and(|jobs| {
                        jobs.iter().any(|job| matches!(job.phase, JobPhase::Held { .. } | JobPhase::Queued { .. }))
                    })
            }
            About::Queue => plane.queue.census().await.values().any(|count| *count > 0),
            About::Runners | About::Runs => false,
        }
    }
}

async fn tell(mut listener: Listener, mut news: Changes, sender: mpsc::Sender<Event>) {
    let pause = if matches!(listener.about, About::Run(..)) { PAUSE.0 } else { PAUSE.1 };
    let plane = listener.visit.plane.clone();
    let mut check = tokio::time::interval(CHECK);
    check.tick().await;
    loop {
        let change = tokio::select! {
            change = news.next() => change,
            _ = check.tick() => {
                match listener.visit.still().await {
                    Ok(person) if listener.about.may(&person) => {}
                    _ => return,
                }
                if listener.waits().await && sender.send(Event::default().event("change").data("-")).await.is_err() {
                    return;
                }
                continue;
            }
            () = plane.queue.closed() => return,
            () = sender.closed() => return,
        };
        let Some(change) = change else { return };
        if !listener.hears(change).await {
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
            again = again || listener.hears(change).await;
        }
        if again && sender.send(Event::default().event("change").data("-")).await.is_err() {
            return;
        }
    }
}
