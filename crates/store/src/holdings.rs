//! Secrets and variables of a scope. Called by the server's routes for them, and when it makes a task.

use crate::audit::AuditEntry;
use crate::database::{change, read};
use crate::{Store, StoreError};
use domain::Timestamp;
use domain::control::{ProjectId, Scope};

/// What a scope holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldingKind {
    /// Sealed by the server, which alone can open it.
    Secret,
    /// Plain text.
    Variable,
}

impl HoldingKind {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Variable => "variable",
        }
    }
}

/// A secret or a variable to be.
#[derive(Clone, PartialEq, Eq)]
pub struct NewHolding {
    /// Which of the two.
    pub kind: HoldingKind,
    /// Whose it is.
    pub scope: Scope,
    /// Upper case.
    pub name: String,
    /// What people write about it.
    pub description: String,
    /// What is kept.
    pub value: Vec<u8>,
}

/// A secret or a variable.
#[derive(Clone, PartialEq, Eq)]
pub struct Holding {
    /// What was kept.
    pub new: NewHolding,
    /// Since when there is one of this name.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

impl std::fmt::Debug for NewHolding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, scope, name, .. } = self;
        write!(f, "{} {name} of {scope:?}", kind.word())
    }
}

impl std::fmt::Debug for Holding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.new.fmt(f)
    }
}

/// What a call that sets something found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// There was none of this name.
    Made,
    /// The one of this name is another one now.
    Changed,
}

impl Store {
    /// Keeps a secret or a variable; one of the same scope and name is replaced.
    ///
    /// # Errors
    /// When the scope is a project that does not exist.
    pub async fn set_holding(
        &self,
        holding: &NewHolding,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Set, StoreError> {
        Ok(change!(self, holdings::set(holding, now, audit)))
    }

    /// Keeps one of a name that there is none of yet.
    ///
    /// # Errors
    /// [`StoreError::Present`] when there is one, or when the scope is a project that does not exist.
    pub async fn add_holding(
        &self,
        holding: &NewHolding,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        change!(self, holdings::add(holding, now, audit));
        Ok(())
    }

    /// Changes the one of a name, which may get another name by it.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none of the old name, [`StoreError::Present`] when there is another one of the new name.
    pub async fn change_holding(
        &self,
        old: &str,
        holding: &NewHolding,
        now: Timestamp,
        audit: &[AuditEntry],
    ) -> Result<(), StoreError> {
        change!(self, holdings::change(old, holding, now, audit));
        Ok(())
    }

    /// Forgets one.
    ///
    /// # Errors
    /// When there is none of this name.
    pub async fn remove_holding(
        &self,
        kind: HoldingKind,
        scope: Scope,
        name: &str,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        change!(self, holdings::remove(kind, scope, name, now, audit));
        Ok(())
    }

    /// Those of a scope alone, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn holdings(&self, kind: HoldingKind, scope: Scope) -> Result<Vec<Holding>, StoreError> {
        Ok(read!(self, holdings::of_scope(kind, scope)))
    }

    /// Those that jobs of a project see, secrets before variables, by name: the instance's, its owner's before these, and its own before all.
    ///
    /// # Errors
    /// When there is no such project.
    pub async fn holdings_for(&self, project: ProjectId) -> Result<Vec<Holding>, StoreError> {
        Ok(read!(self, holdings::for_project(project)))
    }
}
