//! Queries of pushes, compiled for both databases.

use super::{Conn, projects};
use crate::error::StoreError;
use crate::projects::{RefChange, RefMove};
use crate::pushes::{Push, PushId};
use domain::Timestamp;
use domain::control::ProjectId;
use std::time::Duration;

pub(crate) async fn add(
    conn: &mut Conn,
    project: ProjectId,
    change: &RefChange,
    due: Timestamp,
) -> Result<PushId, StoreError> {
    projects::hold(&mut *conn, project).await?;
    let id = queue(conn, project, change, due).await?;
    id.ok_or_else(|| StoreError::Missing { what: "ref", name: change.name.clone() })
}

/// Writes a push, where there is one: a ref that is gone pushes nothing.
pub(super) async fn queue(
    conn: &mut Conn,
    project: ProjectId,
    change: &RefChange,
    due: Timestamp,
) -> Result<Option<PushId>, StoreError> {
    let (before, after) = match &change.to {
        RefMove::Made(after) => (None, after),
        RefMove::Moved { before, after } => (Some(before), after),
        RefMove::Gone(_) => return Ok(None),
    };
    let (id,): (i64,) = sqlx::query_as(
        "INSERT INTO pushes (project_id, reference, before_id, after_id, due_at) VALUES ($1, $2, $3, $4, $5) RETURNING id",
    )
    .bind(project.0)
    .bind(&change.name)
    .bind(before)
    .bind(after)
    .bind(due.0.cast_signed())
    .fetch_one(conn)
    .await?;
    Ok(Some(PushId(id)))
}

/// Nobody puts a push off for so long: one that is due later was written before the clock went back, and is due now.
const FAR: Duration = Duration::from_hours(1);

pub(crate) async fn is_one_due(conn: &mut Conn, now: Timestamp) -> Result<bool, StoreError> {
    let one: Option<(i64,)> = sqlx::query_as("SELECT id FROM pushes WHERE due_at <= $1 OR due_at > $2 LIMIT 1")
        .bind(now.0.cast_signed())
        .bind(now.after(FAR).0.cast_signed())
        .fetch_optional(conn)
        .await?;
    Ok(one.is_some())
}

type Row = (i64, i64, String, Option<String>, String, i64);

pub(crate) async fn take(
    conn: &mut Conn,
    now: Timestamp,
    until: Timestamp,
    limit: u32,
) -> Result<Vec<Push>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "UPDATE pushes SET due_at = $1 WHERE (due_at <= $2 OR due_at > $4)
             AND id IN (SELECT id FROM pushes WHERE due_at <= $2 OR due_at > $4 ORDER BY id LIMIT $3)
         RETURNING id, project_id, reference, before_id, after_id, tries",
    )
    .bind(until.0.cast_signed())
    .bind(now.0.cast_signed())
    .bind(i64::from(limit))
    .bind(now.after(FAR).0.cast_signed())
    .fetch_all(conn)
    .await?;
    let push = |(id, project, name, before, after, tries): Row| Push {
        id: PushId(id),
        project: ProjectId(project),
        change: RefChange {
            name,
            to: match before {
                Some(before) => RefMove::Moved { before, after },
                None => RefMove::Made(after),
            },
        },
        tries: u32::try_from(tries).unwrap_or(u32::MAX),
    };
    let mut pushes: Vec<Push> = rows.into_iter().map(push).collect();
    pushes.sort_by_key(|push| push.id);
    Ok(pushes)
}

pub(crate) async fn workflows(conn: &mut Conn, push: PushId) -> Result<Vec<String>, StoreError> {
    let rows: Vec<(String,)> = sqlx::query_as("SELECT workflow FROM runs WHERE push_id = $1 ORDER BY workflow")
        .bind(push.0)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|(workflow,)| workflow).collect())
}

pub(crate) async fn remove(conn: &mut Conn, push: PushId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM pushes WHERE id = $1").bind(push.0).execute(conn).await?;
    Ok(())
}

pub(crate) async fn put_off(conn: &mut Conn, push: PushId, due: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE pushes SET tries = tries + 1, due_at = $1 WHERE id = $2")
        .bind(due.0.cast_signed())
        .bind(push.0)
        .execute(conn)
        .await?;
    Ok(())
}
