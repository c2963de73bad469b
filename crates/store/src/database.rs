//! Opening the database, and how a verb reaches the one of the two that it is. Called by the server at its start; the macros by every verb.

use crate::error::StoreError;
use crate::{news, postgres, sqlite};

/// The control plane's memory. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) backend: Backend,
    pub(crate) news: news::News,
    readers: news::Open,
}

#[derive(Debug, Clone)]
pub(crate) enum Backend {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

impl Store {
    /// Opens `sqlite:PATH` (made where there is none; its folder must exist) or `postgres://…`, and brings its schema up to this version.
    ///
    /// # Errors
    /// When it cannot be reached, or was written by a newer version.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let backend = if let Some(path) = url.strip_prefix("sqlite:") {
            Backend::Sqlite(sqlite::Database::open(path).await?)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Backend::Postgres(postgres::Database::open(url).await?)
        } else {
            return Err(StoreError::Address { url: url.split('@').next_back().unwrap_or_default().to_owned() });
        };
        let (news, readers) = news::open();
        Ok(Self { backend, news, readers })
    }

    /// Ends all connections and all that wait for news; what was answered is on disk.
    pub async fn close(&self) {
        self.readers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        match &self.backend {
            Backend::Sqlite(database) => database.close().await,
            Backend::Postgres(database) => database.close().await,
        }
    }
}

/// So often something is tried that did not happen for no fault of its own.
pub(crate) const TRIES: u32 = 5;

/// Between the tries.
pub(crate) async fn pause(tries: u32) {
    tokio::time::sleep(std::time::Duration::from_millis(u64::from(tries * tries))).await;
}

/// Runs a query in a transaction of its own, which is taken back when it gives an error, and done again when that was because of others or of a connection
/// that died: arguments are references or copied. What others wait for is told by a function of the query's answer; where it is `told`, the query on PostgreSQL
/// has told it already.
macro_rules! change {
    ($store:expr, $module:ident :: $verb:ident ( $($argument:expr),* $(,)? ) $(, $news:expr)? $(; told $told:expr)?) => {
        match &$store.backend {
            $crate::database::Backend::Sqlite(database) => {
                let tried: Result<_, $crate::StoreError> = async {
                    let mut transaction = database.begin().await?;
                    let done = $crate::sqlite::$module::$verb(&mut transaction, $($argument),*).await?;
                    transaction.commit().await?;
                    Ok(done)
                }
                .await;
                match tried {
                    Ok(done) => {
                        $($store.news.tell($crate::database::news_of(&done, $news));)?
                        $($store.news.tell($crate::database::news_of(&done, $told));)?
                        done
                    }
                    Err(error) => {
                        if error.is_broken() {
                            database.doubt();
                        }
                        return Err(error.into());
                    }
                }
            }
            $crate::database::Backend::Postgres(database) => {
                let mut tries = 1;
                loop {
                    let tried: Result<_, $crate::StoreError> = async {
                        let mut transaction = database.begin().await?;
                        let done = $crate::postgres::$module::$verb(&mut transaction, $($argument),*).await?;
                        $($crate::listen::notify(&mut transaction, &$store.news, $crate::database::news_of(&done, $news)).await?;)?
                        Ok((transaction, done))
                    }
                    .await;
                    let error = match tried {
                        Ok((transaction, done)) => match transaction.commit().await.map_err($crate::StoreError::from) {
                            Ok(()) => break done,
                            // A connection that dies now may have taken the commit with it, or not.
                            Err(error) if !error.is_conflict() => {
                                $store.news.tell([$crate::news::Change::Missed]);
                                return Err(error.into());
                            }
                            Err(error) => error,
                        },
                        Err(error) if error.is_conflict() || error.is_cut() => error,
                        Err(error) => return Err(error.into()),
                    };
                    if tries == $crate::database::TRIES {
                        return Err(error.into());
                    }
                    if error.is_cut() {
                        database.note_cut();
                    }
                    $crate::database::pause(tries).await;
                    tries += 1;
                }
            }
        }
    };
}

/// Says to the compiler what kind of function makes news.
pub(crate) fn news_of<T>(done: &T, news: impl FnOnce(&T) -> Vec<news::Change>) -> Vec<news::Change> {
    news(done)
}

/// Runs a query that changes nothing; again, where a connection died.
macro_rules! read {
    ($store:expr, $module:ident :: $verb:ident ( $($argument:expr),* $(,)? )) => {
        match &$store.backend {
            $crate::database::Backend::Sqlite(database) => {
                $crate::sqlite::$module::$verb(&mut *database.read().await?, $($argument),*).await?
            }
            $crate::database::Backend::Postgres(database) => {
                let mut tries = 1;
                loop {
                    let tried: Result<_, $crate::StoreError> = async {
                        let mut conn = database.read().await?;
                        $crate::postgres::$module::$verb(&mut *conn, $($argument),*).await
                    }
                    .await;
                    match tried {
                        Err(error) if error.is_cut() && tries < $crate::database::TRIES => {
                            database.note_cut();
                            $crate::database::pause(tries).await;
                            tries += 1;
                        }
                        done => break done?,
                    }
                }
            }
        }
    };
}

pub(crate) use {change, read};
