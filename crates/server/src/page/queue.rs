//! Everything that waits, each job with its one reason.

use super::fault::Fault;
use super::fill::{html, job_mark, moment};
use super::links::RunPlace;
use super::pairs::Pairs;
use super::text::{line, number};
use super::view::{Here, QueuePage, QueueRow, ReasonRow};
use super::visit::Visit;
use super::waiting::waiting;
use axum::response::Response;
use domain::control::{JobNumber, ProjectId, RunId, Scope};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::{Project, StoredJob};

/// So many on a page.
const PAGE: u32 = 100;

/// `/queue`
pub(crate) async fn queue(visit: Visit, asked: Pairs) -> Response {
    let done = show(&visit, &asked).await;
    visit.answer(done)
}

async fn show(visit: &Visit, asked: &Pairs) -> Result<Response, Fault> {
    let projects: HashMap<ProjectId, Project> =
        visit.projects().await?.into_iter().map(|project| (project.id, project)).collect();
    let after = JobNumber(asked.number("after").unwrap_or(0));
    let mut jobs = waiting_jobs(visit, &projects, after).await?;
    let next = (jobs.len() > PAGE as usize).then(|| jobs[PAGE as usize - 1].number);
    jobs.truncate(PAGE as usize);
    let runs: BTreeSet<RunId> = jobs.iter().map(|job| job.run).collect();
    let runs = visit.plane.store.runs_of(&runs.into_iter().collect::<Vec<_>>()).await?;
    let titles: HashMap<RunId, String> =
        runs.iter().map(|run| (run.id, format!("{} #{}", line(&run.title), run.number))).collect();
    let mut counted: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut rows = Vec::new();
    for job in &jobs {
        // One that does not wait any more is none of the queue's, nor one whose run went.
        let (Some(project), Some(waiting), Some(title)) =
            (projects.get(&job.project), waiting(&visit.plane, job).await, titles.get(&job.run))
        else {
            continue;
        };
        *counted.entry(waiting.reason).or_default() += 1;
        let place = RunPlace { owner: project.owner.clone(), name: project.name.clone(), run: job.run.0 };
        rows.push(QueueRow {
            mark: job_mark(&job.phase),
            name: line(&job.name),
            href: visit.links.job(&place, job.number.0),
            run: title.clone(),
            run_href: visit.links.run(&place),
            project: line(&project.full_name()),
            labels: line(&job.labels.join(", ")),
            waiting,
        });
    }
    // Who sees a part of the server counts that part; beyond one page it is more than counted.
    let is_all = visit.person.scope == Scope::Instance && !projects.is_empty();
    if is_all {
        let census = visit.plane.queue.census().await;
        counted =
            census.into_iter().filter(|(_, count)| *count > 0).map(|(kind, count)| (kind.as_str(), count)).collect();
    }
    let total: u64 = counted.values().sum();
    let open = if !is_all && (next.is_some() || after.0 > 0) { " on this page" } else { "" };
    let page = QueuePage {
        frame: visit.live_frame("Queue", Here::Queue, None, "?queue=1"),
        now: moment(visit.plane.now()),
        reasons: counted.into_iter().map(|(word, count)| ReasonRow { word, count: number(count) }).collect(),
        total: format!("{}{open}", number(total)),
        jobs: rows,
        next: next.map(|job| format!("{}?after={job}", visit.links.queue())),
    };
    html(&page)
}

/// The first that wait behind a job, one more than a page has.
async fn waiting_jobs(
    visit: &Visit,
    projects: &HashMap<ProjectId, Project>,
    after: JobNumber,
) -> Result<Vec<StoredJob>, Fault> {
    let store = &visit.plane.store;
    if projects.is_empty() {
        return Ok(Vec::new());
    }
    if visit.person.scope == Scope::Instance {
        return Ok(store.waiting_jobs(None, after, PAGE + 1).await?);
    }
    let mut jobs = Vec::new();
    for project in projects.keys() {
        jobs.extend(store.waiting_jobs(Some(*project), after, PAGE + 1).await?);
    }
    jobs.sort_by_key(|job| job.number);
    Ok(jobs)
}
