//! Queries of what is known of workflows, compiled for both databases.

use super::{Conn, audit, projects};
use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::workflows::{DisabledWorkflow, NewSchedule, Schedule, WorkflowState};
use domain::Timestamp;
use domain::control::ProjectId;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    project_id: i64,
    path: String,
    cron: String,
    zone: String,
    due_at: i64,
}

impl Row {
    fn schedule(self) -> Schedule {
        let Self { id, project_id, path, cron, zone, due_at } = self;
        let new = NewSchedule { path, cron, zone, due: Timestamp(due_at.cast_unsigned()) };
        Schedule { id, project: ProjectId(project_id), new }
    }
}

pub(crate) async fn set(
    conn: &mut Conn,
    project: ProjectId,
    path: &str,
    state: WorkflowState,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    projects::hold(&mut *conn, project).await?;
    match state {
        WorkflowState::Enabled => {
            sqlx::query("DELETE FROM disabled_workflows WHERE project_id = $1 AND path = $2")
                .bind(project.0)
                .bind(path)
                .execute(&mut *conn)
                .await?;
        }
        // Who did it first is remembered.
        WorkflowState::Disabled => {
            sqlx::query(
                "INSERT INTO disabled_workflows (project_id, path, disabled_by, disabled_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT DO NOTHING",
            )
            .bind(project.0)
            .bind(path)
            .bind(&entry.actor)
            .bind(now.0.cast_signed())
            .execute(&mut *conn)
            .await?;
        }
    }
    audit::add(conn, now, entry).await
}

pub(crate) async fn disabled(conn: &mut Conn, project: ProjectId) -> Result<Vec<DisabledWorkflow>, StoreError> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT path, disabled_by, disabled_at FROM disabled_workflows WHERE project_id = $1 ORDER BY path",
    )
    .bind(project.0)
    .fetch_all(conn)
    .await?;
    let workflow =
        |(path, by, at): (String, String, i64)| DisabledWorkflow { path, by, at: Timestamp(at.cast_unsigned()) };
    Ok(rows.into_iter().map(workflow).collect())
}

pub(crate) async fn set_schedules(
    conn: &mut Conn,
    project: ProjectId,
    wanted: &[NewSchedule],
) -> Result<(), StoreError> {
    projects::hold(&mut *conn, project).await?;
    let same = |one: &NewSchedule, other: &NewSchedule| {
        (&one.path, &one.cron, &one.zone) == (&other.path, &other.cron, &other.zone)
    };
    for known in schedules(&mut *conn, project).await? {
        if !wanted.iter().any(|one| same(one, &known.new)) {
            sqlx::query("DELETE FROM schedules WHERE id = $1").bind(known.id).execute(&mut *conn).await?;
        }
    }
    for one in wanted {
        sqlx::query(
            "INSERT INTO schedules (project_id, path, cron, zone, due_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(project.0)
        .bind(&one.path)
        .bind(&one.cron)
        .bind(&one.zone)
        .bind(one.due.0.cast_signed())
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

pub(crate) async fn schedules(conn: &mut Conn, project: ProjectId) -> Result<Vec<Schedule>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, project_id, path, cron, zone, due_at FROM schedules WHERE project_id = $1 ORDER BY path, cron, zone",
    )
    .bind(project.0)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Row::schedule).collect())
}

pub(crate) async fn due(conn: &mut Conn, now: Timestamp, limit: u32) -> Result<Vec<Schedule>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, project_id, path, cron, zone, due_at FROM schedules WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2",
    )
    .bind(now.0.cast_signed())
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Row::schedule).collect())
}

pub(crate) async fn take(conn: &mut Conn, due: &Schedule, next: Timestamp) -> Result<bool, StoreError> {
    let taken = sqlx::query("UPDATE schedules SET due_at = $1 WHERE id = $2 AND due_at = $3")
        .bind(next.0.cast_signed())
        .bind(due.id)
        .bind(due.new.due.0.cast_signed())
        .execute(conn)
        .await?;
    Ok(taken.rows_affected() == 1)
}
