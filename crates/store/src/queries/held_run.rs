//! A run that is held while something of it changes, and what is done with it then. Compiled for both databases.
//!
//! Whoever changes a job holds its run first, until the transaction ends, then the runner: in one order, nobody waits for each other.

use super::{Conn, Query, audit, jobs, new_jobs, runs};
use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::following::{Ending, RunCancel, RunHead, Seen};
use crate::jobs::ChangedJob;
use crate::runs::{Advance, Followed, StoredRun};
use domain::control::{
    AttemptNumber, CancelCause, JobNumber, ProjectId, RunId, RunJob, RunPhase, RunRefusal, RunTally,
};
use domain::{Conclusion, Timestamp};
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
    pub(super) cancelled: Option<RunCancel>,
    /// When the first job that is written with it was given to a runner.
    pub(super) begun: Option<Timestamp>,
}

/// A held run's columns, for queries that find other things with it.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    held_id: i64,
    held_project: i64,
    attempt: i64,
    tally: String,
    fault: Option<String>,
    ends: i64,
    advanced: i64,
    cancel_order: Option<i64>,
    cancel_cause: Option<String>,
}

macro_rules! columns {
    ($after:literal) => {
        concat!(
            "SELECT runs.id AS held_id, runs.project_id AS held_project, attempt, tally, fault, ends, advanced, \
             cancel_order, cancel_cause",
            $after
        )
    };
}
pub(super) use columns;

pub(super) async fn hold(conn: &mut Conn, id: RunId) -> Result<HeldRun, StoreError> {
    let row: Option<Row> = sqlx::query_as(concat!(columns!(" FROM runs WHERE id = $1"), held_of!("runs")))
        .bind(id.0)
        .fetch_optional(conn)
        .await?;
    row.ok_or_else(|| runs::missing(id))?.run()
}

/// Holds the run of a job.
pub(super) async fn hold_of(conn: &mut Conn, job: JobNumber) -> Result<HeldRun, StoreError> {
    let row: Option<Row> = sqlx::query_as(concat!(
        columns!(" FROM runs WHERE id = (SELECT run_id FROM jobs WHERE id = $1)"),
        held_of!("runs")
    ))
    .bind(job.0)
    .fetch_optional(conn)
    .await?;
    row.ok_or_else(|| jobs::missing(job))?.run()
}

impl Row {
    pub(super) fn run(self) -> Result<HeldRun, StoreError> {
        let Self { held_id, held_project, attempt, tally, fault, ends, advanced, cancel_order, cancel_cause } = self;
        let cancelled = runs::cancelled(cancel_order, cancel_cause)?;
        let tally = serde_json::from_str(&tally).map_err(|error| StoreError::damaged("run", error))?;
        let (id, project, attempt) = (RunId(held_id), ProjectId(held_project), runs::attempt(attempt)?);
        Ok(HeldRun { id, project, attempt, tally, fault, ends, advanced, cancelled, begun: None })
    }
}

impl HeldRun {
    pub(super) const fn new(id: RunId, project: ProjectId, tally: RunTally) -> Self {
        let attempt = AttemptNumber::FIRST;
        Self { id, project, attempt, tally, fault: None, ends: 0, advanced: 0, cancelled: None, begun: None }
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

    /// Where it is, for who draws what follows.
    pub(super) fn head(&self) -> RunHead {
        let Self { id, project, attempt, ends, advanced, .. } = *self;
        RunHead { id, project, attempt, phase: self.phase(), ends, advanced, cancelled: self.cancelled.clone() }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase(), RunPhase::Finished(_))
    }

    /// As it is written now.
    pub(super) fn kept(&self, now: Timestamp) -> Result<Kept, StoreError> {
        let phase = self.phase();
        let has_begun = !matches!(phase, RunPhase::Blocked | RunPhase::Waiting);
        Ok(Kept {
            id: self.id,
            tally: runs::written(&self.tally)?,
            phase,
            written: runs::written(&phase)?,
            fault: self.fault.clone(),
            ends: self.ends,
            advanced: self.advanced,
            started: has_begun.then(|| self.begun.unwrap_or(now)),
            finished: self.is_over().then_some(now),
        })
    }

    /// Writes it, and gives where it is.
    pub(super) async fn keep(self, conn: &mut Conn, now: Timestamp) -> Result<RunPhase, StoreError> {
        let kept = self.kept(now)?;
        kept.bind(sqlx::query(update!(1 2 3 4 5 6 7 8 9))).execute(conn).await?;
        Ok(kept.phase)
    }
}

/// A run as it is written.
pub(super) struct Kept {
    id: RunId,
    tally: String,
    phase: RunPhase,
    written: String,
    fault: Option<String>,
    ends: i64,
    advanced: i64,
    started: Option<Timestamp>,
    finished: Option<Timestamp>,
}

/// How a run is written, with the places of its values.
macro_rules! update {
    ($tally:literal $phase:literal $word:literal $fault:literal $ends:literal $advanced:literal $started:literal $finished:literal $id:literal) => {
        concat!(
            "UPDATE runs SET tally = $",
            $tally,
            ", phase = $",
            $phase,
            ", word = $",
            $word,
            ", fault = $",
            $fault,
            ", ends = $",
            $ends,
            ", advanced = $",
            $advanced,
            ", started_at = COALESCE(started_at, $",
            $started,
            "), finished_at = $",
            $finished,
            " WHERE id = $",
            $id
        )
    };
}
pub(super) use update;

impl Kept {
    /// Gives a query its values, behind those that it has.
    pub(super) fn bind(&self, query: Query) -> Query {
        query
            .bind(&self.tally)
            .bind(&self.written)
            .bind(self.phase.word())
            .bind(&self.fault)
            .bind(self.ends)
            .bind(self.advanced)
            .bind(self.started.map(|at| at.0.cast_signed()))
            .bind(self.finished.map(|at| at.0.cast_signed()))
            .bind(self.id.0)
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
    ending: Ending,
    now: Timestamp,
    entry: Option<&AuditEntry>,
) -> Result<StoredRun, StoreError> {
    let mut held = hold(&mut *conn, id).await?;
    let run = runs::by_id(&mut *conn, id).await?;
    if let RunPhase::Finished(conclusion) = run.phase {
        return Err(RunRefusal::Finished { conclusion }.into());
    }
    let place = held.ends + 1;
    let asked = match (run.cancelled.clone(), ending) {
        (None, Ending::All) => RunCancel { place, by: by.clone(), all_from: Some(place) },
        (None, Ending::ByConditions | Ending::Again) => RunCancel { place, by: by.clone(), all_from: None },
        (Some(before @ RunCancel { all_from: None, .. }), Ending::Again | Ending::All) => {
            RunCancel { all_from: Some(place), ..before }
        }
        (Some(_), _) => return Ok(run),
    };
    held.ends = place;
    sqlx::query("UPDATE runs SET cancel_order = $1, cancel_cause = $2 WHERE id = $3")
        .bind(asked.place)
        .bind(runs::written(&runs::Cause { by: asked.by, all_from: asked.all_from })?)
        .bind(id.0)
        .execute(&mut *conn)
        .await?;
    held.keep(&mut *conn, now).await?;
    if let Some(entry) = entry {
        audit::add(&mut *conn, now, entry).await?;
    }
    runs::by_id(conn, id).await
}
