//! What people do with runs: cancel them, run them again. Called by routes and pages.

use super::facts::{FactsError, RunFacts};
use crate::event::files_again;
use crate::plane::Plane;
use crate::task::variables;
use domain::Conclusion;
use domain::control::{CancelCause, JobNumber, RunId, RunPhase};
use std::collections::HashSet;
use store::{AuditEntry, Ending, StoreError, StoredJob, StoredRun};
use workflow::plan::{Graph, PlannedJob};

/// Which jobs run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rerun {
    /// All of them.
    All,
    /// Those that failed or were cancelled, and what needs them.
    Failed,
    /// One, and what needs it.
    Job(JobNumber),
}

/// Why a run was not cancelled or run again.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store refused, or is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its facts cannot be read.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// It goes on still.
    #[error("run {0} is not finished; cancel it or wait")]
    GoesOn(RunId),
    /// It has no jobs to run again.
    #[error("run {0} has no job that failed; run all of it again")]
    NothingFailed(RunId),
    /// The job is of another run or try.
    #[error("job {job} is none of the last try of run {run}")]
    NotItsJob {
        /// The job.
        job: JobNumber,
        /// The run.
        run: RunId,
    },
    /// A workflow that could not be read has nothing to run.
    #[error("run {0} has no jobs: its workflow could not be used; push a commit that mends it")]
    NoJobs(RunId),
}

/// Ends a run: its jobs that wait end at once, those that run are told to. Jobs whose conditions let them go on, such as `if: always()`, do, unless all is to end.
///
/// # Errors
/// When there is no such run, or it is finished.
pub async fn cancel(
    plane: &Plane,
    run: RunId,
    by: CancelCause,
    ending: Ending,
    audit: Option<&AuditEntry>,
) -> Result<(), RunError> {
    plane.store.cancel_run(run, &by, ending, plane.now(), audit).await?;
    plane.runs.look(run);
    Ok(())
}

/// Runs jobs of a finished run again, as its next try; the others are kept as they ended, with their outputs.
///
/// # Errors
/// When there is no such run, it goes on, or none of its jobs is meant.
pub async fn rerun(
    plane: &Plane,
    run: RunId,
    what: Rerun,
    actor: &str,
    audit: Option<&AuditEntry>,
) -> Result<StoredRun, RunError> {
    let stored = plane.store.run(run).await?;
    let RunPhase::Finished(_) = stored.phase else { return Err(RunError::GoesOn(run)) };
    let mut facts = RunFacts::of(&stored)
        .map_err(|error| if stored.fault.is_some() { RunError::NoJobs(run) } else { error.into() })?;
    let jobs = plane.store.jobs(run, stored.attempt).await?;
    if jobs.is_empty() {
        return Err(RunError::NoJobs(run));
    }
    // One value for a try: for its conditions and matrices as for its steps.
    facts.vars = serde_json::to_value(variables(plane, stored.project).await?).unwrap_or_default();
    if what == Rerun::All {
        called_again(plane, &stored, &mut facts).await;
    }
    let plan = facts.plan(&stored)?;
    let again: HashSet<String> = match what {
        Rerun::All => jobs.iter().map(|job| job.id.as_str().to_owned()).collect(),
        Rerun::Failed => {
            let is_bad = |job: &&StoredJob| {
                let end = job.phase.end().map(domain::control::JobEnd::conclusion);
                matches!(end, Some(Conclusion::Failure | Conclusion::Cancelled))
            };
            let bad: Vec<&StoredJob> = jobs.iter().filter(is_bad).collect();
            if bad.is_empty() {
                return Err(RunError::NothingFailed(run));
            }
            after(&plan.root, &jobs, &bad)
        }
        Rerun::Job(number) => {
            let one = jobs.iter().find(|job| job.number == number);
            let one = one.ok_or(RunError::NotItsJob { job: number, run })?;
            after(&plan.root, &jobs, &[one])
        }
    };
    // What never ran is decided anew.
    let is_kept = |job: &&StoredJob| job.end_order.is_some() && !again.contains(job.id.as_str());
    let kept: Vec<JobNumber> = jobs.iter().filter(is_kept).map(|job| job.number).collect();
    let attempt = stored.attempt.next().map_or(stored.attempt.get(), domain::control::AttemptNumber::get);
    if let Some(github) = facts.github.as_object_mut() {
        github.insert("run_attempt".to_owned(), attempt.to_string().into());
        github.insert("triggering_actor".to_owned(), actor.into());
    }
    let facts = serde_json::to_value(&facts).ok();
    let made = plane.store.rerun(run, &kept, facts.as_ref(), plane.now(), audit).await?;
    plane.runs.look(run);
    Ok(made)
}

/// What a run calls of other repositories is read again (`execution-semantics` 4.6); where that gives no plan, it stays as it was.
async fn called_again(plane: &Plane, run: &StoredRun, facts: &mut RunFacts) {
    let why = match files_again(plane, run, facts).await {
        Ok(Ok(None)) => return,
        Ok(Ok(Some(files))) => {
            facts.files = files;
            return;
        }
        Ok(Err(why)) => why,
        Err(error) => error.to_string(),
    };
    tracing::warn!(run = %run.id, why, "what a run calls of other repositories could not be read again; it runs as it was read before");
}

/// These jobs and all that need them, directly or not, by the ids of the run. A job of a called workflow takes along what needs it there, and what needs the call.
fn after(root: &Graph, jobs: &[StoredJob], first: &[&StoredJob]) -> HashSet<String> {
    let ids: HashSet<&str> = first.iter().map(|job| job.id.as_str()).collect();
    // By the beginning of the ids of a graph, the keys of its jobs that run again whole.
    let mut again: HashSet<(&str, &str)> = HashSet::new();
    for id in &ids {
        for level in levels(root, id) {
            let Level { graph, prefix, job } = level;
            let needs = |(_, planned): &(_, &PlannedJob)| planned.ancestors.contains(&job);
            let dependants = graph.workflow.jobs.iter().zip(&graph.jobs).filter(needs);
            again.extend(dependants.map(|(job, _)| (prefix, job.id.value.as_str())));
        }
    }
    let is_again = |id: &str| {
        let mut levels = levels(root, id).into_iter();
        // Of a call that failed itself all runs again.
        ids.contains(id)
            || levels.any(|level| {
                let call = level.prefix.strip_suffix(WITHIN);
                call.is_some_and(|call| ids.contains(call)) || again.contains(&(level.prefix, level.key()))
            })
    };
    jobs.iter().map(|job| job.id.as_str()).filter(|id| is_again(id)).map(str::to_owned).collect()
}

/// What stands between a call and a job of it, in an id.
const WITHIN: &str = " / ";

/// A job of a graph of the run.
struct Level<'a, 'b> {
    graph: &'a Graph,
    /// What stands before the ids of the graph's jobs: empty, or `call / `.
    prefix: &'b str,
    /// Which of them.
    job: usize,
}

impl<'a> Level<'a, '_> {
    fn key(&self) -> &'a str {
        &self.graph.workflow.jobs[self.job].id.value
    }
}

/// The jobs that an id goes through, from the run's own file inwards: `call (1) / inner` is `inner` of `call`. None where a part of it is no job.
fn levels<'a, 'b>(root: &'a Graph, id: &'b str) -> Vec<Level<'a, 'b>> {
    let (mut levels, mut graph, mut from) = (Vec::new(), root, 0);
    loop {
        let (prefix, rest) = id.split_at(from);
        // Keys have no spaces; what follows is a configuration, or a job of the call.
        let key = rest.split(' ').next().unwrap_or(rest);
        let Some(job) = graph.workflow.jobs.iter().position(|job| job.id.value == key) else { return levels };
        levels.push(Level { graph, prefix, job });
        let Some(callee) = &graph.jobs[job].callee else { return levels };
        // A value of a matrix may hold what stands between.
        let is_job = |at: &usize| {
            let inner = id[*at..].split(' ').next();
            callee.workflow.jobs.iter().any(|job| Some(job.id.value.as_str()) == inner)
        };
        let ends = rest.match_indices(WITHIN).map(|(at, _)| from + at + WITHIN.len());
        let Some(next) = ends.into_iter().find(is_job) else { return levels };
        (graph, from) = (callee, next);
    }
}
