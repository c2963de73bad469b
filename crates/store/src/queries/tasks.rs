//! Queries of tasks, compiled for both databases.

use super::{Conn, jobs, runners};
use crate::error::StoreError;
use crate::runs::{ChangedJob, StoredJob};
use crate::tasks::{StoredTask, Taker};
use domain::control::{JobChange, JobNumber, RunnerChange};
use domain::{RunnerId, TaskId, Timestamp};
use std::collections::BTreeMap;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    job_id: i64,
    runner_id: i64,
    runner_name: String,
    request_key: Option<String>,
    steps: String,
    given_at: i64,
    heard_at: i64,
}

impl Row {
    fn task(self) -> Result<StoredTask, StoreError> {
        Ok(StoredTask {
            id: TaskId(self.id),
            job: JobNumber(self.job_id),
            runner: RunnerId(self.runner_id),
            runner_name: self.runner_name,
            request: self.request_key,
            steps: serde_json::from_str(&self.steps).map_err(|error| StoreError::damaged("task", error))?,
            given: Timestamp(self.given_at.cast_unsigned()),
            heard: Timestamp(self.heard_at.cast_unsigned()),
        })
    }
}

pub(crate) async fn lease(
    conn: &mut Conn,
    job: JobNumber,
    taker: &Taker,
    now: Timestamp,
) -> Result<Option<(StoredTask, StoredJob)>, StoreError> {
    jobs::hold_run(&mut *conn, job).await?;
    let held = sqlx::query("UPDATE jobs SET phase = phase WHERE id = $1 AND word = 'queued'")
        .bind(job.0)
        .execute(&mut *conn)
        .await?;
    if held.rows_affected() == 0 {
        return Ok(None);
    }
    let row: Option<Row> = sqlx::query_as(
        "INSERT INTO tasks (job_id, runner_id, runner_name, request_key, steps, given_at, heard_at)
         SELECT $1, id, name, $2, '[]', $3, $3 FROM runners WHERE id = $4
         RETURNING id, job_id, runner_id, runner_name, request_key, steps, given_at, heard_at",
    )
    .bind(job.0)
    .bind(&taker.request)
    .bind(now.0.cast_signed())
    .bind(taker.runner.0)
    .fetch_optional(&mut *conn)
    .await?;
    let missing = || StoreError::Missing { what: "runner", name: taker.runner.0.to_string() };
    let task = row.ok_or_else(missing)?.task()?;
    let change = JobChange::Leased { task: task.id, runner: taker.runner, at: now, until: taker.until };
    jobs::change(&mut *conn, job, change, &BTreeMap::new(), now).await?;
    runners::change(&mut *conn, taker.runner, RunnerChange::Given(task.id)).await?;
    Ok(Some((task, jobs::by_number(conn, job).await?)))
}

pub(crate) async fn given_for(
    conn: &mut Conn,
    runner: RunnerId,
    request: &str,
) -> Result<Vec<(StoredTask, StoredJob)>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, job_id, runner_id, runner_name, request_key, steps, given_at, heard_at FROM tasks
         WHERE runner_id = $1 AND request_key = $2 ORDER BY id",
    )
    .bind(runner.0)
    .bind(request)
    .fetch_all(&mut *conn)
    .await?;
    with_lease(conn, rows).await
}

pub(crate) async fn by_id(conn: &mut Conn, id: TaskId) -> Result<(StoredTask, StoredJob), StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, job_id, runner_id, runner_name, request_key, steps, given_at, heard_at FROM tasks WHERE id = $1",
    )
    .bind(id.0)
    .fetch_optional(&mut *conn)
    .await?;
    let task = row.ok_or_else(|| missing(id))?.task()?;
    let job = jobs::by_number(conn, task.job).await?;
    Ok((task, job))
}

pub(crate) async fn heard(
    conn: &mut Conn,
    id: TaskId,
    steps: &serde_json::Value,
    now: Timestamp,
) -> Result<(), StoreError> {
    let done = sqlx::query("UPDATE tasks SET steps = $1, heard_at = $2 WHERE id = $3")
        .bind(steps.to_string())
        .bind(now.0.cast_signed())
        .bind(id.0)
        .execute(conn)
        .await?;
    if done.rows_affected() == 0 { Err(missing(id)) } else { Ok(()) }
}

pub(crate) async fn change_job(
    conn: &mut Conn,
    id: TaskId,
    change: JobChange,
    outputs: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<ChangedJob, StoreError> {
    let found: Option<(i64, i64)> = sqlx::query_as("SELECT job_id, runner_id FROM tasks WHERE id = $1")
        .bind(id.0)
        .fetch_optional(&mut *conn)
        .await?;
    let (job, runner) = found.ok_or_else(|| missing(id))?;
    let changed = jobs::change(&mut *conn, JobNumber(job), change, outputs, now).await?;
    if changed.before.lease().is_some() && changed.after.lease().is_none() {
        match runners::change(conn, RunnerId(runner), RunnerChange::Freed(id)).await {
            // It was removed while its job ran.
            Ok(_) | Err(StoreError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(changed)
}

pub(crate) async fn silent_since(
    conn: &mut Conn,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<(StoredTask, StoredJob)>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT t.id, job_id, runner_id, runner_name, request_key, steps, given_at, heard_at FROM tasks t
         JOIN jobs j ON j.id = job_id
         WHERE j.word IN ('leased', 'running', 'cancelling') AND heard_at < $1 ORDER BY heard_at, t.id LIMIT $2",
    )
    .bind(since.0.cast_signed())
    .bind(i64::from(limit))
    .fetch_all(&mut *conn)
    .await?;
    with_lease(conn, rows).await
}

/// Those whose lease is the job's own still.
async fn with_lease(conn: &mut Conn, rows: Vec<Row>) -> Result<Vec<(StoredTask, StoredJob)>, StoreError> {
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let task = row.task()?;
        let job = jobs::by_number(&mut *conn, task.job).await?;
        if job.phase.lease().is_some_and(|lease| lease.task == task.id) {
            found.push((task, job));
        }
    }
    Ok(found)
}

fn missing(id: TaskId) -> StoreError {
    StoreError::Missing { what: "task", name: id.to_string() }
}
