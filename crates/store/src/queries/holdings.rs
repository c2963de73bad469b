//! Queries of secrets and variables, compiled for both databases.

use super::{Conn, audit, projects};
use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::holdings::{Holding, HoldingKind, NewHolding, Set};
use crate::scope;
use domain::Timestamp;
use domain::control::{ProjectId, Scope};
use std::collections::BTreeMap;

#[derive(sqlx::FromRow)]
struct Row {
    owner_id: Option<i64>,
    project_id: Option<i64>,
    name: String,
    description: String,
    value: Vec<u8>,
    created_at: i64,
    updated_at: i64,
}

impl Row {
    fn holding(self, kind: HoldingKind) -> Holding {
        let Self { owner_id, project_id, name, description, value, created_at, updated_at } = self;
        let scope = scope::of_columns(owner_id, project_id);
        let time = |at: i64| Timestamp(at.cast_unsigned());
        let new = NewHolding { kind, scope, name, description, value };
        Holding { new, created: time(created_at), updated: time(updated_at) }
    }
}

pub(crate) async fn set(
    conn: &mut Conn,
    holding: &NewHolding,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<Set, StoreError> {
    if let Scope::Repository(project) = holding.scope {
        projects::by_id(&mut *conn, project).await?;
    }
    let (owner, project) = scope::columns(holding.scope);
    // One that another caller makes at this moment is changed by this one.
    let (changes,): (i64,) = sqlx::query_as(
        "INSERT INTO holdings (kind, owner_id, project_id, name, description, value, created_at, updated_at, changes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 0)
         ON CONFLICT (kind, COALESCE(owner_id, 0), COALESCE(project_id, 0), name)
         DO UPDATE SET value = excluded.value, description = excluded.description, updated_at = excluded.updated_at,
                       changes = holdings.changes + 1
         RETURNING changes",
    )
    .bind(holding.kind.word())
    .bind(owner)
    .bind(project)
    .bind(&holding.name)
    .bind(&holding.description)
    .bind(&holding.value)
    .bind(now.0.cast_signed())
    .fetch_one(&mut *conn)
    .await?;
    audit::add(conn, now, entry).await?;
    Ok(if changes == 0 { Set::Made } else { Set::Changed })
}

pub(crate) async fn remove(
    conn: &mut Conn,
    kind: HoldingKind,
    scope: Scope,
    name: &str,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let (owner, project) = scope::columns(scope);
    let done = sqlx::query(
        "DELETE FROM holdings
         WHERE kind = $1 AND COALESCE(owner_id, 0) = $2 AND COALESCE(project_id, 0) = $3 AND name = $4",
    )
    .bind(kind.word())
    .bind(owner.unwrap_or(0))
    .bind(project.unwrap_or(0))
    .bind(name)
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Missing { what: kind.word(), name: name.to_owned() });
    }
    audit::add(conn, now, entry).await
}

pub(crate) async fn of_scope(conn: &mut Conn, kind: HoldingKind, scope: Scope) -> Result<Vec<Holding>, StoreError> {
    let (owner, project) = scope::columns(scope);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT owner_id, project_id, name, description, value, created_at, updated_at FROM holdings
         WHERE kind = $1 AND COALESCE(owner_id, 0) = $2 AND COALESCE(project_id, 0) = $3 ORDER BY name",
    )
    .bind(kind.word())
    .bind(owner.unwrap_or(0))
    .bind(project.unwrap_or(0))
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.holding(kind)).collect())
}

pub(crate) async fn for_project(
    conn: &mut Conn,
    kind: HoldingKind,
    project: ProjectId,
) -> Result<Vec<Holding>, StoreError> {
    let owner = projects::by_id(&mut *conn, project).await?.owner_id;
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT owner_id, project_id, name, description, value, created_at, updated_at FROM holdings
         WHERE kind = $1 AND (project_id = $2 OR owner_id = $3 OR (owner_id IS NULL AND project_id IS NULL))",
    )
    .bind(kind.word())
    .bind(project.0)
    .bind(owner.0)
    .fetch_all(conn)
    .await?;
    let mut nearest: BTreeMap<String, Holding> = BTreeMap::new();
    for holding in rows.into_iter().map(|row| row.holding(kind)) {
        // The order of scopes is that of their width.
        if nearest.get(&holding.new.name).is_none_or(|known| known.new.scope < holding.new.scope) {
            nearest.insert(holding.new.name.clone(), holding);
        }
    }
    Ok(nearest.into_values().collect())
}
