//! Opening the database, and how a verb reaches the one of the two that it is. Called by the server at its start; the macros by every verb.

use crate::error::StoreError;
use crate::{postgres, sqlite};

/// The control plane's memory. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) backend: Backend,
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
        Ok(Self { backend })
    }

    /// Ends all connections; what was answered is on disk.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Sqlite(database) => database.close().await,
            Backend::Postgres(database) => database.close().await,
        }
    }
}

/// Runs a query in a transaction of its own, which is taken back when it gives an error.
macro_rules! change {
    ($store:expr, $module:ident :: $verb:ident ( $($argument:expr),* $(,)? )) => {
        match &$store.backend {
            $crate::database::Backend::Sqlite(database) => {
                let mut transaction = database.begin().await?;
                let done = $crate::sqlite::$module::$verb(&mut transaction, $($argument),*).await?;
                transaction.commit().await?;
                done
            }
            $crate::database::Backend::Postgres(database) => {
                let mut transaction = database.begin().await?;
                let done = $crate::postgres::$module::$verb(&mut transaction, $($argument),*).await?;
                transaction.commit().await?;
                done
            }
        }
    };
}

/// Runs a query that changes nothing.
macro_rules! read {
    ($store:expr, $module:ident :: $verb:ident ( $($argument:expr),* $(,)? )) => {
        match &$store.backend {
            $crate::database::Backend::Sqlite(database) => {
                $crate::sqlite::$module::$verb(&mut *database.read().await?, $($argument),*).await?
            }
            $crate::database::Backend::Postgres(database) => {
                $crate::postgres::$module::$verb(&mut *database.read().await?, $($argument),*).await?
            }
        }
    };
}

pub(crate) use {change, read};
