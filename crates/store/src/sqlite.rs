//! SQLite: one connection that writes, some that read. Called by `database`.

use crate::error::{StoreError, sqlite_code};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqliteConnection, Transaction};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What queries are built for.
pub(crate) type Db = sqlx::Sqlite;
/// What queries run on.
pub(crate) type Conn = SqliteConnection;
/// A query that is given its values.
type Query = sqlx::query::Query<'static, Db, <Db as sqlx::Database>::Arguments>;

/// Holds a row that a query found until the transaction ends: there is one writer, which holds all.
macro_rules! held {
    ($query:literal) => {
        concat!($query, "")
    };
}

/// As [`held`], at the end of a query that joins tables.
macro_rules! held_of {
    ($tables:literal) => {
        ""
    };
}

/// When a runner was last heard of, or since when it is not: of a row's phase.
macro_rules! contact_since {
    () => {
        "json_extract(phase, '$.contact.since')"
    };
}

mod at_once;

#[path = "queries/audit.rs"]
pub(crate) mod audit;
#[path = "queries/following.rs"]
pub(crate) mod following;
#[path = "queries/groups.rs"]
pub(crate) mod groups;
#[path = "queries/held_run.rs"]
pub(crate) mod held_run;
#[path = "queries/holdings.rs"]
pub(crate) mod holdings;
#[path = "queries/jobs.rs"]
pub(crate) mod jobs;
#[path = "queries/moves.rs"]
pub(crate) mod moves;
#[path = "queries/new_jobs.rs"]
pub(crate) mod new_jobs;
#[path = "queries/projects.rs"]
pub(crate) mod projects;
#[path = "queries/pushes.rs"]
pub(crate) mod pushes;
#[path = "queries/reports.rs"]
pub(crate) mod reports;
#[path = "queries/reruns.rs"]
pub(crate) mod reruns;
#[path = "queries/retention.rs"]
pub(crate) mod retention;
#[path = "queries/runners.rs"]
pub(crate) mod runners;
#[path = "queries/runs.rs"]
pub(crate) mod runs;
#[path = "queries/statuses.rs"]
pub(crate) mod statuses;
#[path = "queries/tasks.rs"]
pub(crate) mod tasks;
#[path = "queries/tokens.rs"]
pub(crate) mod tokens;
#[path = "queries/workflows.rs"]
pub(crate) mod workflows;

pub(crate) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a writer waits for another program that holds the file. Those that come behind one who waited for nothing do not wait.
const BUSY: Duration = Duration::from_secs(5);
/// What SQLite says then, in the low byte.
const IS_BUSY: u32 = 5;
/// There are fewer statements than this: none is prepared twice.
const STATEMENTS: usize = 512;
/// Long lists must not keep short looks waiting.
const READERS: u32 = 8;

/// The pools of one file.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    /// One connection: SQLite has one writer, and waiting here is fair where waiting there is not.
    writer: SqlitePool,
    readers: SqlitePool,
    /// The writer's connection is to be made anew before it is used again.
    is_in_doubt: Arc<AtomicBool>,
    /// Another program held the file when it was wanted last.
    is_held: Arc<AtomicBool>,
}

impl Database {
    pub(crate) async fn open(path: &str) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Open { path: path.to_owned(), source };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY)
            .foreign_keys(true)
            .statement_cache_capacity(STATEMENTS)
            .pragma("temp_store", "memory")
            .optimize_on_close(true, None);
        let is_in_doubt = Arc::new(AtomicBool::new(false));
        let is_held = Arc::new(AtomicBool::new(false));
        let (doubted, held) = (Arc::clone(&is_in_doubt), Arc::clone(&is_held));
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .before_acquire(move |conn, _| {
                let is_good = !doubted.swap(false, Ordering::SeqCst);
                let waits = !held.load(Ordering::SeqCst);
                Box::pin(async move {
                    if is_good && !waits {
                        patience(conn, Duration::ZERO).await?;
                    }
                    Ok(is_good)
                })
            })
            .connect_with(options.clone())
            .await
            .map_err(failed)?;
        MIGRATIONS.run(&writer).await.map_err(StoreError::migration)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_with(options.create_if_missing(false).read_only(true))
            .await
            .map_err(failed)?;
        Ok(Self { writer, readers, is_in_doubt, is_held })
    }

    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        // A transaction that reads first and writes later would fail where another wrote in between.
        match self.writer.begin_with("BEGIN IMMEDIATE").await {
            Ok(mut transaction) => {
                if self.is_held.swap(false, Ordering::SeqCst) {
                    patience(&mut transaction, BUSY).await?;
                }
                Ok(transaction)
            }
            Err(error) if is_busy(&error) => {
                self.is_held.store(true, Ordering::SeqCst);
                Err(StoreError::Held(error))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn read(&self) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        self.readers.acquire().await
    }

    /// Something went wrong of which nobody knows how it left the connection.
    pub(crate) fn doubt(&self) {
        self.is_in_doubt.store(true, Ordering::SeqCst);
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// How long the connection waits for other programs from now on.
async fn patience(conn: &mut SqliteConnection, time: Duration) -> Result<(), sqlx::Error> {
    let pragma = format!("PRAGMA busy_timeout = {}", time.as_millis());
    sqlx::query(sqlx::AssertSqlSafe(pragma)).execute(conn).await?;
    Ok(())
}

fn is_busy(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlite_code) == Some(IS_BUSY)
}
