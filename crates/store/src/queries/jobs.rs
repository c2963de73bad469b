//! Queries of jobs, compiled for both databases.

use super::runs::HeldRun;
use super::{Conn, runs};
use crate::error::StoreError;
use crate::runs::{ChangedJob, NewJob, StoredJob};
use domain::control::{AttemptNumber, JobChange, JobNumber, JobPhase, RunId, RunJob, Tolerance};
use domain::{JobId, Timestamp};
use std::collections::BTreeMap;

/// A job's columns, for queries that find other things with it.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    number: i64,
    run_id: i64,
    run_attempt: i64,
    job_key: String,
    name: String,
    labels: String,
    priority: i64,
    tolerance: String,
    document: String,
    facts: String,
    phase: String,
    outputs: String,
    end_order: Option<i64>,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
}

impl Row {
    pub(super) fn job(self) -> Result<StoredJob, StoreError> {
        let damaged = |error| StoreError::damaged("job", error);
        let time = |at: i64| Timestamp(at.cast_unsigned());
        Ok(StoredJob {
            number: JobNumber(self.number),
            run: RunId(self.run_id),
            attempt: runs::attempt(self.run_attempt)?,
            id: JobId::new(self.job_key),
            name: self.name,
            labels: serde_json::from_str(&self.labels).map_err(damaged)?,
            priority: i32::try_from(self.priority).map_err(|error| StoreError::damaged("job", error))?,
            tolerance: serde_json::from_str(&self.tolerance).map_err(damaged)?,
            document: self.document,
            facts: serde_json::from_str(&self.facts).map_err(damaged)?,
            phase: serde_json::from_str(&self.phase).map_err(damaged)?,
            outputs: serde_json::from_str(&self.outputs).map_err(damaged)?,
            end_order: self.end_order,
            created: time(self.created_at),
            started: self.started_at.map(time),
            finished: self.finished_at.map(time),
        })
    }
}

pub(super) async fn add(
    conn: &mut Conn,
    run: RunId,
    jobs: &[NewJob],
    now: Timestamp,
) -> Result<Vec<JobNumber>, StoreError> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let mut held = runs::hold(&mut *conn, run).await?;
    let mut made = Vec::with_capacity(jobs.len());
    for job in jobs {
        let over = job.phase.end().map(|_| now.0.cast_signed());
        let id: Option<(i64,)> = sqlx::query_as(
            "INSERT INTO jobs (run_id, run_attempt, job_key, name, labels, priority, tolerance, document, facts, phase,
                               word, outputs, created_at, finished_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '{}', $12, $13) ON CONFLICT DO NOTHING RETURNING id",
        )
        .bind(run.0)
        .bind(i64::from(held.attempt.get()))
        .bind(job.id.as_str())
        .bind(&job.name)
        .bind(runs::written(&job.labels)?)
        .bind(i64::from(job.priority))
        .bind(runs::written(&job.tolerance)?)
        .bind(&job.document)
        .bind(job.facts.to_string())
        .bind(runs::written(&job.phase)?)
        .bind(job.phase.word())
        .bind(now.0.cast_signed())
        .bind(over)
        .fetch_optional(&mut *conn)
        .await?;
        let (id,) = id.ok_or_else(|| StoreError::Present { what: "job", name: job.id.to_string() })?;
        held.add(RunJob::of(&job.phase, job.tolerance));
        made.push(JobNumber(id));
    }
    held.keep(conn, now).await?;
    Ok(made)
}

pub(crate) async fn by_number(conn: &mut Conn, number: JobNumber) -> Result<StoredJob, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id AS number, run_id, run_attempt, job_key, name, labels, priority, tolerance, document, facts, phase,
                outputs, end_order, created_at, started_at, finished_at FROM jobs WHERE id = $1",
    )
    .bind(number.0)
    .fetch_optional(conn)
    .await?;
    row.ok_or_else(|| missing(number))?.job()
}

pub(crate) async fn of_run(conn: &mut Conn, run: RunId, attempt: AttemptNumber) -> Result<Vec<StoredJob>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id AS number, run_id, run_attempt, job_key, name, labels, priority, tolerance, document, facts, phase,
                outputs, end_order, created_at, started_at, finished_at FROM jobs
         WHERE run_id = $1 AND run_attempt = $2 ORDER BY id",
    )
    .bind(run.0)
    .bind(i64::from(attempt.get()))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::job).collect()
}

pub(crate) async fn queued(conn: &mut Conn, after: JobNumber, limit: u32) -> Result<Vec<StoredJob>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id AS number, run_id, run_attempt, job_key, name, labels, priority, tolerance, document, facts, phase,
                outputs, end_order, created_at, started_at, finished_at FROM jobs
         WHERE word = 'queued' AND id > $1 ORDER BY id LIMIT $2",
    )
    .bind(after.0)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::job).collect()
}

/// Holds the run of a job until the transaction ends. Whoever changes a job does this first, then holds the job, then the runner: in one order,
/// nobody waits for each other.
pub(super) async fn hold_run(conn: &mut Conn, number: JobNumber) -> Result<HeldRun, StoreError> {
    let run: Option<(i64,)> =
        sqlx::query_as("SELECT run_id FROM jobs WHERE id = $1").bind(number.0).fetch_optional(&mut *conn).await?;
    let (run,) = run.ok_or_else(|| missing(number))?;
    runs::hold(conn, RunId(run)).await
}

pub(crate) async fn change(
    conn: &mut Conn,
    number: JobNumber,
    change: JobChange,
    outputs: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<ChangedJob, StoreError> {
    let mut run_row = hold_run(&mut *conn, number).await?;
    let run = run_row.id();
    let held: Option<(String, String)> =
        sqlx::query_as("UPDATE jobs SET phase = phase WHERE id = $1 RETURNING phase, tolerance")
            .bind(number.0)
            .fetch_optional(&mut *conn)
            .await?;
    let (phase, tolerance) = held.ok_or_else(|| missing(number))?;
    let damaged = |error| StoreError::damaged("job", error);
    let before: JobPhase = serde_json::from_str(&phase).map_err(damaged)?;
    let tolerance: Tolerance = serde_json::from_str(&tolerance).map_err(damaged)?;
    let after = before.after(change)?;
    let end_order = run_row.replace(RunJob::of(&before, tolerance), RunJob::of(&after, tolerance));
    let has_begun = matches!(after, JobPhase::Running { .. });
    sqlx::query(
        "UPDATE jobs SET phase = $1, word = $2, end_order = COALESCE($3, end_order),
             outputs = CASE WHEN $4 THEN $5 ELSE outputs END,
             started_at = CASE WHEN $6 THEN COALESCE(started_at, $7) ELSE started_at END,
             finished_at = CASE WHEN $4 THEN $7 ELSE finished_at END WHERE id = $8",
    )
    .bind(runs::written(&after)?)
    .bind(after.word())
    .bind(end_order)
    .bind(end_order.is_some())
    .bind(runs::written(outputs)?)
    .bind(has_begun)
    .bind(now.0.cast_signed())
    .bind(number.0)
    .execute(&mut *conn)
    .await?;
    let run_phase = run_row.keep(conn, now).await?;
    Ok(ChangedJob { number, run, before, after, run_phase })
}

fn missing(number: JobNumber) -> StoreError {
    StoreError::Missing { what: "job", name: number.to_string() }
}
