//! Queries of what forges were told, compiled for both databases.

use super::{Conn, runs};
use crate::error::StoreError;
use crate::runs::StoredRun;
use domain::control::{AttemptNumber, ProjectId, RunId};
use std::collections::BTreeMap;

pub(crate) async fn untold(conn: &mut Conn, project: ProjectId, limit: u32) -> Result<Vec<StoredRun>, StoreError> {
    let rows: Vec<(i64,)> =
        sqlx::query_as("SELECT id FROM runs WHERE project_id = $1 AND told < attempt ORDER BY id LIMIT $2")
            .bind(project.0)
            .bind(i64::from(limit))
            .fetch_all(&mut *conn)
            .await?;
    let ids: Vec<RunId> = rows.into_iter().map(|(id,)| RunId(id)).collect();
    runs::by_ids(conn, &ids).await
}

pub(crate) async fn said(conn: &mut Conn, run: RunId) -> Result<BTreeMap<String, String>, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT context, said FROM statuses WHERE run_id = $1").bind(run.0).fetch_all(conn).await?;
    Ok(rows.into_iter().collect())
}

pub(crate) async fn note(conn: &mut Conn, run: RunId, context: &str, said: &str) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO statuses (run_id, context, said) SELECT id, $1, $2 FROM runs WHERE id = $3
         ON CONFLICT (run_id, context) DO UPDATE SET said = excluded.said",
    )
    .bind(context)
    .bind(said)
    .bind(run.0)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn told(conn: &mut Conn, run: RunId, attempt: AttemptNumber) -> Result<(), StoreError> {
    sqlx::query("UPDATE runs SET told = $1 WHERE id = $2 AND told < $1")
        .bind(i64::from(attempt.get()))
        .bind(run.0)
        .execute(conn)
        .await?;
    Ok(())
}

pub(crate) async fn leave(conn: &mut Conn, project: ProjectId) -> Result<(), StoreError> {
    sqlx::query("UPDATE runs SET told = attempt WHERE project_id = $1 AND told < attempt AND finished_at IS NOT NULL")
        .bind(project.0)
        .execute(conn)
        .await?;
    Ok(())
}
