//! News between the servers of one PostgreSQL: `NOTIFY` within the transaction that changes something, `LISTEN` on a connection of its own. Called
//! by `database` and `news`.

use crate::error::StoreError;
use crate::news::{Change, Mark, News};
use crate::postgres::{Conn, Database};
use sqlx::Executor;
use sqlx::postgres::PgListener;
use std::time::Duration;

pub(crate) const CHANNEL: &str = "ekiden";
/// So long nothing may be heard before it is asked whether the connection still stands.
const QUIET: Duration = Duration::from_secs(15);
/// Between two tries to listen again.
const PAUSE: Duration = Duration::from_millis(250);

/// As it goes to other servers.
pub(crate) fn text(mark: Mark, changes: impl IntoIterator<Item = Change>) -> String {
    let mut text = String::new();
    changes.into_iter().for_each(|change| change.write(mark, &mut text));
    text
}

/// Tells all servers, when the transaction is committed.
pub(crate) async fn notify(
    conn: &mut Conn,
    news: &News,
    changes: impl IntoIterator<Item = Change> + Send,
) -> Result<(), StoreError> {
    let text = text(news.mark(), changes);
    if !text.is_empty() {
        sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(text).execute(conn).await?;
    }
    Ok(())
}

/// Listens from now on, once for a store and its clones.
pub(crate) async fn ensure(database: &Database, news: &News) -> Result<(), StoreError> {
    database
        .listening
        .get_or_try_init(async || {
            let listener = begin(database).await?;
            tokio::spawn(listen(database.clone(), listener, news.clone()));
            Ok::<(), StoreError>(())
        })
        .await?;
    Ok(())
}

async fn begin(database: &Database) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(&database.pool).await?;
    // Whether it is the same connection is what this loop must know itself.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Ends when the store is closed or dropped.
async fn listen(database: Database, mut listener: PgListener, news: News) {
    loop {
        let heard = tokio::time::timeout(QUIET, listener.try_recv()).await;
        let stands = match heard {
            Ok(Ok(Some(notification))) => {
                news.tell(Change::read(news.mark(), notification.payload()));
                true
            }
            Ok(Ok(None) | Err(_)) => false,
            Err(_quiet) => matches!(tokio::time::timeout(QUIET, listener.execute("SELECT 1")).await, Ok(Ok(_))),
        };
        if stands && news.is_open() {
            continue;
        }
        loop {
            if database.pool.is_closed() || !news.is_open() {
                return;
            }
            match begin(&database).await {
                Ok(again) => break listener = again,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
        // What was told meanwhile went to nobody here.
        news.tell([Change::Missed]);
    }
}
