//! A run that is held while something of it changes, and what is done with it then. Compiled for both databases.
//!
//! Whoever changes a job holds its run first, until the transaction ends, then the runner: in one order, nobody waits for each other.

use super::{Conn, audit, jobs, new_jobs, runs, tasks};
use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::following::Seen;
use crate::jobs::ChangedJob;
use crate::runs::{Advance, Followed, StoredRun};
use domain::control::{
    AttemptNumber, CancelCause, JobNumber, ProjectId, RunId, RunJob, RunPhase, RunRefusal, RunTally,
};
use domain::{Conclusion, TaskId, Timestamp};
use std::collections::BTreeMap;

/// A run whose row is held until the transaction ends.
pub(crate) struct HeldRun {
    pub(super) id: RunId,
    pub(super) project: ProjectId,
    pub(super) attempt: AttemptNumber,
    pub(super) tally: RunTally,
    pub(super) fault: Option<String>,
    pub(super) ends: i64,
    pub(super) advanced: i64,
    /// When the first job that is written with it was given to a runner.
    pub(super) begun: Option<Timestamp>,
}

type Held = (i64, i64, i64, String, Option<String>, i64, i64);

pub(super) async fn hold(conn: &mut Conn, id: RunId) -> Result<HeldRun, StoreError> {
    let held: Option<Held> =
        sqlx::query_as(held!("SELECT id, project_id, attempt, tally, fault, ends, advanced FROM runs WHERE id = $1"))
            .bind(id.0)
            .fetch_optional(conn)
            .await?;
    HeldRun::of(held.ok_or_else(|| runs::missing(id))?)
}

/// Holds the run of a job.
pub(super) async fn hold_of(conn: &mut Conn, job: JobNumber) -> Result<HeldRun, StoreError> {
    let held: Option<Held> = sqlx::query_as(held!(
        "SELECT id, project_id, attempt, tally, fault, ends, advanced FROM runs
         WHERE id = (SELECT run_id FROM jobs WHERE id = $1)"
    ))
    .bind(job.0)
    .fetch_optional(conn)
    .await?;
    HeldRun::of(held.ok_or_else(|| jobs::missing(job))?)
}

/// Holds the run of a task.
pub(super) async fn hold_of_task(conn: &mut Conn, task: TaskId) -> Result<HeldRun, StoreError> {
    let held: Option<Held> = sqlx::query_as(held!(
        "SELECT id, project_id, attempt, tally, fault, ends, advanced FROM runs
         WHERE id = (SELECT run_id FROM jobs JOIN tasks ON jobs.id = job_id WHERE tasks.id = $1)"
    ))
    .bind(task.0)
    .fetch_optional(conn)
    .await?;
    HeldRun::of(held.ok_or_else(|| tasks::missing(task))?)
}

impl HeldRun {
    pub(super) const fn new(id: RunId, project: ProjectId, tally: RunTally) -> Self {
        Self { id, project, attempt: AttemptNumber::FIRST, tally, fault: None, ends: 0, advanced: 0, begun: None }
    }

    fn of((id, project, attempt, tally, fault, ends, advanced): Held) -> Result<Self, StoreError> {
        let tally = serde_json::from_str(&tally).map_err(|error| StoreError::damaged("run", error))?;
        let (id, project, attempt) = (RunId(id), ProjectId(project), runs::attempt(attempt)?);
        Ok(Self { id, project, attempt, tally, fault, ends, advanced, begun: None })
    }

    /// A job of it is elsewhere now; gives the place of its end among all, if it ended.
    pub(super) fn replace(&mut self, before: RunJob, after: RunJob) -> Option<i64> {
        self.tally.replace(before, after);
        let RunJob::Ended(..) = after else { return None };
        self.ends += 1;
        Some(self.ends)
    }

    /// Where it is.
    pub(super) fn phase(&self) -> RunPhase {
        match self.tally.phase() {
            // More jobs may follow from what happened last.
            RunPhase::Finished(_) if self.advanced < self.ends => RunPhase::Blocked,
            RunPhase::Finished(Conclusion::Success | Conclusion::Skipped) if self.fault.is_some() => {
                RunPhase::Finished(Conclusion::Failure)
            }
            phase => phase,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase(), RunPhase::Finished(_))
    }

    /// Writes it, and gives where it is.
    pub(super) async fn keep(self, conn: &mut Conn, now: Timestamp) -> Result<RunPhase, StoreError> {
        let phase = self.phase();
        let has_begun = !matches!(phase, RunPhase::Blocked | RunPhase::Waiting);
        sqlx::query(
            "UPDATE runs SET tally = $1, phase = $2, word = $3, fault = $4, ends = $5, advanced = $6,
                 started_at = CASE WHEN $7 THEN COALESCE(started_at, $11) ELSE started_at END,
                 finished_at = CASE WHEN $9 THEN $8 ELSE NULL END WHERE id = $10",
        )
        .bind(runs::written(&self.tally)?)
        .bind(runs::written(&phase)?)
        .bind(phase.word())
        .bind(&self.fault)
        .bind(self.ends)
        .bind(self.advanced)
        .bind(has_begun)
        .bind(now.0.cast_signed())
        .bind(self.is_over())
        .bind(self.id.0)
        .bind(self.begun.unwrap_or(now).0.cast_signed())
        .execute(conn)
        .await?;
        Ok(phase)
    }
}

pub(crate) async fn advance(
    conn: &mut Conn,
    seen: Seen,
    advance: &Advance,
    now: Timestamp,
) -> Result<Option<Followed>, StoreError> {
    let mut run = hold(&mut *conn, seen.run).await?;
    // What was drawn for an earlier try says nothing of this one.
    if run.attempt != seen.attempt || run.advanced >= seen.ends {
        return Ok(None);
    }
    run.advanced = seen.ends;
    if advance.fault.is_some() {
        run.fault.clone_from(&advance.fault);
    }
    for number in &advance.removed {
        new_jobs::remove(&mut *conn, &mut run, *number).await?;
    }
    for (number, job) in &advance.replaced {
        new_jobs::replace(&mut *conn, &mut run, *number, job, now).await?;
    }
    let made = new_jobs::add(&mut *conn, &mut run, &advance.jobs, now).await?;
    let mut moves = Vec::with_capacity(advance.changes.len());
    for (number, change) in &advance.changes {
        let outputs = BTreeMap::new();
        moves.push((*number, jobs::change_held(&mut *conn, &mut run, *number, change, &outputs, now).await?));
    }
    let ends = run.ends;
    let phase = run.keep(conn, now).await?;
    let changed = |(number, (before, after))| ChangedJob { number, run: seen.run, before, after, run_phase: phase };
    Ok(Some(Followed { made, changed: moves.into_iter().map(changed).collect(), phase, ends }))
}

pub(crate) async fn cancel(
    conn: &mut Conn,
    id: RunId,
    by: &CancelCause,
    now: Timestamp,
    entry: Option<&AuditEntry>,
) -> Result<StoredRun, StoreError> {
    let mut held = hold(&mut *conn, id).await?;
    let run = runs::by_id(&mut *conn, id).await?;
    if let RunPhase::Finished(conclusion) = run.phase {
        return Err(RunRefusal::Finished { conclusion }.into());
    }
    if run.cancelled.is_some() {
        return Ok(run);
    }
    held.ends += 1;
    sqlx::query("UPDATE runs SET cancel_order = $1, cancel_cause = $2 WHERE id = $3")
        .bind(held.ends)
        .bind(runs::written(by)?)
        .bind(id.0)
        .execute(&mut *conn)
        .await?;
    held.keep(&mut *conn, now).await?;
    if let Some(entry) = entry {
        audit::add(&mut *conn, now, entry).await?;
    }
    runs::by_id(conn, id).await
}
