//! What waits, and why. Ours.

use super::caller::Caller;
use super::fault::RestFault;
use super::guard::Need;
use super::jobs::{filter, why_of};
use super::query::Query;
use super::reply;
use super::route::{Route, get};
use super::shape::Known;
use crate::plane::Plane;
use api::{PageQuery, Right};
use axum::extract::State;
use axum::response::Response;
use domain::control::{JobPhase, JobStanding, Scope};
use store::{JobFilter, ListOrder, Project};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/queue", Need::Own(Right::ReadRuns), "What waits within the token's scope, and why (ours)")
            .query::<PageQuery>()
            .gives::<api::Queue>(200)
            .by(show),
    ]
}

async fn show(State(plane): State<Plane>, caller: Caller, query: Query) -> Result<Response, RestFault> {
    let page = query.page();
    let mut filter = within(&plane, &caller).await?;
    filter.standings = vec![JobStanding::Held, JobStanding::Queued];
    let total = plane.store.count_jobs(&filter).await?;
    filter.order = ListOrder::Oldest;
    filter.offset = u32::try_from(page.skip()).unwrap_or(u32::MAX);
    filter.limit = page.size;
    let stored = plane.store.jobs_list(&filter).await?;
    let mut known = Known::new(&plane);
    let mut jobs = Vec::with_capacity(stored.len());
    for job in stored {
        let project: Project = known.project(job.project).await?;
        let queued_at = match &job.phase {
            JobPhase::Queued { since, .. } => *since,
            _ => job.created,
        };
        jobs.push(api::QueuedJob {
            id: job.number.0,
            run_id: job.run.0,
            project: project.full_name(),
            why: Some(why_of(&plane, &job).await),
            name: job.name,
            labels: job.labels,
            queued_at: Some(queued_at),
        });
    }
    // The counts say what others wait for too: only who reaches the instance hears them.
    let reasons = match caller.person.scope {
        Scope::Instance => {
            let census = plane.queue.census().await;
            census.into_iter().map(|(kind, jobs)| api::ReasonCount { reason: kind.as_str().to_owned(), jobs }).collect()
        }
        Scope::Owner(_) | Scope::Repository(_) => Vec::new(),
    };
    let queue = api::Queue { total_count: total.cast_signed(), reasons, jobs };
    Ok(reply::page(&queue, total, page, &plane.site.url, &query.uri))
}

async fn within(plane: &Plane, caller: &Caller) -> Result<JobFilter, RestFault> {
    Ok(match caller.person.scope {
        Scope::Instance => filter(&super::caller::Place::Instance),
        Scope::Owner(owner) => JobFilter { owner: Some(owner), ..JobFilter::default() },
        Scope::Repository(id) => {
            let project = plane.store.project_by_id(id).await?;
            JobFilter { project: Some(project.id), ..JobFilter::default() }
        }
    })
}
