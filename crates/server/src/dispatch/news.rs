//! What changed in the store by whoever did it, another server among them, told to the dispatcher. Started by `serve`.
//!
//! What this server did itself it told the dispatcher already; hearing it again changes nothing.

use super::QueueHandle;
use crate::run::Advancer;
use domain::RunnerId;
use domain::control::{JobNumber, ProjectId, RunId, RunPhase, TokenId, TokenPhase};
use std::collections::{BTreeSet, HashSet};
use std::time::Duration;
use store::{By, Change, Changes, Store, StoreError, TokenKind};
use tokio::sync::watch;

/// News that comes within this time is looked at together.
const TOGETHER: Duration = Duration::from_millis(5);
/// So much at most.
const MOST: usize = 512;
/// After a fault of the database.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows the news until the server stops.
#[derive(Debug)]
pub struct Follower {
    store: Store,
    queue: QueueHandle,
    runs: Advancer,
}

/// What is to be looked at.
#[derive(Debug, Default)]
struct Look {
    jobs: BTreeSet<(RunId, JobNumber)>,
    runs: BTreeSet<RunId>,
    runners: BTreeSet<RunnerId>,
    projects: BTreeSet<ProjectId>,
    tokens: BTreeSet<TokenId>,
    all: All,
}

/// Whether something was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum All {
    #[default]
    No,
    Yes,
}

impl Follower {
    /// One that tells this dispatcher.
    #[must_use]
    pub fn new(store: Store, queue: QueueHandle, runs: Advancer) -> Self {
        Self { store, queue, runs }
    }

    /// Follows.
    pub async fn run(self, mut changes: Changes, mut stopped: watch::Receiver<bool>) {
        loop {
            let first = tokio::select! {
                change = changes.next() => change,
                _ = stopped.changed() => return,
            };
            let Some(first) = first else { return };
            let mut look = Look::default();
            look.add(first);
            let more = async {
                for _ in 1..MOST {
                    let Some(change) = changes.next().await else { return };
                    look.add(change);
                }
            };
            // Whether time or news ran out first is the same.
            let _ = tokio::time::timeout(TOGETHER, more).await;
            while let Err(error) = self.look(&look).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "news could not be followed; they are in {PAUSE:?}"
                );
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    _ = stopped.changed() => return,
                }
            }
        }
    }

    async fn look(&self, look: &Look) -> Result<(), StoreError> {
        if look.all == All::Yes {
            return self.everything().await;
        }
        for project in &look.projects {
            match self.store.project_by_id(*project).await {
                Ok(found) => self.queue.project(found),
                Err(StoreError::Missing { .. }) => self.queue.project_gone(*project),
                Err(error) => return Err(error),
            }
        }
        for runner in &look.runners {
            match self.store.runner(*runner).await {
                Ok(found) => self.queue.runner(found),
                Err(StoreError::Missing { .. }) => self.queue.runner_gone(*runner),
                Err(error) => return Err(error),
            }
        }
        for token in &look.tokens {
            // A runner's key was taken back: its open questions end (`security` R10).
            if let Some((TokenKind::Runner, found)) = self.store.token_by_id(*token).await?
                && let (Some(runner), TokenPhase::Dead { .. }) = (found.runner, found.phase)
            {
                self.queue.flush(runner);
            }
        }
        for run in &look.runs {
            self.look_at_run(*run).await?;
        }
        let jobs: Vec<JobNumber> =
            look.jobs.iter().filter(|(run, _)| !look.runs.contains(run)).map(|(_, job)| *job).collect();
        let found = self.store.jobs_numbered(&jobs).await?;
        let there: HashSet<JobNumber> = found.iter().map(|job| job.number).collect();
        let gone: Vec<JobNumber> = jobs.into_iter().filter(|job| !there.contains(job)).collect();
        if !gone.is_empty() {
            self.queue.gone(gone);
        }
        self.queue.jobs(found);
        look.jobs.iter().map(|(run, _)| *run).collect::<BTreeSet<_>>().into_iter().for_each(|run| self.runs.look(run));
        Ok(())
    }

    async fn look_at_run(&self, id: RunId) -> Result<(), StoreError> {
        let run = match self.store.run_head(id).await {
            Ok(run) => run,
            Err(StoreError::Missing { .. }) => {
                self.queue.run(id, Vec::new());
                self.queue.run_left(id);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let jobs = match run.phase {
            RunPhase::Finished(_) => Vec::new(),
            _ => self.store.jobs(id, run.attempt).await?,
        };
        self.queue.run(id, jobs);
        if let RunPhase::Finished(_) = run.phase {
            self.queue.run_left(id);
        }
        self.runs.look(id);
        Ok(())
    }

    /// News was lost: whatever is open is looked at, and whatever the queue takes for open.
    async fn everything(&self) -> Result<(), StoreError> {
        for project in self.store.projects().await? {
            self.queue.project(project);
        }
        for runner in self.store.runners(None).await? {
            self.queue.runner(runner);
        }
        let open = self.store.open_runs().await?;
        let known = self.queue.runs().await;
        let runs: BTreeSet<RunId> = open.into_iter().map(|run| run.id).chain(known).collect();
        for run in runs {
            self.look_at_run(run).await?;
        }
        Ok(())
    }
}

impl Look {
    fn add(&mut self, change: Change) {
        match change {
            Change::Run(run) => drop(self.runs.insert(run)),
            Change::Job { job, run } => drop(self.jobs.insert((run, job))),
            // The dispatcher gave it, or was told with the report.
            Change::Task { by: By::Here, .. } => {}
            Change::Task { job, run, runner, by: By::Elsewhere } => {
                self.jobs.insert((run, job));
                self.runners.extend(runner);
            }
            Change::Runner(runner) => drop(self.runners.insert(runner)),
            Change::Project(project) => drop(self.projects.insert(project)),
            Change::Token(token) => drop(self.tokens.insert(token)),
            Change::Missed => self.all = All::Yes,
        }
    }
}
