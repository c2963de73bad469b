//! Queries of runs, compiled for both databases.

use super::{Conn, jobs};
use crate::error::StoreError;
use crate::runs::{Advance, ChangedJob, NewRun, ReservedRun, RunFilter, StoredRun};
use domain::control::{AttemptNumber, JobNumber, ProjectId, RunId, RunJob, RunPhase, RunTally};
use domain::{Conclusion, Timestamp};
use std::collections::BTreeMap;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    project_id: i64,
    number: i64,
    workflow: String,
    title: String,
    event: String,
    reference: String,
    commit_id: String,
    actor: String,
    facts: String,
    attempt: i64,
    phase: String,
    fault: Option<String>,
    ends: i64,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
}

impl Row {
    fn run(self) -> Result<StoredRun, StoreError> {
        let damaged = |error| StoreError::damaged("run", error);
        let time = |at: i64| Timestamp(at.cast_unsigned());
        Ok(StoredRun {
            id: RunId(self.id),
            project: ProjectId(self.project_id),
            number: self.number,
            workflow: self.workflow,
            title: self.title,
            event: self.event,
            reference: self.reference,
            commit: self.commit_id,
            actor: self.actor,
            facts: serde_json::from_str(&self.facts).map_err(damaged)?,
            attempt: attempt(self.attempt)?,
            phase: serde_json::from_str(&self.phase).map_err(damaged)?,
            fault: self.fault,
            ends: self.ends,
            created: time(self.created_at),
            started: self.started_at.map(time),
            finished: self.finished_at.map(time),
        })
    }
}

pub(super) fn attempt(stored: i64) -> Result<AttemptNumber, StoreError> {
    let number = u32::try_from(stored).ok().and_then(AttemptNumber::from_stored);
    number.ok_or_else(|| StoreError::damaged("run", format!("its attempt is {stored}")))
}

pub(super) fn written(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::damaged("run", error))
}

/// Takes the next run number of the server, and of a project.
pub(crate) async fn reserve(conn: &mut Conn, project: ProjectId) -> Result<ReservedRun, StoreError> {
    // Holds the project's row, so that it cannot go meanwhile.
    let held = sqlx::query("UPDATE projects SET git = git WHERE id = $1").bind(project.0).execute(&mut *conn).await?;
    if held.rows_affected() == 0 {
        return Err(StoreError::Missing { what: "project", name: project.to_string() });
    }
    let number = next(&mut *conn, &format!("run:{project}")).await?;
    Ok(ReservedRun { id: RunId(next(conn, "run").await?), number })
}

async fn next(conn: &mut Conn, counter: &str) -> Result<i64, StoreError> {
    let (value,): (i64,) = sqlx::query_as(
        "INSERT INTO counters (name, value) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET value = counters.value + 1
         RETURNING value",
    )
    .bind(counter)
    .fetch_one(conn)
    .await?;
    Ok(value)
}

pub(crate) async fn create(
    conn: &mut Conn,
    run: &NewRun,
    now: Timestamp,
) -> Result<(StoredRun, Vec<JobNumber>), StoreError> {
    let reserved = reserve(&mut *conn, run.project).await?;
    create_reserved(conn, reserved, run, now).await
}

pub(crate) async fn create_reserved(
    conn: &mut Conn,
    reserved: ReservedRun,
    run: &NewRun,
    now: Timestamp,
) -> Result<(StoredRun, Vec<JobNumber>), StoreError> {
    let (phase, fault) = match &run.jobs {
        Ok(_) => (RunPhase::Blocked, None),
        Err(fault) => (RunPhase::Finished(Conclusion::Failure), Some(fault.as_str())),
    };
    let finished = fault.map(|_| now.0.cast_signed());
    let id = reserved.id.0;
    let made = sqlx::query(
        "INSERT INTO runs (project_id, number, workflow, title, event, reference, commit_id, actor, facts, attempt,
                           tally, phase, fault, ends, advanced, created_at, finished_at, id)
         SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, 0, $14, $15, $16 FROM projects WHERE id = $1",
    )
    .bind(run.project.0)
    .bind(reserved.number)
    .bind(&run.workflow)
    .bind(&run.title)
    .bind(&run.event)
    .bind(&run.reference)
    .bind(&run.commit)
    .bind(&run.actor)
    .bind(run.facts.to_string())
    .bind(i64::from(AttemptNumber::FIRST.get()))
    .bind(written(&RunTally::default())?)
    .bind(written(&phase)?)
    .bind(fault)
    .bind(now.0.cast_signed())
    .bind(finished)
    .bind(id)
    .execute(&mut *conn)
    .await?;
    if made.rows_affected() == 0 {
        return Err(StoreError::Missing { what: "project", name: run.project.to_string() });
    }
    let made = jobs::add(&mut *conn, RunId(id), run.jobs.as_deref().unwrap_or_default(), now).await?;
    Ok((by_id(conn, RunId(id)).await?, made))
}

pub(crate) async fn by_id(conn: &mut Conn, id: RunId) -> Result<StoredRun, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, project_id, number, workflow, title, event, reference, commit_id, actor, facts, attempt, phase, fault,
                ends, created_at, started_at, finished_at FROM runs WHERE id = $1",
    )
    .bind(id.0)
    .fetch_optional(conn)
    .await?;
    row.ok_or_else(|| missing(id))?.run()
}

pub(crate) async fn list(conn: &mut Conn, filter: &RunFilter) -> Result<Vec<StoredRun>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, project_id, number, workflow, title, event, reference, commit_id, actor, facts, attempt, phase, fault,
                ends, created_at, started_at, finished_at FROM runs
         WHERE ($1 OR project_id = $2) AND id < $3 ORDER BY id DESC LIMIT $4",
    )
    .bind(filter.project.is_none())
    .bind(filter.project.map_or(0, |project| project.0))
    .bind(filter.before.map_or(i64::MAX, |run| run.0))
    .bind(i64::from(filter.limit))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::run).collect()
}

pub(crate) async fn behind(conn: &mut Conn, limit: u32) -> Result<Vec<RunId>, StoreError> {
    let rows: Vec<(i64,)> = sqlx::query_as("SELECT id FROM runs WHERE advanced < ends ORDER BY id LIMIT $1")
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|(id,)| RunId(id)).collect())
}

pub(crate) async fn advance(
    conn: &mut Conn,
    run: RunId,
    ends: i64,
    advance: &Advance,
    now: Timestamp,
) -> Result<Option<(Vec<JobNumber>, Vec<ChangedJob>)>, StoreError> {
    let done = sqlx::query("UPDATE runs SET advanced = $1 WHERE id = $2 AND advanced < $1")
        .bind(ends)
        .bind(run.0)
        .execute(&mut *conn)
        .await?;
    if done.rows_affected() == 0 {
        by_id(conn, run).await?;
        return Ok(None);
    }
    let made = jobs::add(&mut *conn, run, &advance.jobs, now).await?;
    let mut changed = Vec::with_capacity(advance.changes.len());
    for (number, change) in &advance.changes {
        changed.push(jobs::change(&mut *conn, *number, change.clone(), &BTreeMap::new(), now).await?);
    }
    hold(&mut *conn, run).await?.keep(conn, now).await?;
    Ok(Some((made, changed)))
}

/// A run whose row is held until the transaction ends.
pub(super) struct HeldRun {
    id: RunId,
    pub(super) attempt: AttemptNumber,
    tally: RunTally,
    ends: i64,
    advanced: i64,
}

pub(super) async fn hold(conn: &mut Conn, id: RunId) -> Result<HeldRun, StoreError> {
    let held: Option<(i64, String, i64, i64)> =
        sqlx::query_as("UPDATE runs SET ends = ends WHERE id = $1 RETURNING attempt, tally, ends, advanced")
            .bind(id.0)
            .fetch_optional(conn)
            .await?;
    let (number, tally, ends, advanced) = held.ok_or_else(|| missing(id))?;
    let tally = serde_json::from_str(&tally).map_err(|error| StoreError::damaged("run", error))?;
    Ok(HeldRun { id, attempt: attempt(number)?, tally, ends, advanced })
}

impl HeldRun {
    pub(super) const fn id(&self) -> RunId {
        self.id
    }

    /// A job came to it. One that is over already is no news to whoever made it, and its end is not counted.
    pub(super) fn add(&mut self, job: RunJob) {
        self.tally.add(job);
    }

    /// A job of it is elsewhere now; gives the place of its end among all, if it ended.
    pub(super) fn replace(&mut self, before: RunJob, after: RunJob) -> Option<i64> {
        self.tally.replace(before, after);
        let RunJob::Ended(..) = after else { return None };
        self.ends += 1;
        Some(self.ends)
    }

    /// Writes it, and gives where it is.
    pub(super) async fn keep(self, conn: &mut Conn, now: Timestamp) -> Result<RunPhase, StoreError> {
        let phase = match self.tally.phase() {
            // More jobs may follow from the last ends.
            RunPhase::Finished(_) if self.advanced < self.ends => RunPhase::Blocked,
            phase => phase,
        };
        let (now, has_begun) = (now.0.cast_signed(), !matches!(phase, RunPhase::Blocked | RunPhase::Waiting));
        sqlx::query(
            "UPDATE runs SET tally = $1, phase = $2, ends = $3,
                 started_at = CASE WHEN $4 THEN COALESCE(started_at, $5) ELSE started_at END,
                 finished_at = CASE WHEN $6 THEN $5 ELSE NULL END WHERE id = $7",
        )
        .bind(written(&self.tally)?)
        .bind(written(&phase)?)
        .bind(self.ends)
        .bind(has_begun)
        .bind(now)
        .bind(matches!(phase, RunPhase::Finished(_)))
        .bind(self.id.0)
        .execute(conn)
        .await?;
        Ok(phase)
    }
}

fn missing(id: RunId) -> StoreError {
    StoreError::Missing { what: "run", name: id.to_string() }
}
