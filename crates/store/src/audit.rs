//! Who changed what, from where. Called by every verb that changes tokens, runners, secrets or projects, and by `ekiden audit list`.

use crate::database::{change, read};
use crate::{Store, StoreError};
use domain::Timestamp;

/// What is to be noted of a change; it is written in the change's own transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Who: `token 3 (deploy)`, `runner 5`, `first start`.
    pub actor: String,
    /// From where: an address, or `here` for the machine itself.
    pub origin: String,
    /// What was done: `runner.remove`.
    pub action: String,
    /// To what: `runner 5 (build-1)`. Never a secret's value.
    pub object: String,
    /// What else there is to say.
    pub detail: serde_json::Value,
}

impl AuditEntry {
    /// In [`Self::object`], the number of what is being made: nobody knows it before it is written.
    pub const NEW: &str = "{new}";

    /// The entry of what got this number.
    pub(crate) fn of(&self, number: i64) -> Self {
        Self { object: self.object.replacen(Self::NEW, &number.to_string(), 1), ..self.clone() }
    }
}

/// An entry as it was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its place in the order of all.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub entry: AuditEntry,
}

/// Which entries to list, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// Those older than this entry; `None`: from the newest.
    pub before: Option<i64>,
    /// Those since then.
    pub since: Option<Timestamp>,
    /// Those whose action begins so.
    pub action: Option<String>,
    /// How many at most.
    pub limit: u32,
}

impl Store {
    /// Notes something that changed nothing in the store, such as a refused token.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note(&self, now: Timestamp, entry: &AuditEntry) -> Result<(), StoreError> {
        change!(self, audit::add(now, entry));
        Ok(())
    }

    /// Lists entries.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditRecord>, StoreError> {
        Ok(read!(self, audit::list(filter)))
    }
}
