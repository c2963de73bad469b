//! Who of several servers does what only one may do. Called by the server's queue.

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

impl Store {
    /// Takes the lead of this name; `None` where another server has it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lead(&self, name: &str) -> Result<Option<Leadership>, StoreError> {
        let Backend::Postgres(database) = &self.backend else { return Ok(Some(Leadership(Held::Alone))) };
        let options = database.pool.connect_options();
        let connect = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&options)).await;
        let mut conn = connect.map_err(|_elapsed| sqlx::Error::PoolTimedOut)??;
        let (got,): (bool,) = sqlx::query_as("SELECT pg_try_advisory_lock(hashtextextended($1, 0))")
            .bind(format!("ekiden {name}"))
            .fetch_one(&mut conn)
            .await?;
        if got {
            return Ok(Some(Leadership(Held::Lock(Box::new(conn)))));
        }
        conn.close().await?;
        Ok(None)
    }
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
