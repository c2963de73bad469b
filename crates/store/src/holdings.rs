//! Secrets and variables of a scope. Called by the server's routes for them, and when it makes a task.

use crate::audit::AuditEntry;
use crate::database::{change, read};
use crate::{Store, StoreError};
use domain::Timestamp;
use domain::control::{ProjectId, Scope};

/// What people see of a secret or a variable beside its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Upper case.
    pub name: String,
    /// What people wrote about it.
    pub description: String,
    /// Since when there is one of this name.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// A secret as it is kept: the server sealed it, and only the server can open it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// Whose it is; the seal covers it.
    pub scope: Scope,
    /// Upper case; the seal covers it.
    pub name: String,
    /// The sealed value.
    pub sealed: Vec<u8>,
}

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Whose it is.
    pub scope: Scope,
    /// What people see beside the value.
    pub holding: Holding,
    /// Its value.
    pub value: String,
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
    /// Keeps a secret; one of the same scope and name is replaced.
    ///
    /// # Errors
    /// When the scope is a project that does not exist.
    pub async fn set_secret(
        &self,
        secret: &SealedSecret,
        description: &str,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Set, StoreError> {
        Ok(change!(self, holdings::set_secret(secret, description, now, audit)))
    }

    /// Forgets a secret.
    ///
    /// # Errors
    /// When there is none of this name.
    pub async fn remove_secret(
        &self,
        scope: Scope,
        name: &str,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        change!(self, holdings::remove_secret(scope, name, now, audit));
        Ok(())
    }

    /// The secrets of a scope, by name, without their values.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn secrets(&self, scope: Scope) -> Result<Vec<Holding>, StoreError> {
        Ok(read!(self, holdings::secrets(scope)))
    }

    /// The secrets that jobs of a project may see: those of its owner, and its own before these.
    ///
    /// # Errors
    /// When there is no such project.
    pub async fn secrets_for(&self, project: ProjectId) -> Result<Vec<SealedSecret>, StoreError> {
        Ok(read!(self, holdings::secrets_for(project)))
    }

    /// Keeps a variable; one of the same scope and name is replaced.
    ///
    /// # Errors
    /// When the scope is a project that does not exist.
    pub async fn set_variable(
        &self,
        scope: Scope,
        name: &str,
        value: &str,
        description: &str,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Set, StoreError> {
        Ok(change!(self, holdings::set_variable(scope, name, value, description, now, audit)))
    }

    /// Forgets a variable.
    ///
    /// # Errors
    /// When there is none of this name.
    pub async fn remove_variable(
        &self,
        scope: Scope,
        name: &str,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        change!(self, holdings::remove_variable(scope, name, now, audit));
        Ok(())
    }

    /// The variables of a scope, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn variables(&self, scope: Scope) -> Result<Vec<Variable>, StoreError> {
        Ok(read!(self, holdings::variables(scope)))
    }

    /// The variables that jobs of a project see: those of the instance, of its owner before these, and its own before all.
    ///
    /// # Errors
    /// When there is no such project.
    pub async fn variables_for(&self, project: ProjectId) -> Result<Vec<Variable>, StoreError> {
        Ok(read!(self, holdings::variables_for(project)))
    }
}
