//! A copy of all that is remembered. Called by `ekiden server backup`.

use crate::database::Backend;
use crate::{Store, StoreError};
use std::path::Path;

impl Store {
    /// Writes a copy of a SQLite database to a file that is not there yet; the server goes on meanwhile. The copy is a database of its own: to restore it, put
    /// it in the place of the one that was lost while no server runs.
    ///
    /// # Errors
    /// When the file is there already or cannot be written, or the database is PostgreSQL, which has tools of its own for this.
    pub async fn backup(&self, path: &Path) -> Result<(), StoreError> {
        let Backend::Sqlite(database) = &self.backend else { return Err(StoreError::NoBackup) };
        let shown = path.display().to_string();
        if path.exists() {
            return Err(StoreError::Present { what: "file", name: shown });
        }
        let Some(text) = path.to_str() else {
            return Err(StoreError::Address { url: shown });
        };
        sqlx::query("VACUUM INTO $1").bind(text).execute(&mut *database.read().await?).await?;
        Ok(())
    }
}
