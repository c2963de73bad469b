//! Queries of the audit table, compiled for both databases.

use super::Conn;
use crate::audit::{AuditEntry, AuditFilter, AuditRecord};
use crate::error::StoreError;
use domain::Timestamp;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    at: i64,
    actor: String,
    origin: String,
    action: String,
    object: String,
    detail: String,
}

pub(crate) async fn add(conn: &mut Conn, now: Timestamp, entry: &AuditEntry) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO audit (at, actor, origin, action, object, detail) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(now.0.cast_signed())
        .bind(&entry.actor)
        .bind(&entry.origin)
        .bind(&entry.action)
        .bind(&entry.object)
        .bind(entry.detail.to_string())
        .execute(conn)
        .await?;
    Ok(())
}

pub(crate) async fn list(conn: &mut Conn, filter: &AuditFilter) -> Result<Vec<AuditRecord>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, at, actor, origin, action, object, detail FROM audit
         WHERE id < $1 AND at >= $2 AND substr(action, 1, $3) = $4 ORDER BY id DESC LIMIT $5",
    )
    .bind(filter.before.unwrap_or(i64::MAX))
    .bind(filter.since.map_or(0, |since| since.0.cast_signed()))
    .bind(i32::try_from(filter.action.as_deref().unwrap_or_default().chars().count()).unwrap_or(i32::MAX))
    .bind(filter.action.as_deref().unwrap_or_default())
    .bind(i64::from(filter.limit))
    .fetch_all(conn)
    .await?;
    let record = |row: Row| {
        let Row { id, at, actor, origin, action, object, detail } = row;
        let detail = serde_json::from_str(&detail).map_err(|error| StoreError::damaged("audit entry", error))?;
        let entry = AuditEntry { actor, origin, action, object, detail };
        Ok(AuditRecord { id, at: Timestamp(at.cast_unsigned()), entry })
    };
    rows.into_iter().map(record).collect()
}
