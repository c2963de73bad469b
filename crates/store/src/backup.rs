//! What `ekiden server backup` and `restore` do with a database. They work beside a server, or without one: no schema is brought up to date here, except that of
//! a copy.

use crate::StoreError;
use domain::TaskId;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// How long a copy waits for a writer.
const BUSY: Duration = Duration::from_secs(30);
/// Task numbers that are left out after a restore: those that were given after the backup may still be in somebody's hands.
const LEFT_OUT: i64 = 1_000_000;
/// So many steps of SQLite's machine are some milliseconds.
const STEPS: i32 = 100_000;

async fn sqlite(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY);
    let failed = |source| StoreError::Open { path: path.display().to_string(), source };
    options.connect().await.map_err(failed)
}

async fn postgres(url: &str) -> Result<PgConnection, StoreError> {
    let failed = |source| StoreError::Open { path: url.split('@').next_back().unwrap_or_default().to_owned(), source };
    let options: PgConnectOptions = url.parse().map_err(failed)?;
    options.connect().await.map_err(failed)
}

/// What a database is as of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The newest task that is in it.
    pub newest: Option<TaskId>,
    /// Its schema.
    pub schema: i64,
}

/// Both know these.
const HELD: &str = "SELECT (SELECT MAX(id) FROM tasks), (SELECT MAX(version) FROM _sqlx_migrations)";

impl Held {
    fn of((newest, schema): (Option<i64>, Option<i64>)) -> Self {
        Self { newest: newest.map(TaskId), schema: schema.unwrap_or_default() }
    }
}

/// Writes a copy of a SQLite database to a file that is not there yet, its user's alone; a server goes on meanwhile. `goes_on` is asked now and then: the copy is
/// broken off when it says no.
///
/// # Errors
/// When there is no such database, the file is there already or cannot be written, or the copy was broken off.
pub async fn copy_sqlite(
    from: &Path,
    into: &Path,
    goes_on: impl FnMut() -> bool + Send + 'static,
) -> Result<Held, StoreError> {
    let shown = into.display().to_string();
    let Some(text) = into.to_str() else { return Err(StoreError::Address { url: shown }) };
    // SQLite takes an empty file for none, and leaves its mode.
    match std::fs::File::options().write(true).create_new(true).mode(0o600).open(into) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(StoreError::Present { what: "file", name: shown });
        }
        Err(error) => return Err(StoreError::Open { path: shown, source: sqlx::Error::Io(error) }),
    }
    let mut conn = sqlite(from).await?;
    conn.lock_handle().await?.set_progress_handler(STEPS, goes_on);
    sqlx::query("VACUUM INTO $1").bind(text).execute(&mut conn).await?;
    conn.close().await?;
    let mut copy = sqlite(into).await?;
    let held = sqlx::query_as(HELD).fetch_one(&mut copy).await?;
    copy.close().await?;
    Ok(Held::of(held))
}

/// What a PostgreSQL database is.
///
/// # Errors
/// When it cannot be reached, or is none of a server.
pub async fn held_by_postgres(url: &str) -> Result<Held, StoreError> {
    let mut conn = postgres(url).await?;
    let held = sqlx::query_as(HELD).fetch_one(&mut conn).await?;
    conn.close().await?;
    Ok(Held::of(held))
}

/// The newest schema that this program knows; both databases count alike.
#[must_use]
pub fn newest_schema() -> i64 {
    crate::sqlite::MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// Whether a PostgreSQL database holds no table.
///
/// # Errors
/// When it cannot be reached.
pub async fn is_empty(url: &str) -> Result<bool, StoreError> {
    let mut conn = postgres(url).await?;
    let query =
        "SELECT COUNT(*) FROM pg_catalog.pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
    let tables: (i64,) = sqlx::query_as(query).fetch_one(&mut conn).await?;
    conn.close().await?;
    Ok(tables.0 == 0)
}

/// Makes a SQLite database that was restored ready: it can be read, and gives no task a number that it gave after it was copied.
///
/// # Errors
/// When it is damaged, or none of a server.
pub async fn ready_sqlite(path: &Path) -> Result<(), StoreError> {
    let mut conn = sqlite(path).await?;
    let told: (String,) = sqlx::query_as("PRAGMA quick_check(1)").fetch_one(&mut conn).await?;
    if told.0 != "ok" {
        return Err(StoreError::damaged("page", told.0));
    }
    sqlx::query("INSERT INTO sqlite_sequence (name, seq) SELECT 'tasks', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'tasks')")
        .execute(&mut conn)
        .await?;
    sqlx::query("UPDATE sqlite_sequence SET seq = seq + $1 WHERE name = 'tasks'")
        .bind(LEFT_OUT)
        .execute(&mut conn)
        .await?;
    conn.close().await?;
    Ok(())
}

/// The same for a PostgreSQL database.
///
/// # Errors
/// When it cannot be reached, or is none of a server.
pub async fn ready_postgres(url: &str) -> Result<(), StoreError> {
    let mut conn = postgres(url).await?;
    sqlx::query("SELECT setval(pg_get_serial_sequence('tasks', 'id'), COALESCE((SELECT MAX(id) FROM tasks), 0) + $1)")
        .bind(LEFT_OUT)
        .execute(&mut conn)
        .await?;
    conn.close().await?;
    Ok(())
}
