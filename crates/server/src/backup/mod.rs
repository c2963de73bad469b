//! A server's folder and database in one file, and back. Called by `ekiden server backup` and `ekiden server restore`.
//!
//! The file is a tar archive in zstd (`tar --zstd -tvf FILE` lists it): what it is (`backup.json`), the database, the keys, the logs, and at its end a file that says
//! that this is all. The server goes on meanwhile. The order makes the copy one that a crash could have left: the database first, as of one moment; then the open
//! parts of the logs of its tasks; then what is sealed of them. Whatever moves from one to the other in between is in both, and is found once.

mod archive;
mod error;
mod make;
mod place;
mod postgres;
mod restore;
mod room;
mod stop;

pub use error::{BackupError, RestoreError, ToolError};
pub use make::{BackupOrder, Made, Mirrors, make_backup};
pub(crate) use place::is_half_restored;
pub use restore::{RestoreOrder, Restored, restore_backup};
pub use stop::Stop;
