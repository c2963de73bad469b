//! Projects: git repositories whose workflows run here, and their owners. Called by the server's project routes, its watcher of refs, and `up`.

use crate::audit::AuditEntry;
use crate::database::{change, read};
use crate::news::Change;
use crate::pushes::Queue;
use crate::{Store, StoreError};
use domain::Timestamp;
use domain::control::{OwnerId, ProjectId};

/// A project to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProject {
    /// The part of the name before the slash.
    pub owner: String,
    /// The part behind it.
    pub name: String,
    /// Where its repository is: a path of this machine or a URL.
    pub git: String,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its number.
    pub id: ProjectId,
    /// The number of its owner.
    pub owner_id: OwnerId,
    /// Its owner's name, as it was first given.
    pub owner: String,
    /// As it was given.
    pub name: String,
    /// Where its repository is.
    pub git: String,
    /// What the server is told about it, in its words; null where nothing was told.
    pub settings: serde_json::Value,
    /// Since when it is one.
    pub created: Timestamp,
}

impl Project {
    /// `owner/name`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

/// A branch or a tag that is another one now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefChange {
    /// `refs/heads/main`
    pub name: String,
    /// What was seen of it.
    pub to: RefMove,
}

/// How a ref moved, by its commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefMove {
    /// It is new.
    Made(String),
    /// It leads elsewhere.
    Moved {
        /// Where it led.
        before: String,
        /// Where it leads.
        after: String,
    },
    /// It is gone from there.
    Gone(String),
}

impl Store {
    /// Makes a project, and its owner where there is none of that name.
    ///
    /// # Errors
    /// When there is one of this name, whatever its case.
    pub async fn add_project(
        &self,
        project: &NewProject,
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<Project, StoreError> {
        Ok(change!(self, projects::add(project, now, audit), |made| vec![Change::Project(made.id)]))
    }

    /// The project of a name, whatever the name's case.
    ///
    /// # Errors
    /// When there is none.
    pub async fn project(&self, owner: &str, name: &str) -> Result<Project, StoreError> {
        Ok(read!(self, projects::by_name(owner, name)))
    }

    /// The project of a number.
    ///
    /// # Errors
    /// When there is none.
    pub async fn project_by_id(&self, id: ProjectId) -> Result<Project, StoreError> {
        Ok(read!(self, projects::by_id(id)))
    }

    /// The owner of a name, whatever the name's case.
    ///
    /// # Errors
    /// When no project has such an owner, or had one.
    pub async fn owner(&self, name: &str) -> Result<OwnerId, StoreError> {
        Ok(read!(self, projects::owner(name)))
    }

    /// All projects, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn projects(&self) -> Result<Vec<Project>, StoreError> {
        Ok(read!(self, projects::all()))
    }

    /// Sets one thing that the server is told about a project; null takes it away.
    ///
    /// # Errors
    /// When there is no such project.
    pub async fn set_project_setting(
        &self,
        id: ProjectId,
        (key, value): (&str, &serde_json::Value),
        now: Timestamp,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        change!(self, projects::set_setting(id, key, value, now, audit), |()| vec![Change::Project(id)]);
        Ok(())
    }

    /// Forgets a project with all that is its own; its logs go with the next sweep ([`Store::gone_logs`]).
    ///
    /// # Errors
    /// When there is none.
    pub async fn remove_project(&self, id: ProjectId, now: Timestamp, audit: &AuditEntry) -> Result<(), StoreError> {
        change!(self, projects::remove(id, now, audit), |()| vec![Change::Project(id)]);
        Ok(())
    }

    /// Notes where the refs of a project lead now, and gives those that moved. Of two callers who see the same move one gets it.
    ///
    /// # Errors
    /// When there is no such project.
    pub async fn note_refs(&self, id: ProjectId, refs: &[(String, String)]) -> Result<Vec<RefChange>, StoreError> {
        self.note_moves(id, refs, Queue::Nothing).await
    }
}
