//! Queries of secrets and variables, compiled for both databases.

use super::{Conn, audit, projects};
use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::holdings::{Holding, SealedSecret, Set, Variable};
use crate::scope;
use domain::Timestamp;
use domain::control::{ProjectId, Scope};
use std::collections::BTreeMap;

#[derive(sqlx::FromRow)]
struct HoldingRow {
    name: String,
    description: String,
    created_at: i64,
    updated_at: i64,
}

impl HoldingRow {
    fn holding(self) -> Holding {
        let time = |at: i64| Timestamp(at.cast_unsigned());
        Holding {
            name: self.name,
            description: self.description,
            created: time(self.created_at),
            updated: time(self.updated_at),
        }
    }
}

#[derive(sqlx::FromRow)]
struct SecretRow {
    owner_id: Option<i64>,
    project_id: Option<i64>,
    name: String,
    sealed: Vec<u8>,
}

#[derive(sqlx::FromRow)]
struct VariableRow {
    owner_id: Option<i64>,
    project_id: Option<i64>,
    value: String,
    #[sqlx(flatten)]
    holding: HoldingRow,
}

impl VariableRow {
    fn variable(self) -> Variable {
        let scope = scope::of_columns(self.owner_id, self.project_id);
        Variable { scope, holding: self.holding.holding(), value: self.value }
    }
}

pub(crate) async fn set_secret(
    conn: &mut Conn,
    secret: &SealedSecret,
    description: &str,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<Set, StoreError> {
    let (owner, project) = existing(conn, secret.scope).await?;
    let changed = sqlx::query(
        "UPDATE secrets SET sealed = $1, description = $2, updated_at = $3
         WHERE COALESCE(owner_id, 0) = COALESCE($4, 0) AND COALESCE(project_id, 0) = COALESCE($5, 0) AND name = $6",
    )
    .bind(&secret.sealed)
    .bind(description)
    .bind(now.0.cast_signed())
    .bind(owner)
    .bind(project)
    .bind(&secret.name)
    .execute(&mut *conn)
    .await?;
    audit::add(conn, now, entry).await?;
    if changed.rows_affected() > 0 {
        return Ok(Set::Changed);
    }
    // Another caller may make it at this moment: then this one changes it.
    sqlx::query(
        "INSERT INTO secrets (owner_id, project_id, name, description, sealed, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         ON CONFLICT (COALESCE(owner_id, 0), COALESCE(project_id, 0), name)
         DO UPDATE SET sealed = excluded.sealed, description = excluded.description, updated_at = excluded.updated_at",
    )
    .bind(owner)
    .bind(project)
    .bind(&secret.name)
    .bind(description)
    .bind(&secret.sealed)
    .bind(now.0.cast_signed())
    .execute(conn)
    .await?;
    Ok(Set::Made)
}

pub(crate) async fn remove_secret(
    conn: &mut Conn,
    scope: Scope,
    name: &str,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let (owner, project) = scope::columns(scope);
    let done = sqlx::query(
        "DELETE FROM secrets
         WHERE COALESCE(owner_id, 0) = COALESCE($1, 0) AND COALESCE(project_id, 0) = COALESCE($2, 0) AND name = $3",
    )
    .bind(owner)
    .bind(project)
    .bind(name)
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Missing { what: "secret", name: name.to_owned() });
    }
    audit::add(conn, now, entry).await
}

pub(crate) async fn secrets(conn: &mut Conn, scope: Scope) -> Result<Vec<Holding>, StoreError> {
    let (owner, project) = scope::columns(scope);
    let rows: Vec<HoldingRow> = sqlx::query_as(
        "SELECT name, description, created_at, updated_at FROM secrets
         WHERE COALESCE(owner_id, 0) = COALESCE($1, 0) AND COALESCE(project_id, 0) = COALESCE($2, 0) ORDER BY name",
    )
    .bind(owner)
    .bind(project)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(HoldingRow::holding).collect())
}

pub(crate) async fn secrets_for(conn: &mut Conn, project: ProjectId) -> Result<Vec<SealedSecret>, StoreError> {
    let owner = projects::by_id(conn, project).await?.owner_id.0;
    let rows: Vec<SecretRow> =
        sqlx::query_as("SELECT owner_id, project_id, name, sealed FROM secrets WHERE project_id = $1 OR owner_id = $2")
            .bind(project.0)
            .bind(owner)
            .fetch_all(conn)
            .await?;
    let sealed = |row: SecretRow| {
        let scope = scope::of_columns(row.owner_id, row.project_id);
        (scope, SealedSecret { scope, name: row.name, sealed: row.sealed })
    };
    Ok(nearest(rows.into_iter().map(sealed), |secret| secret.name.clone()))
}

pub(crate) async fn set_variable(
    conn: &mut Conn,
    scope: Scope,
    name: &str,
    value: &str,
    description: &str,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<Set, StoreError> {
    let (owner, project) = existing(conn, scope).await?;
    let changed = sqlx::query(
        "UPDATE variables SET value = $1, description = $2, updated_at = $3
         WHERE COALESCE(owner_id, 0) = COALESCE($4, 0) AND COALESCE(project_id, 0) = COALESCE($5, 0) AND name = $6",
    )
    .bind(value)
    .bind(description)
    .bind(now.0.cast_signed())
    .bind(owner)
    .bind(project)
    .bind(name)
    .execute(&mut *conn)
    .await?;
    audit::add(conn, now, entry).await?;
    if changed.rows_affected() > 0 {
        return Ok(Set::Changed);
    }
    sqlx::query(
        "INSERT INTO variables (owner_id, project_id, name, description, value, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         ON CONFLICT (COALESCE(owner_id, 0), COALESCE(project_id, 0), name)
         DO UPDATE SET value = excluded.value, description = excluded.description, updated_at = excluded.updated_at",
    )
    .bind(owner)
    .bind(project)
    .bind(name)
    .bind(description)
    .bind(value)
    .bind(now.0.cast_signed())
    .execute(conn)
    .await?;
    Ok(Set::Made)
}

pub(crate) async fn remove_variable(
    conn: &mut Conn,
    scope: Scope,
    name: &str,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let (owner, project) = scope::columns(scope);
    let done = sqlx::query(
        "DELETE FROM variables
         WHERE COALESCE(owner_id, 0) = COALESCE($1, 0) AND COALESCE(project_id, 0) = COALESCE($2, 0) AND name = $3",
    )
    .bind(owner)
    .bind(project)
    .bind(name)
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Missing { what: "variable", name: name.to_owned() });
    }
    audit::add(conn, now, entry).await
}

pub(crate) async fn variables(conn: &mut Conn, scope: Scope) -> Result<Vec<Variable>, StoreError> {
    let (owner, project) = scope::columns(scope);
    let rows: Vec<VariableRow> = sqlx::query_as(
        "SELECT owner_id, project_id, name, description, value, created_at, updated_at FROM variables
         WHERE COALESCE(owner_id, 0) = COALESCE($1, 0) AND COALESCE(project_id, 0) = COALESCE($2, 0) ORDER BY name",
    )
    .bind(owner)
    .bind(project)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(VariableRow::variable).collect())
}

pub(crate) async fn variables_for(conn: &mut Conn, project: ProjectId) -> Result<Vec<Variable>, StoreError> {
    let owner = projects::by_id(conn, project).await?.owner_id.0;
    let rows: Vec<VariableRow> = sqlx::query_as(
        "SELECT owner_id, project_id, name, description, value, created_at, updated_at FROM variables
         WHERE project_id = $1 OR owner_id = $2 OR (owner_id IS NULL AND project_id IS NULL)",
    )
    .bind(project.0)
    .bind(owner)
    .fetch_all(conn)
    .await?;
    let found = rows.into_iter().map(|row| {
        let variable = row.variable();
        (variable.scope, variable)
    });
    Ok(nearest(found, |variable| variable.holding.name.clone()))
}

/// Of each name the one of the narrowest scope, by name.
fn nearest<T>(found: impl Iterator<Item = (Scope, T)>, name: impl Fn(&T) -> String) -> Vec<T> {
    let mut nearest: BTreeMap<String, (Scope, T)> = BTreeMap::new();
    for (scope, one) in found {
        let name = name(&one);
        // The order of scopes is that of their width.
        if nearest.get(&name).is_none_or(|(known, _)| *known < scope) {
            nearest.insert(name, (scope, one));
        }
    }
    nearest.into_values().map(|(_, one)| one).collect()
}

/// The columns of a scope whose project there is.
async fn existing(conn: &mut Conn, scope: Scope) -> Result<(Option<i64>, Option<i64>), StoreError> {
    if let Scope::Repository(project) = scope {
        projects::by_id(conn, project).await?;
    }
    Ok(scope::columns(scope))
}
