//! What the queue is filled with at the start. Called by the actor.

use domain::control::{JobNumber, ProjectId, RunId};
use std::collections::HashMap;
use store::{Project, Store, StoreError, StoredJob, StoredRunner};

/// So many jobs are read at a time.
const PAGE: u32 = 1000;

/// All that the queue knows.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) projects: Vec<Project>,
    pub(super) runners: Vec<StoredRunner>,
    /// Those with runners first: what holds a concurrency group comes before what waits for it.
    pub(super) jobs: Vec<(ProjectId, Vec<StoredJob>)>,
}

pub(super) async fn read(store: &Store) -> Result<Found, StoreError> {
    let projects = store.projects().await?;
    let runners = store.runners(None).await?;
    let of_run: HashMap<RunId, ProjectId> =
        store.open_runs().await?.into_iter().map(|run| (run.id, run.project)).collect();
    let mut jobs = Vec::new();
    let mut put = |job: StoredJob| {
        if let Some(project) = of_run.get(&job.run) {
            jobs.push((*project, vec![job]));
        }
    };
    store.out().await?.into_iter().for_each(|(_, job)| put(job));
    let mut after = JobNumber(0);
    loop {
        let page = store.waiting_jobs(None, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.number;
        page.into_iter().for_each(&mut put);
    }
    Ok(Found { projects, runners, jobs })
}
