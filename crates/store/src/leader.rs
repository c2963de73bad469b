//! Who of several servers does what only one may do. Called by the server's start, and by `server::lead`.

use crate::database::Backend;
use crate::{Store, StoreError};
use sqlx::{Connection, PgConnection};
use std::time::Duration;

/// A connection that does not answer for so long is gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// The right to be the one. It ends when it is dropped, and when its connection breaks, which [`Leadership::stands`] finds. For a moment two may
/// believe that they have it: what they do must be safe without it, as every verb is.
#[derive(Debug)]
pub struct Leadership(Held);

#[derive(Debug)]
enum Held {
    /// A SQLite file has one server.
    Alone,
    /// A connection of its own, whose session holds the lock.
    Lock(Box<PgConnection>),
}

/// Who asks for a lead again and again. It keeps the connection over which it was refused, so that each further try costs a short question and no new session.
#[derive(Debug)]
pub struct Candidate {
    name: String,
    kept: Option<Box<PgConnection>>,
}

impl Store {
    /// Takes the lead of this name; `None` where another server has it. For who asks once; a [`Candidate`] asks often.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lead(&self, name: &str) -> Result<Option<Leadership>, StoreError> {
        let mut candidate = Candidate::new(name);
        let got = candidate.ask(self).await?;
        if let Some(conn) = candidate.kept {
            conn.close().await?;
        }
        Ok(got)
    }
}

impl Candidate {
    /// One that has not asked yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: format!("ekiden {name}"), kept: None }
    }

    /// Takes the lead; `None` where another server has it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ask(&mut self, store: &Store) -> Result<Option<Leadership>, StoreError> {
        let Backend::Postgres(database) = &store.backend else { return Ok(Some(Leadership(Held::Alone))) };
        if let Some(conn) = self.kept.take() {
            match self.ask_over(conn).await {
                // It died since: another one is made.
                Err(error) if error.is_passing() => {}
                asked => return asked,
            }
        }
        let options = database.pool.connect_options();
        let conn = patiently(PgConnection::connect_with(&options)).await?;
        self.ask_over(Box::new(conn)).await
    }

    /// Keeps the connection where it is refused.
    async fn ask_over(&mut self, mut conn: Box<PgConnection>) -> Result<Option<Leadership>, StoreError> {
        let asked = sqlx::query_as("SELECT pg_try_advisory_lock(hashtextextended($1, 0))").bind(&self.name);
        let (got,): (bool,) = patiently(asked.fetch_one(&mut *conn)).await?;
        if got {
            return Ok(Some(Leadership(Held::Lock(conn))));
        }
        self.kept = Some(conn);
        Ok(None)
    }
}

async fn patiently<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

impl Leadership {
    /// Whether it still holds. Ask before each round of what only the leader does; after a no, take the lead again.
    pub async fn stands(&mut self) -> bool {
        match &mut self.0 {
            Held::Alone => true,
            Held::Lock(conn) => matches!(tokio::time::timeout(PATIENCE, conn.ping()).await, Ok(Ok(()))),
        }
    }

    /// Gives it to whoever asks next, at once.
    pub async fn release(self) {
        if let Held::Lock(conn) = self.0 {
            // One that breaks meanwhile gives it back too.
            let _unused = tokio::time::timeout(PATIENCE, conn.close()).await;
        }
    }
}
