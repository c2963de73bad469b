//! Queries of secrets and variables, compiled for both databases.

use super::{Conn, audit, projects};
use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::holdings::{Holding, HoldingKind, NewHolding, Set};
use crate::scope;
use domain::Timestamp;
use domain::control::{ProjectId, Scope};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

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

/// The statement that makes one, with what it does where there is one of its name.
macro_rules! insert {
    ($where_one_is:literal) => {
        concat!(
            "INSERT INTO holdings (kind, owner_id, project_id, name, description, value, created_at, updated_at, changes)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 0) ON CONFLICT ",
            $where_one_is,
            " RETURNING changes"
        )
    };
}

/// Runs that; how often the one of the name was changed by now, nothing where it was left as it was.
async fn insert(
    conn: &mut Conn,
    statement: &'static str,
    holding: &NewHolding,
    now: Timestamp,
) -> Result<Option<i64>, StoreError> {
    if let Scope::Repository(project) = holding.scope {
        projects::by_id(&mut *conn, project).await?;
    }
    let (owner, project) = scope::columns(holding.scope);
    let changes: Option<(i64,)> = sqlx::query_as(statement)
        .bind(holding.kind.word())
        .bind(owner)
        .bind(project)
        .bind(&holding.name)
        .bind(&holding.description)
        .bind(&holding.value)
        .bind(now.0.cast_signed())
        .fetch_optional(conn)
        .await?;
    Ok(changes.map(|(changes,)| changes))
}

pub(crate) async fn add(
    conn: &mut Conn,
    holding: &NewHolding,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    if insert(&mut *conn, insert!("DO NOTHING"), holding, now).await?.is_none() {
        return Err(present(holding));
    }
    audit::add(conn, now, entry).await
}

pub(crate) async fn change(
    conn: &mut Conn,
    old: &str,
    holding: &NewHolding,
    now: Timestamp,
    entries: &[AuditEntry],
) -> Result<(), StoreError> {
    let (owner, project) = scope::columns(holding.scope);
    let done = sqlx::query(
        "UPDATE holdings SET name = $1, description = $2, value = $3, updated_at = $4, changes = changes + 1
         WHERE kind = $5 AND COALESCE(owner_id, 0) = $6 AND COALESCE(project_id, 0) = $7 AND name = $8",
    )
    .bind(&holding.name)
    .bind(&holding.description)
    .bind(&holding.value)
    .bind(now.0.cast_signed())
    .bind(holding.kind.word())
    .bind(owner.unwrap_or(0))
    .bind(project.unwrap_or(0))
    .bind(old)
    .execute(&mut *conn)
    .await
    .map_err(|error| match &error {
        sqlx::Error::Database(refused) if refused.is_unique_violation() => present(holding),
        _ => error.into(),
    })?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Missing { what: holding.kind.word(), name: old.to_owned() });
    }
    for entry in entries {
        audit::add(&mut *conn, now, entry).await?;
    }
    Ok(())
}

fn present(holding: &NewHolding) -> StoreError {
    StoreError::Present { what: holding.kind.word(), name: holding.name.clone() }
}

pub(crate) async fn set(
    conn: &mut Conn,
    holding: &NewHolding,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<Set, StoreError> {
    // One that another caller makes at this moment is changed by this one.
    let statement = insert!(
        "(kind, COALESCE(owner_id, 0), COALESCE(project_id, 0), name)
         DO UPDATE SET value = excluded.value, description = excluded.description, updated_at = excluded.updated_at,
                       changes = holdings.changes + 1"
    );
    let changes = insert(&mut *conn, statement, holding, now).await?;
    audit::add(conn, now, entry).await?;
    Ok(if changes == Some(0) { Set::Made } else { Set::Changed })
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

/// What a project's jobs see of one kind, or nothing but that there is such a project.
#[derive(sqlx::FromRow)]
struct Seen {
    kind: Option<String>,
    owner_id: Option<i64>,
    project_id: Option<i64>,
    name: Option<String>,
    description: Option<String>,
    value: Option<Vec<u8>>,
    created_at: Option<i64>,
    updated_at: Option<i64>,
}

impl Seen {
    fn holding(self) -> Option<Holding> {
        let kind = [HoldingKind::Secret, HoldingKind::Variable]
            .into_iter()
            .find(|kind| self.kind.as_deref() == Some(kind.word()))?;
        let row = Row {
            owner_id: self.owner_id,
            project_id: self.project_id,
            name: self.name?,
            description: self.description?,
            value: self.value?,
            created_at: self.created_at?,
            updated_at: self.updated_at?,
        };
        Some(row.holding(kind))
    }
}

pub(crate) async fn for_project(conn: &mut Conn, project: ProjectId) -> Result<Vec<Holding>, StoreError> {
    // Each branch says all that the index of holdings begins with, as an expression: a bare column of the other table would not be looked up in it.
    let rows: Vec<Seen> = sqlx::query_as(
        "SELECT kind, holdings.owner_id, holdings.project_id, holdings.name, description, value, holdings.created_at, holdings.updated_at
         FROM projects LEFT JOIN holdings ON
             (kind IN ('secret', 'variable') AND COALESCE(holdings.owner_id, 0) = 0 AND COALESCE(holdings.project_id, 0) = 0)
             OR (kind IN ('secret', 'variable') AND COALESCE(holdings.owner_id, 0) = COALESCE(projects.owner_id, 0)
                 AND COALESCE(holdings.project_id, 0) = 0)
             OR (kind IN ('secret', 'variable') AND COALESCE(holdings.owner_id, 0) = 0
                 AND COALESCE(holdings.project_id, 0) = COALESCE(projects.id, 0))
         WHERE projects.id = $1",
    )
    .bind(project.0)
    .fetch_all(conn)
    .await?;
    if rows.is_empty() {
        return Err(projects::missing(project));
    }
    let mut nearest: BTreeMap<(HoldingKind, String), Holding> = BTreeMap::new();
    for holding in rows.into_iter().filter_map(Seen::holding) {
        let known = nearest.entry((holding.new.kind, holding.new.name.clone()));
        match known {
            Entry::Vacant(place) => drop(place.insert(holding)),
            // The order of scopes is that of their width.
            Entry::Occupied(mut known) if known.get().new.scope < holding.new.scope => drop(known.insert(holding)),
            Entry::Occupied(_) => {}
        }
    }
    Ok(nearest.into_values().collect())
}
