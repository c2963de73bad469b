//! PostgreSQL. Called by `database`.

use crate::error::{StoreError, is_passing};
use crate::turns::Turns;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection, PgConnection, Postgres, Transaction};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// What queries are built for.
pub(crate) type Db = sqlx::Postgres;
/// What queries run on.
pub(crate) type Conn = PgConnection;
/// A query that is given its values.
type Query = sqlx::query::Query<'static, Db, <Db as sqlx::Database>::Arguments>;

/// Holds a row that a query found until the transaction ends: others who want to hold it wait, and find it as it is then.
macro_rules! held {
    ($query:literal) => {
        concat!($query, " FOR NO KEY UPDATE")
    };
}

/// As [`held`], at the end of a query that joins tables: of which it holds rows, in this order.
macro_rules! held_of {
    ($tables:literal) => {
        concat!(" FOR NO KEY UPDATE OF ", $tables)
    };
}

/// When a runner was last heard of, or since when it is not: of a row's phase.
macro_rules! contact_since {
    () => {
        "CAST(CAST(phase AS json) -> 'contact' ->> 'since' AS bigint)"
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

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");

/// So long after its last use a connection is believed to stand.
const FRESH: Duration = Duration::from_secs(1);
/// There are fewer statements than this: none is prepared twice.
const STATEMENTS: usize = 512;
const CONNECTIONS: u32 = 16;
/// How long a verb waits for a connection before it says that the database is away.
const PATIENCE: Duration = Duration::from_secs(10);

/// One that is away at the start is asked again after this.
const AGAIN: Duration = Duration::from_secs(2);

/// The pool of one database.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) pool: PgPool,
    pub(crate) listening: Arc<OnceCell<()>>,
    /// When a connection was last found dead: those that rest since before are asked.
    cut: Cut,
    pub(crate) turns: Turns,
}

/// Connects once, for as long as a verb would wait: of what keeps a database away, the pool says only that it waited.
async fn reached(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let began = Instant::now();
    loop {
        let left = PATIENCE.saturating_sub(began.elapsed());
        let error = match tokio::time::timeout(left, options.connect()).await {
            Ok(Ok(connection)) => return connection.close().await,
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time")),
        };
        if !is_passing(&error) || began.elapsed() + AGAIN > PATIENCE {
            return Err(error);
        }
        tracing::warn!(error = &error as &dyn std::error::Error, "the database does not answer yet");
        tokio::time::sleep(AGAIN).await;
    }
}

type Cut = Arc<Mutex<Option<Instant>>>;

impl Database {
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        let shown = url.split('@').next_back().unwrap_or_default().to_owned();
        let failed = |source| StoreError::Open { path: shown.clone(), source };
        let options: PgConnectOptions = url.parse().map_err(failed)?;
        let options = options.statement_cache_capacity(STATEMENTS);
        reached(&options).await.map_err(failed)?;
        let cut = Cut::default();
        let seen = Arc::clone(&cut);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false)
            .before_acquire(move |conn, meta| {
                let cut = *seen.lock().unwrap_or_else(PoisonError::into_inner);
                Box::pin(async move {
                    // One that was used just now need not be asked whether it stands.
                    if meta.idle_for > FRESH || cut.is_some_and(|cut| cut.elapsed() <= meta.idle_for) {
                        conn.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options)
            .await
            .map_err(failed)?;
        MIGRATIONS.run(&pool).await.map_err(StoreError::migration)?;
        Ok(Self { pool, listening: Arc::default(), cut, turns: Turns::default() })
    }

    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.pool.begin().await
    }

    pub(crate) async fn read(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        self.pool.acquire().await
    }

    /// A connection was found dead; others may be too.
    pub(crate) fn note_cut(&self) {
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}
