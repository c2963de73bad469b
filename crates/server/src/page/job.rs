//! One job: its state, its steps, and their rows of the log. Of a very long log a page shows parts.

use super::ansi::Look;
use super::fault::Fault;
use super::fill::{detail, html, job_mark, moment, place, run_head, runs_since, took};
use super::links::RunPlace;
use super::pairs::Pairs;
use super::rows::{self, Row};
use super::run::find;
use super::sections::{Cut, cut};
use super::text::line;
use super::view::{Action, Here, JobHead, JobPage, More, Section, Way};
use super::visit::Visit;
use super::waiting::waiting;
use crate::logs::LogPage;
use crate::plane::Plane;
use crate::run::JobFacts;
use crate::task::{Progress, is_removed, newest_task, removed};
use axum::extract::Path;
use axum::response::{Html, IntoResponse as _, Response};
use domain::TaskId;
use domain::control::{JobNumber, RunPhase};
use store::{Project, StoredJob, StoredRun, StoredTask};

/// Steps that are folded hold their rows when they have no more than this.
const FEW: u64 = 300;
/// So many rows a page has, all steps together.
const PAGE: u64 = 3_000;
/// So many bytes of a log a page has.
const BYTES: usize = 2 * 1024 * 1024;

pub(crate) type Place = Path<(String, String, String, String)>;

/// A job that may be seen, with the newest task that has its log.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) project: Project,
    pub(crate) run: StoredRun,
    pub(crate) job: StoredJob,
    pub(crate) task: Option<StoredTask>,
}

/// Finds a job by its place.
pub(crate) async fn find_job(
    visit: &Visit,
    (owner, name, run, job): &(String, String, String, String),
) -> Result<Found, Fault> {
    let (project, run) = find(visit, owner, name, run).await?;
    let job = job.parse().map(JobNumber).map_err(|_| Fault::Nowhere)?;
    let job = visit.plane.store.job(job).await?;
    if job.run != run.id {
        return Err(Fault::Nowhere);
    }
    let task = newest_task(&visit.plane.store, &job).await?;
    Ok(Found { project, run, job, task })
}

/// `/{owner}/{name}/runs/{run}/jobs/{job}`
pub(crate) async fn job(visit: Visit, Path(at): Place, asked: Pairs) -> Response {
    let done = show(&visit, &at, &asked).await;
    visit.answer(done)
}

/// `…/rows?from=…&to=…`: rows that the page left out.
pub(crate) async fn rows(visit: Visit, Path(at): Place, asked: Pairs) -> Response {
    let done = more(&visit, &at, &asked).await;
    visit.answer(done)
}

async fn show(visit: &Visit, at: &(String, String, String, String), asked: &Pairs) -> Result<Response, Fault> {
    let found = find_job(visit, at).await?;
    let Found { project, run, job, task } = &found;
    let here = place(project, run);
    let href = visit.links.job(&here, job.number.0);
    let (mut rows, mut gone) = (0, None);
    if let Some(task) = task {
        let facts = *visit.plane.logs.watch(task.id).await?.borrow();
        rows = facts.rows;
        gone = is_removed(&visit.plane, job, facts).await?.then(|| removed(visit.plane.site.keep_logs));
    }
    let head = head(&visit.plane, job, task.as_ref()).await;
    let cuts = cuts(job, task.as_ref(), rows);
    let wanted =
        asked.number("from").or_else(|| Some(asked.number::<u64>("line")?.saturating_sub(1) / More::PART * More::PART));
    let wanted = wanted.filter(|from| *from < rows);
    let mut reader = Reader { plane: &visit.plane, task: task.as_ref().map(|task| task.id), rows: PAGE, bytes: BYTES };
    let is_small = rows <= PAGE && asked.get("from").is_none();
    let sections = match wanted {
        // All of it is on the page.
        Some(_) if is_small => reader.whole(cuts).await?,
        Some(from) => reader.part(cuts, from, rows).await?,
        None => reader.whole(cuts).await?,
    };
    let is_part = wanted.is_some() && !is_small;
    let is_open = job.phase.end().is_none();
    let run_head = run_head(visit, project, run);
    let title = title(&head, &run_head.project, run.number);
    let page = JobPage {
        frame: visit.frame(title, Here::Runs, Some(head.mark)),
        actions: actions(visit, &found, &here),
        raw: (!sections.is_empty() && gone.is_none()).then(|| format!("{href}/log.txt")),
        events: (is_open && !is_part).then(|| format!("{href}/events")),
        run: run_head,
        head,
        sections,
        rows,
        gone,
        href,
        is_part,
    };
    html(&page)
}

async fn more(visit: &Visit, at: &(String, String, String, String), asked: &Pairs) -> Result<Response, Fault> {
    let Found { task, .. } = find_job(visit, at).await?;
    let (Some(task), Some(from), Some(to)) = (task, asked.number::<u64>("from"), asked.number::<u64>("to")) else {
        return Err(Fault::Nowhere);
    };
    // Who goes back wants the last of them.
    let first = if asked.get("back").is_some() { to.saturating_sub(More::PART).max(from) } else { from };
    let mut reader = Reader { plane: &visit.plane, task: Some(task.id), rows: More::PART, bytes: BYTES };
    let (rows, read) = reader.read(first, to).await?;
    let back = More::some(Way::Back, from, first);
    let on = More::some(Way::On, read, to).filter(|more| more.from > first);
    let text = back.map(More::html).into_iter().chain([rows]).chain(on.map(More::html)).collect::<String>();
    Ok(Html(text).into_response())
}

/// The title of the window: what counts first.
pub(crate) fn title(head: &JobHead, project: &str, number: i64) -> String {
    format!("{}: {} · {project} #{number}", head.word, head.name)
}

/// The state of a job.
pub(crate) async fn head(plane: &Plane, job: &StoredJob, task: Option<&StoredTask>) -> JobHead {
    let facts = JobFacts::of(job).ok();
    JobHead {
        now: moment(plane.now()),
        mark: job_mark(&job.phase),
        word: job.phase.standing().word(),
        name: line(&job.name),
        labels: line(&job.labels.join(", ")),
        waiting: waiting(plane, job).await,
        runner: task.map(|task| line(&task.runner_name)),
        detail: detail(job, facts.as_ref().and_then(|facts| facts.reason.as_deref())),
        started: job.started.map(moment),
        since: runs_since(job),
        took: took(job.started, job.finished),
    }
}

/// The parts of a job's log.
pub(crate) fn cuts(job: &StoredJob, task: Option<&StoredTask>, rows: u64) -> Vec<Cut> {
    let facts = JobFacts::of(job).ok();
    let progress = task.map(Progress::of).unwrap_or_default();
    cut(job, facts.as_ref(), &progress, rows)
}

fn actions(visit: &Visit, found: &Found, here: &RunPlace) -> Vec<Action> {
    let Found { project, run, job, .. } = found;
    let is_over = matches!(run.phase, RunPhase::Finished(_)) && job.attempt == run.attempt;
    if !visit.changes(project) || !is_over || job.phase.end().is_none() {
        return Vec::new();
    }
    vec![Action {
        action: format!("{}/rerun", visit.links.run(here)),
        label: "Re-run this job",
        field: Some(("what", job.number.to_string())),
        is_danger: false,
    }]
}

/// Reads rows of a log, as long as there is room on the page.
struct Reader<'a> {
    plane: &'a Plane,
    task: Option<TaskId>,
    rows: u64,
    bytes: usize,
}

impl Reader<'_> {
    /// All sections: those that are open first, the end of each before its beginning.
    async fn whole(&mut self, mut cuts: Vec<Cut>) -> Result<Vec<Section>, Fault> {
        for is_open in [true, false] {
            for cut in cuts.iter_mut().filter(|cut| cut.section.open == is_open) {
                let (first, to) = cut.range();
                if first == to {
                    continue;
                }
                if !is_open && to - first > FEW {
                    cut.section.later = More::some(Way::On, first, to);
                    continue;
                }
                let from = if is_open { to.saturating_sub(More::PART).max(first) } else { first };
                let (body, read) = self.read(from, to).await?;
                cut.section.earlier = More::some(Way::Back, first, from);
                cut.section.body = body;
                cut.section.later = More::some(Way::On, read, to);
            }
        }
        Ok(cuts.into_iter().map(|cut| cut.section).collect())
    }

    /// The sections that have rows from one on. What is left out of a section can be had there; what lies before the first and behind the last of
    /// them is another page.
    async fn part(&mut self, cuts: Vec<Cut>, from: u64, rows: u64) -> Result<Vec<Section>, Fault> {
        let to = rows.min(from + More::PART);
        let mut shown = Vec::new();
        let (mut before, mut behind) = (from, to);
        for mut cut in cuts {
            let (begin, end) = cut.range();
            let (first, last) = (begin.max(from), end.min(to));
            if first < last {
                let (body, read) = self.read(first, last).await?;
                cut.section.body = body;
                cut.section.earlier = More::some(Way::Back, begin, first);
                cut.section.later = More::some(Way::On, read, end);
                cut.section.open = true;
                before = before.min(begin);
                behind = end;
                shown.push(cut.section);
            }
        }
        if let Some(section) = shown.first_mut() {
            section.before = More::some(Way::Before, 0, before);
        }
        if let Some(section) = shown.last_mut() {
            section.behind = More::some(Way::Behind, behind, rows);
        }
        Ok(shown)
    }

    /// Rows as markup, and the row behind the last of them.
    async fn read(&mut self, from: u64, to: u64) -> Result<(String, u64), Fault> {
        let to = to.min(from.saturating_add(self.rows));
        let Some(task) = self.task.filter(|_| from < to && self.bytes > 0) else { return Ok((String::new(), from)) };
        let page = self.plane.logs.read(task, from, to - from).await?;
        let (mut count, mut bytes) = (0, 0);
        for row in &page.rows {
            bytes += row.content.len();
            if bytes > self.bytes && count > 0 {
                break;
            }
            count += 1;
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        self.rows = self.rows.saturating_sub(count as u64);
        let rows: Vec<Row<'_>> = painted(&page).take(count).collect();
        Ok((rows::page(&rows, &mut Look::default()), page.first + rows.len() as u64))
    }
}

/// The rows of a page of a log, to be painted.
pub(crate) fn painted(page: &LogPage) -> impl Iterator<Item = Row<'_>> {
    let first = page.first;
    page.rows.iter().zip(first..).map(|(row, number)| Row { number, at: row.at.0, content: &row.content })
}
