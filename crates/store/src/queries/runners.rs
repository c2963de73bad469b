//! Queries of runners, compiled for both databases.

use super::{Conn, Db, audit, tokens};
use crate::audit::AuditEntry;
use crate::error::StoreError;
use crate::runners::{KeyStanding, NewRunner, RunnerFacts, StoredRunner};
use crate::scope;
use crate::tokens::{NewToken, StoredToken, TokenHash, TokenKind};
use domain::control::{Expiry, RunnerChange, RunnerPhase, Scope, TokenChange, TokenId, TokenPhase, Uses};
use domain::{RunnerCapability, RunnerId, RunnerUuid, Timestamp};
use sqlx::QueryBuilder;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    uuid: String,
    name: String,
    owner_id: Option<i64>,
    project_id: Option<i64>,
    pool: Option<String>,
    labels: String,
    version: String,
    capabilities: String,
    phase: String,
    created_at: i64,
}

impl Row {
    fn runner(self) -> Result<StoredRunner, StoreError> {
        let damaged = |error| StoreError::damaged("runner", error);
        let words: Vec<String> = serde_json::from_str(&self.capabilities).map_err(damaged)?;
        Ok(StoredRunner {
            id: RunnerId(self.id),
            uuid: RunnerUuid(self.uuid),
            name: self.name,
            scope: scope::of_columns(self.owner_id, self.project_id),
            pool: self.pool,
            labels: serde_json::from_str(&self.labels).map_err(damaged)?,
            version: self.version,
            capabilities: words.iter().map(|word| RunnerCapability::from_word(word)).collect(),
            phase: serde_json::from_str(&self.phase).map_err(damaged)?,
            created: Timestamp(self.created_at.cast_unsigned()),
        })
    }
}

pub(crate) async fn register(
    conn: &mut Conn,
    token: TokenId,
    runner: &NewRunner,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<StoredRunner, StoreError> {
    tokens::change(&mut *conn, token, TokenChange::Used, now).await?;
    let row: Row = sqlx::query_as(
        "INSERT INTO runners (uuid, name, owner_id, project_id, pool, labels, version, capabilities, phase, created_at)
         SELECT $1, $2, owner_id, project_id, $3, $4, $5, $6, $7, $8 FROM tokens WHERE id = $9
         RETURNING id, uuid, name, owner_id, project_id, pool, labels, version, capabilities, phase, created_at",
    )
    .bind(&runner.uuid.0)
    .bind(&runner.name)
    .bind(&runner.pool)
    .bind(list(&runner.labels))
    .bind(&runner.version)
    .bind(words(&runner.capabilities))
    .bind(written(&runner.phase)?)
    .bind(now.0.cast_signed())
    .bind(token.0)
    .fetch_one(&mut *conn)
    .await?;
    let made = row.runner()?;
    tokens::add(&mut *conn, &key(&made, runner.key, runner.opens.clone()), Some(made.id), now).await?;
    audit::add(conn, now, &entry.of(made.id.0)).await?;
    Ok(made)
}

/// The key of a runner lives as long as the runner.
fn key(runner: &StoredRunner, hash: TokenHash, opens: serde_json::Value) -> NewToken {
    NewToken {
        kind: TokenKind::Runner,
        hash,
        name: runner.name.clone(),
        opens,
        scope: runner.scope,
        phase: TokenPhase::live(Uses::Unlimited, Expiry::Never),
        by: format!("runner {}", runner.id.0),
    }
}

/// A runner and a key of it, found together.
#[derive(sqlx::FromRow)]
struct Keyed {
    #[sqlx(flatten)]
    runner: Row,
    key_id: i64,
    key_name: String,
    opens: String,
    key_owner: Option<i64>,
    key_project: Option<i64>,
    key_phase: String,
    created_by: String,
    key_made: i64,
    used_at: Option<i64>,
}

impl Keyed {
    fn read(self) -> Result<(StoredRunner, StoredToken), StoreError> {
        let key = tokens::Row {
            id: self.key_id,
            name: self.key_name,
            opens: self.opens,
            owner_id: self.key_owner,
            project_id: self.key_project,
            runner_id: Some(self.runner.id),
            phase: self.key_phase,
            created_by: self.created_by,
            created_at: self.key_made,
            used_at: self.used_at,
        };
        Ok((self.runner.runner()?, key.token()?))
    }
}

pub(crate) async fn of_key(
    conn: &mut Conn,
    hash: TokenHash,
) -> Result<Option<(StoredRunner, StoredToken)>, StoreError> {
    let row: Option<Keyed> = sqlx::query_as(
        "SELECT runners.id, uuid, runners.name, runners.owner_id, runners.project_id, pool, labels, version,
                capabilities, runners.phase, runners.created_at, tokens.id AS key_id, tokens.name AS key_name, opens,
                tokens.owner_id AS key_owner, tokens.project_id AS key_project, tokens.phase AS key_phase, created_by,
                tokens.created_at AS key_made, used_at
         FROM tokens JOIN runners ON runners.id = runner_id WHERE hash = $1 AND kind = $2",
    )
    .bind(hash.0.as_slice())
    .bind(TokenKind::Runner.word())
    .fetch_optional(conn)
    .await?;
    row.map(Keyed::read).transpose()
}

pub(crate) async fn key_standings(
    conn: &mut Conn,
    keys: &[TokenHash],
) -> Result<Vec<(TokenHash, KeyStanding)>, StoreError> {
    let mut query = QueryBuilder::<Db>::new(
        "SELECT hash, runners.id, runners.phase, tokens.phase
         FROM tokens JOIN runners ON runners.id = runner_id WHERE kind = ",
    );
    query.push_bind(TokenKind::Runner.word()).push(" AND hash IN (");
    let mut hashes = query.separated(", ");
    for key in keys {
        hashes.push_bind(key.0.to_vec());
    }
    query.push(")");
    let rows: Vec<(Vec<u8>, i64, String, String)> =
        query.build_query_as().persistent(false).fetch_all(&mut *conn).await?;
    let mut standings = Vec::with_capacity(rows.len());
    for (hash, runner, phase, key) in rows {
        // What cannot be read keeps no other from being found; who looks it up alone hears of it.
        let (Ok(hash), Ok(phase), Ok(key)) =
            (<[u8; 32]>::try_from(hash), serde_json::from_str(&phase), serde_json::from_str(&key))
        else {
            continue;
        };
        standings.push((TokenHash(hash), KeyStanding { runner: RunnerId(runner), phase, key }));
    }
    Ok(standings)
}

async fn found(conn: &mut Conn, id: RunnerId) -> Result<Option<StoredRunner>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, uuid, name, owner_id, project_id, pool, labels, version, capabilities, phase, created_at
         FROM runners WHERE id = $1",
    )
    .bind(id.0)
    .fetch_optional(conn)
    .await?;
    row.map(Row::runner).transpose()
}

pub(crate) async fn by_id(conn: &mut Conn, id: RunnerId) -> Result<StoredRunner, StoreError> {
    found(conn, id).await?.ok_or_else(|| missing(id))
}

pub(crate) async fn of_scope(conn: &mut Conn, wanted: Option<Scope>) -> Result<Vec<StoredRunner>, StoreError> {
    let (owner, project) = wanted.map_or((None, None), scope::columns);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, uuid, name, owner_id, project_id, pool, labels, version, capabilities, phase, created_at
         FROM runners WHERE $1 OR (COALESCE(owner_id, 0) = $2 AND COALESCE(project_id, 0) = $3) ORDER BY id",
    )
    .bind(wanted.is_none())
    .bind(owner.unwrap_or(0))
    .bind(project.unwrap_or(0))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::runner).collect()
}

/// The database reads the phases: of ten thousand runners that call, none is worth a row here.
pub(crate) async fn quiet(conn: &mut Conn, since: Timestamp, now: Timestamp) -> Result<Vec<StoredRunner>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(concat!(
        "SELECT id, uuid, name, owner_id, project_id, pool, labels, version, capabilities, phase, created_at
         FROM runners WHERE ",
        contact_since!(),
        " NOT BETWEEN $1 AND $2 ORDER BY id"
    ))
    .bind(since.0.cast_signed().saturating_add(1))
    .bind(now.0.cast_signed())
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::runner).collect()
}

pub(crate) async fn declare(conn: &mut Conn, id: RunnerId, facts: &RunnerFacts) -> Result<(), StoreError> {
    let done = sqlx::query("UPDATE runners SET labels = $1, version = $2, capabilities = $3 WHERE id = $4")
        .bind(list(&facts.labels))
        .bind(&facts.version)
        .bind(words(&facts.capabilities))
        .bind(id.0)
        .execute(conn)
        .await?;
    if done.rows_affected() == 0 { Err(missing(id)) } else { Ok(()) }
}

/// Holds the runner's row until the transaction ends; gives where it was, and where it is after a change that is to be written.
pub(super) async fn changed(
    conn: &mut Conn,
    id: RunnerId,
    change: RunnerChange,
) -> Result<(RunnerPhase, RunnerPhase), StoreError> {
    let held: Option<(String,)> =
        sqlx::query_as(held!("SELECT phase FROM runners WHERE id = $1")).bind(id.0).fetch_optional(conn).await?;
    let (phase,) = held.ok_or_else(|| missing(id))?;
    let before = read(&phase)?;
    let after = before.after(change)?;
    Ok((before, after))
}

pub(super) fn read(phase: &str) -> Result<RunnerPhase, StoreError> {
    serde_json::from_str(phase).map_err(|error| StoreError::damaged("runner", error))
}

pub(super) async fn write(conn: &mut Conn, id: RunnerId, phase: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE runners SET phase = $1 WHERE id = $2").bind(phase).bind(id.0).execute(conn).await?;
    Ok(())
}

/// Notes that runners were heard of; gives those that stand otherwise now. Those that are none any more are left out, and those whose row cannot be read: one of
/// them must not keep the others from being noted.
pub(crate) async fn hear(conn: &mut Conn, heard: &[(RunnerId, Timestamp)]) -> Result<Vec<RunnerId>, StoreError> {
    let mut query = QueryBuilder::<Db>::new("SELECT id, phase FROM runners WHERE id IN (");
    let mut ids = query.separated(", ");
    for (id, _) in heard {
        ids.push_bind(id.0);
    }
    query.push(held!(") ORDER BY id"));
    let held: Vec<(i64, String)> = query.build_query_as().persistent(false).fetch_all(&mut *conn).await?;
    let heard: BTreeMap<i64, Timestamp> = heard.iter().map(|(id, at)| (id.0, *at)).collect();
    let (mut phases, mut others) = (Vec::with_capacity(held.len()), Vec::new());
    for (id, phase) in held {
        let before: RunnerPhase = match serde_json::from_str(&phase) {
            Ok(before) => before,
            Err(error) => {
                let error = StoreError::damaged("runner", error);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    runner = id,
                    "could not note that a runner called"
                );
                continue;
            }
        };
        let Some(Ok(after)) = heard.get(&id).map(|at| before.after(RunnerChange::Heard(*at))) else { continue };
        if after.standing() != before.standing() {
            others.push(RunnerId(id));
        }
        phases.push((id, written(&after)?));
    }
    if phases.is_empty() {
        return Ok(others);
    }
    let mut query = QueryBuilder::<Db>::new("UPDATE runners SET phase = heard.column2 FROM (");
    query.push_values(phases, |mut row, (id, phase)| {
        row.push_bind(id).push_bind(phase);
    });
    query.push(") AS heard WHERE runners.id = heard.column1");
    query.build().persistent(false).execute(conn).await?;
    Ok(others)
}

pub(crate) async fn change_audited(
    conn: &mut Conn,
    id: RunnerId,
    to: RunnerChange,
    now: Timestamp,
    entry: Option<&AuditEntry>,
) -> Result<(RunnerPhase, RunnerPhase), StoreError> {
    let phases = changed(&mut *conn, id, to).await?;
    write(&mut *conn, id, &written(&phases.1)?).await?;
    if let Some(entry) = entry {
        audit::add(conn, now, entry).await?;
    }
    Ok(phases)
}

pub(crate) async fn rotate_key(
    conn: &mut Conn,
    id: RunnerId,
    hash: TokenHash,
    grace: Duration,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let runner = by_id(&mut *conn, id).await?;
    let opens = tokens::rotate_of_runner(&mut *conn, id, TokenChange::Rotated { grace }, now).await?;
    tokens::add(&mut *conn, &key(&runner, hash, opens), Some(id), now).await?;
    audit::add(conn, now, entry).await
}

pub(crate) async fn remove(
    conn: &mut Conn,
    id: RunnerId,
    now: Timestamp,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let done = sqlx::query("DELETE FROM runners WHERE id = $1").bind(id.0).execute(&mut *conn).await?;
    if done.rows_affected() == 0 {
        return Err(missing(id));
    }
    audit::add(conn, now, entry).await
}

fn list(labels: &[String]) -> String {
    serde_json::Value::from(labels).to_string()
}

fn words(capabilities: &[RunnerCapability]) -> String {
    let words: Vec<&str> = capabilities.iter().map(RunnerCapability::as_str).collect();
    serde_json::Value::from(words).to_string()
}

pub(super) fn written(phase: &RunnerPhase) -> Result<String, StoreError> {
    serde_json::to_string(phase).map_err(|error| StoreError::damaged("runner", error))
}

fn missing(id: RunnerId) -> StoreError {
    StoreError::Missing { what: "runner", name: id.0.to_string() }
}
