//! The form of a backup. Called by `make`, which writes it, and `restore`, which reads it.

use crate::folder::{DATABASE, FIRST_TOKEN, KEYS, LOGS, MIRRORS, OBJECTS};
use serde::{Deserialize, Serialize};
use std::path::{Component, Path};

/// The newest form that is known here.
pub(super) const FORM: u32 = 1;
/// The first file: what this is.
pub(super) const HEAD: &str = "backup.json";
/// The last file: this was all.
pub(super) const END: &str = "end.json";
/// The dump of a PostgreSQL.
pub(super) const DUMP: &str = "database.pgdump";
/// Single files.
pub(super) const FILES: [&str; 3] = [KEYS, FIRST_TOKEN, "ekiden.toml"];

/// What the first file says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    /// The form of all that follows.
    pub(super) form: u32,
    /// The version that made it.
    pub(super) ekiden: String,
    /// When, in milliseconds since 1970.
    pub(super) made: u64,
    /// What it holds.
    pub(super) database: Database,
    /// The schema of that; the first programs did not say, and theirs is known to all.
    #[serde(default)]
    pub(super) schema: i64,
}

/// Which database a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Database {
    /// A whole SQLite file.
    Sqlite,
    /// A dump of `pg_dump`.
    Postgres,
}

/// What the last file says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct End {
    /// How many files were before it, the first one too.
    pub(super) files: u64,
}

/// Whether a name may be in a backup: below the folder, one of those that are written.
pub(super) fn is_known(path: &Path) -> bool {
    let mut parts = path.components();
    let (Some(Component::Normal(first)), true) =
        (parts.next(), path.components().all(|part| matches!(part, Component::Normal(_))))
    else {
        return false;
    };
    let is_file = parts.next().is_none();
    let files = FILES.into_iter().chain([DATABASE, DUMP]);
    let folders = [LOGS, OBJECTS, MIRRORS];
    (is_file && files.into_iter().any(|name| first == name))
        || (!is_file && folders.into_iter().any(|name| first == name))
}

#[cfg(test)]
mod tests {
    use super::is_known;
    use std::path::Path;

    #[test]
    fn only_what_is_written_is_read() {
        for good in ["ekiden.db", "master-keys", "logs/0a/10.000000000000.rows", "objects/ff/255.json"] {
            assert!(is_known(Path::new(good)), "{good}");
        }
        for bad in ["", "/etc/passwd", "../x", "logs/../../x", "logs", "other", "master-keys/x", "./ekiden.db"] {
            assert!(!is_known(Path::new(bad)), "{bad}");
        }
    }
}
