//! What a project's forge was told of runs, so that it is told again what changed, and nothing else, also after a restart. Called by the server's loop that tells it.

use crate::database::{change, read};
use crate::runs::StoredRun;
use crate::{Store, StoreError};
use domain::control::{AttemptNumber, ProjectId, RunId};
use std::collections::BTreeMap;

impl Store {
    /// Runs of a project of whose newest attempt not all was told, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn untold_runs(&self, project: ProjectId, limit: u32) -> Result<Vec<StoredRun>, StoreError> {
        Ok(read!(self, statuses::untold(project, limit)))
    }

    /// What was said of a run last, by context.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn said(&self, run: RunId) -> Result<BTreeMap<String, String>, StoreError> {
        Ok(read!(self, statuses::said(run)))
    }

    /// Something was said of a run.
    ///
    /// # Errors
    /// When the database fails; it is no fault when the run went meanwhile.
    pub async fn note_said(&self, run: RunId, context: &str, said: &str) -> Result<(), StoreError> {
        change!(self, statuses::note(run, context, said));
        Ok(())
    }

    /// All was told of an attempt that is over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_told(&self, run: RunId, attempt: AttemptNumber) -> Result<(), StoreError> {
        change!(self, statuses::told(run, attempt));
        Ok(())
    }

    /// Nothing is told of the runs of a project that are over now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn leave_untold(&self, project: ProjectId) -> Result<(), StoreError> {
        change!(self, statuses::leave(project));
        Ok(())
    }
}
