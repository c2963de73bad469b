//! What lies in a server's folder, by name. Called by `serve` and `backup`, and by the program, which sees to it that others cannot read it.

/// Its database, where it has one of its own.
pub const DATABASE: &str = "ekiden.db";
/// The master keys.
pub const KEYS: &str = "master-keys";
/// The first token of all.
pub const FIRST_TOKEN: &str = "admin-token";
/// Open parts of logs; it says to others that a server uses it by the lock within.
pub const LOGS: &str = "logs";
/// Sealed logs.
pub const OBJECTS: &str = "objects";
/// Mirrors of repositories.
pub const MIRRORS: &str = "repositories";
