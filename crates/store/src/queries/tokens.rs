//! Queries of tokens, compiled for both databases.

use super::{Conn, audit};
use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::scope;
use crate::tokens::{MayGo, NewToken, RotationAudit, StoredToken, TokenHash, TokenKind};
use domain::control::{TokenChange, TokenId, TokenPhase};
use domain::{RunnerId, Timestamp};
use std::time::Duration;

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) opens: String,
    pub(super) owner_id: Option<i64>,
    pub(super) project_id: Option<i64>,
    pub(super) runner_id: Option<i64>,
    pub(super) phase: String,
    pub(super) created_by: String,
    pub(super) created_at: i64,
    pub(super) used_at: Option<i64>,
}

impl Row {
    pub(super) fn token(self) -> Result<StoredToken, StoreError> {
        let damaged = |error| StoreError::damaged("token", error);
        Ok(StoredToken {
            id: TokenId(self.id),
            name: self.name,
            opens: serde_json::from_str(&self.opens).map_err(damaged)?,
            scope: scope::of_columns(self.owner_id, self.project_id),
            runner: self.runner_id.map(RunnerId),
            phase: serde_json::from_str(&self.phase).map_err(damaged)?,
            by: self.created_by,
            created: Timestamp(self.created_at.cast_unsigned()),
            used: self.used_at.map(|at| Timestamp(at.cast_unsigned())),
        })
    }
}

pub(super) async fn add(
    conn: &mut Conn,
    token: &NewToken,
    runner: Option<RunnerId>,
    now: Timestamp,
) -> Result<TokenId, StoreError> {
    let (owner, project) = scope::columns(token.scope);
    let id: Option<(i64,)> = sqlx::query_as(
        "INSERT INTO tokens (kind, hash, name, opens, owner_id, project_id, runner_id, phase, created_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind(token.kind.word())
    .bind(token.hash.0.as_slice())
    .bind(&token.name)
    .bind(token.opens.to_string())
    .bind(owner)
    .bind(project)
    .bind(runner.map(|runner| runner.0))
    .bind(written(token.phase)?)
    .bind(&token.by)
    .bind(now.0.cast_signed())
    .fetch_optional(conn)
    .await?;
    id.map(|(id,)| TokenId(id)).ok_or_else(|| StoreError::Present { what: "token", name: token.name.clone() })
}

pub(crate) async fn add_audited(
    conn: &mut Conn,
    token: &NewToken,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<TokenId, StoreError> {
    let id = add(&mut *conn, token, None, now).await?;
    audit::add(conn, now, &entry.of(id.0)).await?;
    Ok(id)
}

pub(crate) async fn by_hash(
    conn: &mut Conn,
    kind: TokenKind,
    hash: TokenHash,
) -> Result<Option<StoredToken>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, name, opens, owner_id, project_id, runner_id, phase, created_by, created_at, used_at FROM tokens
         WHERE hash = $1 AND kind = $2",
    )
    .bind(hash.0.as_slice())
    .bind(kind.word())
    .fetch_optional(conn)
    .await?;
    row.map(Row::token).transpose()
}

pub(crate) async fn by_id(conn: &mut Conn, id: TokenId) -> Result<Option<(TokenKind, StoredToken)>, StoreError> {
    let kind: Option<(String,)> =
        sqlx::query_as("SELECT kind FROM tokens WHERE id = $1").bind(id.0).fetch_optional(&mut *conn).await?;
    let Some((kind,)) = kind else { return Ok(None) };
    let kind = TokenKind::of(&kind).ok_or_else(|| StoreError::damaged("token", format!("its kind is {kind}")))?;
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, name, opens, owner_id, project_id, runner_id, phase, created_by, created_at, used_at FROM tokens
         WHERE id = $1",
    )
    .bind(id.0)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Row::token).transpose()?.map(|token| (kind, token)))
}

pub(crate) async fn all(conn: &mut Conn, kind: TokenKind) -> Result<Vec<StoredToken>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, name, opens, owner_id, project_id, runner_id, phase, created_by, created_at, used_at FROM tokens
         WHERE kind = $1 ORDER BY id DESC",
    )
    .bind(kind.word())
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::token).collect()
}

/// Holds the token's row until the transaction ends.
pub(super) async fn change(
    conn: &mut Conn,
    id: TokenId,
    change: TokenChange,
    now: Timestamp,
) -> Result<TokenPhase, StoreError> {
    let phase = hold(&mut *conn, id).await?.after(change, now)?;
    write(conn, id, phase).await?;
    Ok(phase)
}

async fn hold(conn: &mut Conn, id: TokenId) -> Result<TokenPhase, StoreError> {
    let held: Option<(String,)> =
        sqlx::query_as(held!("SELECT phase FROM tokens WHERE id = $1")).bind(id.0).fetch_optional(conn).await?;
    let (phase,) = held.ok_or_else(|| missing(id))?;
    serde_json::from_str(&phase).map_err(|error| StoreError::damaged("token", error))
}

async fn write(conn: &mut Conn, id: TokenId, phase: TokenPhase) -> Result<(), StoreError> {
    sqlx::query("UPDATE tokens SET phase = $1 WHERE id = $2").bind(written(phase)?).bind(id.0).execute(conn).await?;
    Ok(())
}

fn missing(id: TokenId) -> StoreError {
    StoreError::Missing { what: "token", name: id.to_string() }
}

pub(crate) async fn change_audited(
    conn: &mut Conn,
    id: TokenId,
    to: TokenChange,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<TokenPhase, StoreError> {
    let phase = change(&mut *conn, id, to, now).await?;
    audit::add(conn, now, entry).await?;
    Ok(phase)
}

/// Puts a new token in the place of one.
pub(crate) async fn rotate(
    conn: &mut Conn,
    id: TokenId,
    grace: Duration,
    new: &NewToken,
    now: Timestamp,
    noted: &RotationAudit,
) -> Result<(TokenId, TokenPhase), StoreError> {
    let before = hold(&mut *conn, id).await?;
    // Only a live one is rotated, so that the new one lives as long and opens as often as it would have.
    let after = before.after(TokenChange::Rotated { grace }, now)?;
    let new = NewToken { phase: before, ..new.clone() };
    let made = add_audited(&mut *conn, &new, now, &noted.made).await?;
    write(&mut *conn, id, after).await?;
    audit::add(conn, now, &noted.rotated).await?;
    Ok((made, before))
}

/// Revokes a person's token that may go.
pub(crate) async fn revoke(
    conn: &mut Conn,
    id: TokenId,
    may_go: MayGo,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<TokenPhase, StoreError> {
    // All that open the whole instance are held, in one order: two that revoke each other come one after the other.
    sqlx::query(held!(
        "SELECT id FROM tokens WHERE kind = 'user' AND owner_id IS NULL AND project_id IS NULL ORDER BY id"
    ))
    .fetch_all(&mut *conn)
    .await?;
    // Read anew: what those who held them before have made is not among the held.
    let (mut own, others): (Vec<_>, Vec<_>) =
        all(&mut *conn, TokenKind::User).await?.into_iter().partition(|token| token.id == id);
    let token = own.pop().ok_or_else(|| missing(id))?;
    if !may_go(&token, &others, now) {
        return Err(StoreError::Last);
    }
    change_audited(conn, id, TokenChange::Revoked, now, entry).await
}

/// Rotates all live tokens of a runner.
pub(super) async fn rotate_of_runner(
    conn: &mut Conn,
    runner: RunnerId,
    to: TokenChange,
    now: Timestamp,
) -> Result<serde_json::Value, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, name, opens, owner_id, project_id, runner_id, phase, created_by, created_at, used_at FROM tokens
         WHERE runner_id = $1 ORDER BY id",
    )
    .bind(runner.0)
    .fetch_all(&mut *conn)
    .await?;
    let mut opens = serde_json::Value::Null;
    for row in rows {
        let token = row.token()?;
        if let TokenPhase::Live { .. } = token.phase.at(now) {
            change(&mut *conn, token.id, to, now).await?;
        }
        opens = token.opens;
    }
    Ok(opens)
}

pub(crate) async fn note_use(conn: &mut Conn, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE tokens SET used_at = $1 WHERE id = $2")
        .bind(now.0.cast_signed())
        .bind(id.0)
        .execute(conn)
        .await?;
    Ok(())
}

fn written(phase: TokenPhase) -> Result<String, StoreError> {
    serde_json::to_string(&phase).map_err(|error| StoreError::damaged("token", error))
}
