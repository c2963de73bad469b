//! Why a verb did not happen.

use domain::control::{JobRefusal, RunRefusal, RunnerRefusal, TokenRefusal};
use sqlx::migrate::MigrateError;

/// Why a verb of the store did not happen. Nothing of it did.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is none that we know.
    #[error("'{url}' is no address of a database: give sqlite:PATH or postgres://USER@HOST/NAME")]
    Address {
        /// As it was given, without a password.
        url: String,
    },
    /// The folder or the file of a SQLite database cannot be used.
    #[error("could not open the database {path}")]
    Open {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The database is newer than this program, or was changed by hand.
    #[error("the database does not fit this version of ekiden; use the version that wrote it last, or a newer one")]
    Schema(#[source] MigrateError),
    /// There is nothing of that name or number.
    #[error("there is no {what} {name}")]
    Missing {
        /// The kind of thing.
        what: &'static str,
        /// Its name or number.
        name: String,
    },
    /// There is one already.
    #[error("there is a {what} {name} already")]
    Present {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// It may not go: what nobody can do without would be gone with it.
    #[error("it is the last of its kind, and one must stay")]
    Last,
    /// The token opens nothing, or the change has no place in its life.
    #[error(transparent)]
    Token(#[from] TokenRefusal),
    /// The change has no place in the runner's life.
    #[error(transparent)]
    Runner(#[from] RunnerRefusal),
    /// The change has no place in the job's life, or the lease is another's.
    #[error(transparent)]
    Job(#[from] JobRefusal),
    /// The run is over, or cannot run again.
    #[error(transparent)]
    Run(#[from] RunRefusal),
    /// Somebody else holds a concurrency group that the job needs.
    #[error("the concurrency group '{group}' is held by {by:?}; the job waits for its end")]
    Group {
        /// The group, in lower case.
        group: String,
        /// Who holds it.
        by: crate::GroupMember,
    },
    /// A row holds what no version of this program writes.
    #[error("the database holds a {what} that cannot be read: {fact}")]
    Damaged {
        /// The kind of thing.
        what: &'static str,
        /// What was seen.
        fact: String,
    },
    /// Another program holds the file of a SQLite database: for as long nothing can be written.
    #[error("another program holds the database, so that nothing can be written; end what writes to it")]
    Held(#[source] sqlx::Error),
    /// The database refused, is full, or is away.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl StoreError {
    /// Whether the same call may work in a while: the database is away, busy or starting.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Held(_) => true,
            Self::Database(error) | Self::Open { source: error, .. } => is_passing(error),
            _ => false,
        }
    }

    /// Whether the database could not be reached when it was to be opened.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Open { source: sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut, .. })
    }

    /// Whether the database did not let this user in: 28 is the class of the codes of PostgreSQL for that.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Open { source: sqlx::Error::Database(error), .. }
            if error.code().is_some_and(|code| code.len() == 5 && code.starts_with("28")))
    }

    /// Of a migration that did not happen: a disk without room or a database that is away says nothing of versions.
    pub(crate) fn migration(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) if is_passing(&source) => {
                Self::Database(source)
            }
            error => Self::Schema(error),
        }
    }

    /// Whether another program holds the file of a SQLite database.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        matches!(self, Self::Held(_))
    }

    /// Whether the database took the transaction back because of others: it was no fault of its own.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error))
            if error.code().is_some_and(|code| code == "40001" || code == "40P01"))
    }

    /// Whether the connection died: its server ended it, or is gone.
    pub(crate) fn is_cut(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Io(_)) => true,
            Self::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| ["57P01", "57P02", "57P03"].contains(&code.as_ref()))
            }
            _ => false,
        }
    }

    /// Whether it is a fault of the disk or of the connection, after which nobody knows where the connection's transaction is: SQLite takes one back by itself
    /// when the disk is full.
    pub(crate) fn is_broken(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error.kind() == sqlx::error::ErrorKind::Other,
            Self::Database(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::RowNotFound) => false,
            Self::Database(_) => true,
            _ => false,
        }
    }

    pub(crate) fn damaged(what: &'static str, fact: impl std::fmt::Display) -> Self {
        Self::Damaged { what, fact: fact.to_string() }
    }
}

pub(crate) fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        // 08: connection; 40: serialisation, deadlock; 53: resources; 57: starting or stopping. SQLite, in the low byte: 5 busy, 6 locked, 10 the disk
        // failed (or is full), 13 full, 14 cannot be opened.
        sqlx::Error::Database(error) => match sqlite_code(&**error) {
            Some(code) => [5, 6, 10, 13, 14].contains(&code),
            None => {
                error.code().is_some_and(|code| ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class)))
            }
        },
        _ => false,
    }
}

/// What SQLite says, in the low byte of its code; `None` of PostgreSQL, whose codes have five characters.
pub(crate) fn sqlite_code(error: &dyn sqlx::error::DatabaseError) -> Option<u32> {
    let code = error.code().filter(|code| code.len() != 5)?;
    code.parse::<u32>().ok().map(|code| code & 0xff)
}
