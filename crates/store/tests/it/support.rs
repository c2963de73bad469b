//! Both databases, empty.

use domain::Timestamp;
use std::sync::Arc;
use store::{AuditEntry, Store};
use testkit::Postgres;

/// A store, and what it lies in.
pub(crate) struct Setting {
    pub(crate) store: Store,
    pub(crate) url: String,
    _folder: tempfile::TempDir,
    _server: Option<Arc<Postgres>>,
}

pub(crate) async fn sqlite() -> Setting {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("ekiden.db").display());
    Setting { store: Store::open(&url).await.unwrap(), url, _folder: folder, _server: None }
}

/// A database without anything; `None` where there is no PostgreSQL; in CI there is one.
pub(crate) fn empty_postgres() -> Option<(String, Arc<Postgres>)> {
    let Some(server) = Postgres::shared().unwrap() else {
        assert!(std::env::var_os("CI").is_none(), "PostgreSQL is not installed; `cargo xtask test` installs it");
        println!("SKIP: PostgreSQL is not installed");
        return None;
    };
    Some((server.database().unwrap(), server))
}

pub(crate) async fn postgres() -> Option<Setting> {
    let (url, server) = empty_postgres()?;
    let store = Store::open(&url).await.unwrap();
    Some(Setting { store, url, _folder: tempfile::tempdir().unwrap(), _server: Some(server) })
}

/// Changes a database behind the store's back.
pub(crate) async fn by_hand(url: &str, statement: &str) {
    let statement = sqlx::AssertSqlSafe(statement.to_owned());
    if url.starts_with("sqlite:") {
        let mut conn = <sqlx::SqliteConnection as sqlx::Connection>::connect(url).await.unwrap();
        sqlx::raw_sql(statement).execute(&mut conn).await.unwrap();
    } else {
        let mut conn = <sqlx::PgConnection as sqlx::Connection>::connect(url).await.unwrap();
        sqlx::raw_sql(statement).execute(&mut conn).await.unwrap();
    }
}

/// Makes a test of each function, for each database.
macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name($crate::support::sqlite().await).await; })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(setting) = $crate::support::postgres().await { super::$name(setting).await; }
            })+
        }
    };
}
pub(crate) use contract;

pub(crate) const fn at(millis: u64) -> Timestamp {
    Timestamp(millis)
}

pub(crate) fn entry(action: &str, object: &str) -> AuditEntry {
    AuditEntry {
        actor: "token 1 (ana)".to_owned(),
        origin: "127.0.0.1".to_owned(),
        action: action.to_owned(),
        object: object.to_owned(),
        detail: serde_json::json!({}),
    }
}
