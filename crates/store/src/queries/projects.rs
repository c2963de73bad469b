//! Queries of projects, compiled for both databases.

use super::{Conn, audit, pushes, retention};
use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::projects::{NewProject, Project, RefChange, RefMove};
use crate::pushes::Queue;
use domain::Timestamp;
use domain::control::{OwnerId, ProjectId};
use std::collections::BTreeMap;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    owner_id: i64,
    owner: String,
    name: String,
    git: String,
    settings: String,
    created_at: i64,
}

impl Row {
    fn project(self) -> Result<Project, StoreError> {
        let Self { id, owner_id, owner, name, git, settings, created_at } = self;
        let settings = serde_json::from_str(&settings).map_err(|error| StoreError::damaged("project", error))?;
        let created = Timestamp(created_at.cast_unsigned());
        Ok(Project { id: ProjectId(id), owner_id: OwnerId(owner_id), owner, name, git, settings, created })
    }
}

pub(crate) async fn add(
    conn: &mut Conn,
    project: &NewProject,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<Project, StoreError> {
    let (owner, git) = (&project.owner, &project.git);
    let (owner_id, owner): (i64, String) = sqlx::query_as(
        "INSERT INTO owners (name, name_key) VALUES ($1, $2)
         ON CONFLICT (name_key) DO UPDATE SET name = owners.name RETURNING id, name",
    )
    .bind(owner)
    .bind(owner.to_lowercase())
    .fetch_one(&mut *conn)
    .await?;
    let id: Option<(i64,)> = sqlx::query_as(
        "INSERT INTO projects (owner_id, name, name_key, git, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind(owner_id)
    .bind(&project.name)
    .bind(project.name.to_lowercase())
    .bind(git)
    .bind(now.0.cast_signed())
    .fetch_optional(&mut *conn)
    .await?;
    let Some((id,)) = id else {
        return Err(StoreError::Present { what: "project", name: format!("{owner}/{}", project.name) });
    };
    audit::add(conn, now, entry).await?;
    let (name, git) = (project.name.clone(), git.clone());
    let settings = serde_json::Value::Null;
    Ok(Project { id: ProjectId(id), owner_id: OwnerId(owner_id), owner, name, git, settings, created: now })
}

pub(crate) async fn by_name(conn: &mut Conn, owner: &str, name: &str) -> Result<Project, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT p.id, owner_id, o.name AS owner, p.name, git, settings, created_at FROM projects p JOIN owners o ON o.id = owner_id
         WHERE o.name_key = $1 AND p.name_key = $2",
    )
    .bind(owner.to_lowercase())
    .bind(name.to_lowercase())
    .fetch_optional(conn)
    .await?;
    row.ok_or_else(|| StoreError::Missing { what: "project", name: format!("{owner}/{name}") })?.project()
}

pub(crate) async fn by_id(conn: &mut Conn, id: ProjectId) -> Result<Project, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT p.id, owner_id, o.name AS owner, p.name, git, settings, created_at FROM projects p JOIN owners o ON o.id = owner_id
         WHERE p.id = $1",
    )
    .bind(id.0)
    .fetch_optional(conn)
    .await?;
    row.ok_or_else(|| missing(id))?.project()
}

pub(crate) async fn owner(conn: &mut Conn, name: &str) -> Result<OwnerId, StoreError> {
    let row: Option<(i64,)> = sqlx::query_as("SELECT id FROM owners WHERE name_key = $1")
        .bind(name.to_lowercase())
        .fetch_optional(conn)
        .await?;
    row.map(|(id,)| OwnerId(id)).ok_or_else(|| StoreError::Missing { what: "owner", name: name.to_owned() })
}

pub(crate) async fn all(conn: &mut Conn) -> Result<Vec<Project>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT p.id, owner_id, o.name AS owner, p.name, git, settings, created_at FROM projects p JOIN owners o ON o.id = owner_id
         ORDER BY o.name_key, p.name_key",
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::project).collect()
}

pub(crate) async fn set_setting(
    conn: &mut Conn,
    id: ProjectId,
    key: &str,
    value: &serde_json::Value,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    // One caller after the other changes what is there.
    hold(&mut *conn, id).await?;
    let mut settings = match by_id(&mut *conn, id).await?.settings {
        serde_json::Value::Object(settings) => settings,
        _ => serde_json::Map::new(),
    };
    if value.is_null() {
        settings.remove(key);
    } else {
        settings.insert(key.to_owned(), value.clone());
    }
    sqlx::query("UPDATE projects SET settings = $1 WHERE id = $2")
        .bind(serde_json::Value::Object(settings).to_string())
        .bind(id.0)
        .execute(&mut *conn)
        .await?;
    audit::add(conn, now, entry).await
}

/// Holds a project's row until the transaction ends.
pub(super) async fn hold(conn: &mut Conn, id: ProjectId) -> Result<(), StoreError> {
    let held: Option<(i64,)> =
        sqlx::query_as(held!("SELECT id FROM projects WHERE id = $1")).bind(id.0).fetch_optional(conn).await?;
    held.map(drop).ok_or_else(|| missing(id))
}

pub(crate) async fn remove(
    conn: &mut Conn,
    id: ProjectId,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    retention::drop_logs_of(&mut *conn, id).await?;
    let done = sqlx::query("DELETE FROM projects WHERE id = $1").bind(id.0).execute(&mut *conn).await?;
    if done.rows_affected() == 0 {
        return Err(missing(id));
    }
    audit::add(conn, now, entry).await
}

pub(crate) async fn note_refs(
    conn: &mut Conn,
    id: ProjectId,
    refs: &[(String, String)],
    queue: Queue,
) -> Result<Vec<RefChange>, StoreError> {
    // One caller after the other compares.
    hold(&mut *conn, id).await?;
    let known: Vec<(String, String)> = sqlx::query_as("SELECT name, commit_id FROM refs WHERE project_id = $1")
        .bind(id.0)
        .fetch_all(&mut *conn)
        .await?;
    let mut known: BTreeMap<String, String> = known.into_iter().collect();
    let mut changes = Vec::new();
    for (name, commit) in refs {
        let to = match known.remove(name) {
            Some(before) if before == *commit => continue,
            Some(before) => RefMove::Moved { before, after: commit.clone() },
            None => RefMove::Made(commit.clone()),
        };
        sqlx::query(
            "INSERT INTO refs (project_id, name, commit_id) VALUES ($1, $2, $3)
             ON CONFLICT (project_id, name) DO UPDATE SET commit_id = excluded.commit_id",
        )
        .bind(id.0)
        .bind(name)
        .bind(commit)
        .execute(&mut *conn)
        .await?;
        changes.push(RefChange { name: name.clone(), to });
    }
    for (name, commit) in known {
        sqlx::query("DELETE FROM refs WHERE project_id = $1 AND name = $2")
            .bind(id.0)
            .bind(&name)
            .execute(&mut *conn)
            .await?;
        changes.push(RefChange { name, to: RefMove::Gone(commit) });
    }
    let starting = changes.iter().filter(|change| !matches!(change.to, RefMove::Gone(_)));
    if let Queue::UpTo { most, due } = queue
        && starting.clone().count() <= most
    {
        for change in starting {
            pushes::queue(&mut *conn, id, change, due).await?;
        }
    }
    Ok(changes)
}

pub(super) fn missing(id: ProjectId) -> StoreError {
    StoreError::Missing { what: "project", name: id.to_string() }
}
