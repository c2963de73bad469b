//! A job that goes on, as a stream: its rows as they come, its state and steps as they change.
//!
//! `rows`: markup of rows, the event's id is the number of the next row, from which a reader that was cut off goes on. `state`: the head and the steps.
//! `gap`: `from to`, rows that are not told because they come faster than a browser shows them. `again`: the job was given to another runner, all
//! begins anew. `end`: nothing more comes.

use super::ansi::Look;
use super::changes::{CHECK, sse};
use super::fault::Fault;
use super::job::{Found, Place, cuts, find_job, head, painted, title};
use super::pairs::Pairs;
use super::rows::{self, Row};
use super::text::line;
use super::view::{StateNews, Waiting};
use super::visit::Visit;
use super::waiting::waiting;
use crate::access::Reach;
use crate::logs::{LogError, LogFacts};
use crate::task::newest_task;
use api::Right;
use askama::Template as _;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event;
use domain::{LogEnd, TaskId};
use std::time::Duration;
use store::{Change, StoreError};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// So many rows at a time.
const BATCH: u64 = 500;
/// Who is further behind than this is shown the last [`KEPT`] alone.
const BEHIND: u64 = 5_000;
const KEPT: u64 = 1_000;
/// The state is told no more often than this.
const PAUSE: Duration = Duration::from_millis(100);
/// The log of a job that is over ends within this time, or is taken to have ended.
const LAST: Duration = Duration::from_secs(20);

/// `…/events`
pub(crate) async fn events(visit: Visit, Path(at): Place, asked: Pairs, headers: HeaderMap) -> Response {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let next = last.or_else(|| asked.number("from")).unwrap_or(0);
    let found = match find_job(&visit, &at).await {
        Ok(found) => found,
        Err(fault) => return visit.answer(Err(fault)),
    };
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let teller = Teller { visit, found, next, look: Look::default(), log: None, told: None, sender };
        match teller.run().await {
            Ok(()) | Err(Stop::Gone) => {}
            Err(Stop::Fault(fault)) => {
                tracing::warn!(error = &fault as &dyn std::error::Error, "a live log broke off; its reader asks again");
            }
        }
    });
    sse(receiver)
}

/// Why a stream ends early.
enum Stop {
    /// Nobody reads any more, or nobody may.
    Gone,
    /// Something failed.
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}

impl From<LogError> for Stop {
    fn from(error: LogError) -> Self {
        Self::Fault(error.into())
    }
}

/// Tells one reader of one job.
struct Teller {
    visit: Visit,
    found: Found,
    /// The next row.
    next: u64,
    look: Look,
    log: Option<(TaskId, watch::Receiver<LogFacts>)>,
    /// Why the job waits, as it was told.
    told: Option<Waiting>,
    sender: mpsc::Sender<Event>,
}

/// Whether the job goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    GoesOn,
    Over(Instant),
}

impl Teller {
    async fn run(mut self) -> Result<(), Stop> {
        let plane = self.visit.plane.clone();
        let mut news = plane.store.changes().await?;
        let mut course = self.state(Course::GoesOn).await?;
        let mut due: Option<Instant> = None;
        let mut check = tokio::time::interval(CHECK);
        check.tick().await;
        loop {
            self.rows().await?;
            if let Course::Over(since) = course
                && (self.is_told() || since.elapsed() > LAST)
            {
                return self.say(Event::default().event("end").data("-")).await;
            }
            let number = self.found.job.number;
            let run = self.found.run.id;
            let wake = due.unwrap_or_else(|| Instant::now() + CHECK);
            tokio::select! {
                () = Self::more(&mut self.log) => {}
                change = news.next() => match change {
                    Some(Change::Job { job, .. } | Change::Task { job, .. }) if job == number => {
                        due = due.or(Some(Instant::now() + PAUSE));
                    }
                    Some(Change::Run(changed)) if changed == run => due = due.or(Some(Instant::now() + PAUSE)),
                    Some(Change::Missed) => due = due.or(Some(Instant::now() + PAUSE)),
                    Some(_) => {}
                    None => return Ok(()),
                },
                () = tokio::time::sleep_until(wake), if due.is_some() || course != Course::GoesOn => {
                    if due.take().is_some() {
                        course = self.state(course).await?;
                    }
                }
                _ = check.tick() => {
                    self.may_go_on().await?;
                    // Runners come and go, and places move: nobody tells a job of that.
                    if course == Course::GoesOn && self.told != waiting(&plane, &self.found.job).await {
                        due = due.or(Some(Instant::now()));
                    }
                }
                () = plane.queue.closed() => return Ok(()),
                () = self.sender.closed() => return Ok(()),
            }
        }
    }

    /// Waits for rows; for ever where there is no log yet.
    async fn more(log: &mut Option<(TaskId, watch::Receiver<LogFacts>)>) {
        if let Some((_, facts)) = log
            && facts.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }

    async fn say(&self, event: Event) -> Result<(), Stop> {
        self.sender.send(event).await.map_err(|_| Stop::Gone)
    }

    /// Whether all rows were told and no more can come.
    fn is_told(&self) -> bool {
        self.log.as_ref().is_none_or(|(_, facts)| {
            let facts = facts.borrow();
            facts.end == LogEnd::Last && self.next >= facts.rows
        })
    }

    /// A session that ended, or a token that may less now, sees no more.
    async fn may_go_on(&self) -> Result<(), Stop> {
        let person = self.visit.still().await.map_err(|_| Stop::Gone)?;
        let reach = Reach::Project(self.found.project.owner_id, self.found.project.id);
        if person.may(Right::ReadRuns, reach) { Ok(()) } else { Err(Stop::Gone) }
    }

    /// Looks at the job, and tells how it stands.
    async fn state(&mut self, before: Course) -> Result<Course, Stop> {
        let plane = &self.visit.plane;
        let job = plane.store.job(self.found.job.number).await?;
        let task = newest_task(&plane.store, &job).await?;
        let known = self.log.as_ref().map(|(task, _)| *task);
        let is_new = task.as_ref().map(|task| task.id) != known;
        if is_new && known.is_some() {
            self.say(Event::default().event("again").data("-")).await?;
            return Err(Stop::Gone);
        }
        if is_new && let Some(task) = &task {
            self.log = Some((task.id, plane.logs.watch(task.id).await?));
        }
        let rows = self.log.as_ref().map_or(0, |(_, facts)| facts.borrow().rows);
        let head = head(plane, &job, task.as_ref()).await;
        self.told.clone_from(&head.waiting);
        let links = &self.visit.links;
        let news = StateNews {
            icon: links.asset(head.mark.icon()),
            title: title(&head, &line(&self.found.project.full_name()), self.found.run.number),
            sections: cuts(&job, task.as_ref(), rows).into_iter().map(|cut| cut.section).collect(),
            head,
        };
        let text = news.render().map_err(Fault::Template)?;
        self.found.job = job;
        self.found.task = task;
        // The protocol knows no carriage return.
        self.say(Event::default().event("state").data(text.replace('\r', ""))).await?;
        Ok(match (before, self.found.job.phase.end()) {
            (_, None) => Course::GoesOn,
            (Course::GoesOn, Some(_)) => Course::Over(Instant::now()),
            (over, Some(_)) => over,
        })
    }

    /// Tells all rows that there are.
    async fn rows(&mut self) -> Result<(), Stop> {
        loop {
            let Some((task, facts)) = &mut self.log else { return Ok(()) };
            let (task, rows) = (*task, facts.borrow_and_update().rows);
            if self.next >= rows {
                return Ok(());
            }
            if rows - self.next > BEHIND {
                let to = rows - KEPT;
                let gap = Event::default().event("gap").id(to.to_string()).data(format!("{} {to}", self.next));
                self.say(gap).await?;
                self.next = to;
                self.look = Look::default();
            }
            let page = self.visit.plane.logs.read(task, self.next, BATCH).await?;
            let painted: Vec<Row<'_>> = painted(&page).collect();
            if painted.is_empty() {
                return Ok(());
            }
            let text = rows::stream(&painted, &mut self.look);
            self.next = page.first + page.rows.len() as u64;
            self.say(Event::default().event("rows").id(self.next.to_string()).data(text)).await?;
        }
    }
}
