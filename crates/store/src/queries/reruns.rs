//! Queries of the tries of runs, compiled for both databases.

use super::{Conn, audit, held_run, jobs, runs};
use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::runs::{StoredAttempt, StoredRun};
use domain::Timestamp;
use domain::control::{JobNumber, RunId, RunJob, RunTally};

#[derive(sqlx::FromRow)]
struct Row {
    attempt: i64,
    facts: String,
    phase: String,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
}

pub(crate) async fn attempts(conn: &mut Conn, run: RunId) -> Result<Vec<StoredAttempt>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT attempt, facts, phase, created_at, started_at, finished_at FROM attempts WHERE run_id = $1 ORDER BY attempt",
    )
    .bind(run.0)
    .fetch_all(conn)
    .await?;
    let damaged = |error| StoreError::damaged("attempt", error);
    let time = |at: i64| Timestamp(at.cast_unsigned());
    let attempt = |row: Row| {
        Ok(StoredAttempt {
            attempt: runs::attempt(row.attempt)?,
            facts: serde_json::from_str(&row.facts).map_err(damaged)?,
            phase: serde_json::from_str(&row.phase).map_err(damaged)?,
            created: time(row.created_at),
            started: row.started_at.map(time),
            finished: row.finished_at.map(time),
        })
    };
    rows.into_iter().map(attempt).collect()
}

pub(crate) async fn rerun(
    conn: &mut Conn,
    id: RunId,
    kept: &[JobNumber],
    facts: Option<&serde_json::Value>,
    now: Timestamp,
    entry: Option<&AuditEntry>,
) -> Result<StoredRun, StoreError> {
    held_run::hold(&mut *conn, id).await?;
    let run = runs::by_id(&mut *conn, id).await?;
    let attempt = run.phase.rerun(run.attempt)?;
    sqlx::query(
        "INSERT INTO attempts (run_id, attempt, facts, phase, created_at, started_at, finished_at)
         SELECT id, attempt, facts, phase, attempt_at, started_at, finished_at FROM runs WHERE id = $1",
    )
    .bind(id.0)
    .execute(&mut *conn)
    .await?;

    let last = jobs::of_run(&mut *conn, id, run.attempt).await?;
    if let Some(other) = kept.iter().find(|number| last.iter().all(|job| job.number != **number)) {
        return Err(jobs::missing(*other));
    }
    let mut copies: Vec<_> = last.into_iter().filter(|job| kept.contains(&job.number)).collect();
    copies.sort_by_key(|job| (job.end_order.is_none(), job.end_order, job.number));
    let (mut tally, mut ends) = (RunTally::default(), 0);
    for job in copies {
        tally.add(RunJob::of(&job.phase, job.tolerance));
        ends += i64::from(job.end_order.is_some());
        sqlx::query(
            "INSERT INTO jobs (run_id, run_attempt, project_id, job_key, name, labels, priority, tolerance, document, facts,
                               phase, word, outputs, end_order, kept_from, created_at, started_at, finished_at)
             SELECT run_id, $1, project_id, job_key, name, labels, priority, tolerance, document, facts, phase, word, outputs,
                    $2, COALESCE(kept_from, id), created_at, started_at, finished_at FROM jobs WHERE id = $3",
        )
        .bind(i64::from(attempt.get()))
        .bind(job.end_order.map(|_| ends))
        .bind(job.number.0)
        .execute(&mut *conn)
        .await?;
    }

    // Its phase is written once the first jobs are known; until then it waits, as they most likely will.
    let begins = domain::control::RunPhase::Waiting;
    sqlx::query(
        "UPDATE runs SET attempt = $1, tally = $2, phase = $3, word = $4, fault = NULL, ends = $5, advanced = -1,
             cancel_order = NULL, cancel_cause = NULL, facts = COALESCE($6, facts), attempt_at = $7, started_at = NULL,
             finished_at = NULL, logs = 'kept' WHERE id = $8",
    )
    .bind(i64::from(attempt.get()))
    .bind(runs::written(&tally)?)
    .bind(runs::written(&begins)?)
    .bind(begins.word())
    .bind(ends)
    .bind(facts.map(ToString::to_string))
    .bind(now.0.cast_signed())
    .bind(id.0)
    .execute(&mut *conn)
    .await?;
    if let Some(entry) = entry {
        audit::add(&mut *conn, now, entry).await?;
    }
    runs::by_id(conn, id).await
}
