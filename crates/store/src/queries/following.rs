//! Queries of what drawing what follows for a run reads, compiled for both databases.

use super::{Conn, runs};
use crate::error::StoreError;
use crate::following::{Content, EndedJob, JobRow, RunHead};
use domain::JobId;
use domain::control::{AttemptNumber, JobNumber, JobPhase, ProjectId, RunId};

type Head = (i64, i64, i64, String, i64, i64, Option<i64>, Option<String>);

pub(crate) async fn head(conn: &mut Conn, id: RunId) -> Result<RunHead, StoreError> {
    let row: Option<Head> = sqlx::query_as(
        "SELECT id, project_id, attempt, phase, ends, advanced, cancel_order, cancel_cause FROM runs WHERE id = $1",
    )
    .bind(id.0)
    .fetch_optional(conn)
    .await?;
    let (id, project, attempt, phase, ends, advanced, order, cause) = row.ok_or_else(|| runs::missing(id))?;
    Ok(RunHead {
        id: RunId(id),
        project: ProjectId(project),
        attempt: runs::attempt(attempt)?,
        phase: serde_json::from_str(&phase).map_err(|error| StoreError::damaged("run", error))?,
        ends,
        advanced,
        cancelled: runs::cancelled(order, cause)?,
    })
}

pub(crate) async fn ended(
    conn: &mut Conn,
    run: RunId,
    attempt: AttemptNumber,
    after: i64,
) -> Result<Vec<EndedJob>, StoreError> {
    let rows: Vec<(String, i64, String, String)> = sqlx::query_as(
        "SELECT job_key, end_order, phase, outputs FROM jobs
         WHERE run_id = $1 AND run_attempt = $2 AND end_order > $3 ORDER BY end_order",
    )
    .bind(run.0)
    .bind(i64::from(attempt.get()))
    .bind(after)
    .fetch_all(conn)
    .await?;
    let damaged = |error| StoreError::damaged("job", error);
    let mut ended = Vec::with_capacity(rows.len());
    for (id, order, phase, outputs) in rows {
        let phase: JobPhase = serde_json::from_str(&phase).map_err(damaged)?;
        let Some(end) = phase.end() else { continue };
        let outputs = serde_json::from_str(&outputs).map_err(damaged)?;
        ended.push(EndedJob::of(JobId::new(id), order, end, outputs));
    }
    Ok(ended)
}

pub(crate) async fn rows(conn: &mut Conn, run: RunId, attempt: AttemptNumber) -> Result<Vec<JobRow>, StoreError> {
    let rows: Vec<(i64, String, String, i64)> = sqlx::query_as(
        "SELECT id, job_key, phase, CAST(CASE WHEN word = 'held' AND document = '' THEN 1 ELSE 0 END AS BIGINT)
         FROM jobs WHERE run_id = $1 AND run_attempt = $2 ORDER BY id",
    )
    .bind(run.0)
    .bind(i64::from(attempt.get()))
    .fetch_all(conn)
    .await?;
    let row = |(number, id, phase, is_undecided): (i64, String, String, i64)| {
        Ok(JobRow {
            number: JobNumber(number),
            id: JobId::new(id),
            phase: serde_json::from_str(&phase).map_err(|error| StoreError::damaged("job", error))?,
            content: if is_undecided == 1 { Content::Undecided } else { Content::Decided },
        })
    };
    rows.into_iter().map(row).collect()
}
