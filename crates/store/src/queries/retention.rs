//! Queries of what goes after its time, compiled for both databases.

use super::{Conn, audit, held_run};
use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::retention::StartedTask;
use domain::control::{JobNumber, ProjectId, RunId, RunRefusal};
use domain::{TaskId, Timestamp};

pub(crate) async fn started(conn: &mut Conn, then: Timestamp) -> Result<Vec<StartedTask>, StoreError> {
    let rows: Vec<(i64, i64, String, String, i64)> = sqlx::query_as(
        "SELECT task_id, id, facts, phase, started_at FROM jobs
         WHERE word IN ('leased', 'running', 'cancelling') AND started_at < $1 ORDER BY task_id",
    )
    .bind(then.0.cast_signed())
    .fetch_all(conn)
    .await?;
    let damaged = |error| StoreError::damaged("job", error);
    let task = |(task, job, facts, phase, started): (i64, i64, String, String, i64)| {
        let facts = serde_json::from_str(&facts).map_err(damaged)?;
        let phase = serde_json::from_str(&phase).map_err(damaged)?;
        let started = Timestamp(started.cast_unsigned());
        Ok(StartedTask { task: TaskId(task), job: JobNumber(job), facts, phase, started })
    };
    rows.into_iter().map(task).collect()
}

pub(crate) async fn finished(conn: &mut Conn, then: Timestamp, limit: u32) -> Result<Vec<RunId>, StoreError> {
    let query = "SELECT id FROM runs WHERE finished_at IS NOT NULL AND finished_at < $1 ORDER BY finished_at LIMIT $2";
    runs(conn, query, then, limit).await
}

pub(crate) async fn with_logs(conn: &mut Conn, then: Timestamp, limit: u32) -> Result<Vec<RunId>, StoreError> {
    let query = "SELECT id FROM runs WHERE finished_at IS NOT NULL AND logs = 'kept' AND finished_at < $1
                 ORDER BY finished_at LIMIT $2";
    runs(conn, query, then, limit).await
}

async fn runs(conn: &mut Conn, query: &'static str, then: Timestamp, limit: u32) -> Result<Vec<RunId>, StoreError> {
    let rows: Vec<(i64,)> =
        sqlx::query_as(query).bind(then.0.cast_signed()).bind(i64::from(limit)).fetch_all(conn).await?;
    Ok(rows.into_iter().map(|(id,)| RunId(id)).collect())
}

pub(crate) async fn tasks(conn: &mut Conn, run: RunId) -> Result<Vec<TaskId>, StoreError> {
    let rows: Vec<(i64,)> =
        sqlx::query_as("SELECT tasks.id FROM tasks JOIN jobs ON jobs.id = job_id WHERE run_id = $1 ORDER BY tasks.id")
            .bind(run.0)
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().map(|(id,)| TaskId(id)).collect())
}

pub(crate) async fn note_logs_gone(conn: &mut Conn, run: RunId) -> Result<(), StoreError> {
    sqlx::query("UPDATE runs SET logs = 'gone' WHERE id = $1 AND finished_at IS NOT NULL")
        .bind(run.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// The logs of a project's tasks are to go.
pub(super) async fn drop_logs_of(conn: &mut Conn, project: ProjectId) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO gone_logs (task_id) SELECT tasks.id FROM tasks JOIN jobs ON jobs.id = job_id WHERE project_id = $1
         ON CONFLICT DO NOTHING",
    )
    .bind(project.0)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn gone_logs(conn: &mut Conn, limit: u32) -> Result<Vec<TaskId>, StoreError> {
    let rows: Vec<(i64,)> = sqlx::query_as("SELECT task_id FROM gone_logs ORDER BY task_id LIMIT $1")
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|(id,)| TaskId(id)).collect())
}

pub(crate) async fn forget_log(conn: &mut Conn, task: TaskId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM gone_logs WHERE task_id = $1").bind(task.0).execute(conn).await?;
    Ok(())
}

pub(crate) async fn remove_run(
    conn: &mut Conn,
    run: RunId,
    now: Timestamp,
    entry: Option<&AuditEntry>,
) -> Result<Vec<TaskId>, StoreError> {
    let held = held_run::hold(&mut *conn, run).await?;
    if !held.is_over() {
        return Err(RunRefusal::GoesOn.into());
    }
    let gone = tasks(&mut *conn, run).await?;
    sqlx::query(
        "INSERT INTO gone_logs (task_id) SELECT tasks.id FROM tasks JOIN jobs ON jobs.id = job_id WHERE run_id = $1
         ON CONFLICT DO NOTHING",
    )
    .bind(run.0)
    .execute(&mut *conn)
    .await?;
    sqlx::query("DELETE FROM runs WHERE id = $1").bind(run.0).execute(&mut *conn).await?;
    if let Some(entry) = entry {
        audit::add(conn, now, entry).await?;
    }
    Ok(gone)
}
